import shutil
from pathlib import Path

import pytest
import torch

from mggc.errors import MggcError
from mggc.metrics import Lpips
from mggc.runs.rundir import RunDir
from mggc.stages.compress import compress_run
from mggc.stages.evaluate import run_metrics
from mggc.stages.single import run_stage
from mggc.weights import ALEXNET
from pipeline_toys import tiny_config, write_pairs


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights in a folder of the user's, under the published names."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights")
    state = Lpips().state_dict()
    for file, prefix in ((ALEXNET.file_name, "features."), ("alex.pth", "lin")):
        part = {name: value.abs() for name, value in state.items() if name.startswith(prefix)}
        torch.save(part, folder / file)
    return folder


def test_lpips_is_measured_where_its_weights_are_and_refused_where_a_file_is_missing(
    tmp_path: Path, weights: Path
) -> None:
    data, run = write_pairs(tmp_path / "data", train=4, test=3), tmp_path / "run"
    compress_run(tiny_config("pix2pix", data), run)
    assert "lpips[alex]" not in run_metrics(RunDir.open(run))["original"]
    settings = {"lpips": str(weights)}
    run_stage(run, "evaluate", {"evaluate": settings}, force=True)
    for figures in run_metrics(RunDir.open(run)).values():
        figure = figures["lpips[alex]"]
        assert figure.value is not None
        assert figure.value > 0
        assert figure.sd is not None
        assert figure.protocol["features"] == "alexnet, LPIPS 0.1"
    lacking = Path(shutil.copytree(weights, tmp_path / "lacking"))
    (lacking / "alex.pth").unlink()
    config = tiny_config("pix2pix", data, evaluate={"lpips": str(lacking)})
    with pytest.raises(
        MggcError, match=r"lacks lpips-v0\.1-alex\.pth and alex\.pth\. Get lpips-v0\.1-alex\.pth from"
    ):
        compress_run(config, tmp_path / "new")
    assert not (tmp_path / "new").exists()
