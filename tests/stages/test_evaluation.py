import json
from pathlib import Path

import pytest
from PIL import Image

from mggc.data.open import open_dataset
from mggc.runs.rundir import RunDir
from mggc.stages.compress import compress_run
from mggc.stages.evaluate import run_metrics
from mggc.stages.single import run_stage
from pipeline_toys import few_letters, tiny_config, write_domains, write_pairs

PAIRED = {"mean_absolute_error", "ssim", "psnr"}
COSTS = {"macs", "macs_paper", "parameters", "file_size", "latency", "peak_memory"}
OF_SETS = {"frechet", "kernel", "density", "coverage", "precision", "recall"}
OF_NEIGHBORS = {"neighborhood_preservation@2", "local_distance_correlation@2"}


def test_every_figure_says_how_it_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few_letters(monkeypatch)
    compress_run(tiny_config("pix2pix"), tmp_path)
    figures = run_metrics(RunDir.open(tmp_path))
    assert figures.keys() == {"original", "compressed"}
    features = {f"{name}[swav-r18-w4]" for name in OF_SETS}
    shared = PAIRED | COSTS | features | {"mean_iou", "ink_iou"}
    assert figures["original"].keys() == shared
    assert figures["compressed"].keys() == shared | {f"{name}[swav-r18-w4]" for name in OF_NEIGHBORS}
    for name, figure in figures["compressed"].items():
        assert figure.value is not None
        if name not in COSTS:
            protocol = figure.protocol
            assert (protocol["split"], protocol["image_size"]) == ("test", 32)
            assert (protocol["batch_norm"], protocol["dropout"]) == ("running statistics", "off")
            assert protocol["sources"] == protocol["targets"] == 5
    assert figures["compressed"]["latency"].protocol["threads"]
    size = (tmp_path / "compressed" / "model.safetensors").stat().st_size
    assert figures["compressed"]["file_size"].value == size


def test_unpaired_images_have_no_figures_of_pairs(tmp_path: Path) -> None:
    data = write_domains(tmp_path / "data", test=3)
    compress_run(tiny_config("cyclegan", data), tmp_path / "run")
    figures = run_metrics(RunDir.open(tmp_path / "run"))["compressed"]
    assert not figures.keys() & (PAIRED | {"mean_iou"})
    assert figures.keys() >= COSTS


@pytest.mark.parametrize("images", [1, 2])
def test_a_handful_of_test_images_gives_the_figures_that_are_defined(tmp_path: Path, images: int) -> None:
    data = write_pairs(tmp_path / "data", train=4, test=images)
    compress_run(tiny_config("pix2pix", data), tmp_path / "run")
    figures = run_metrics(RunDir.open(tmp_path / "run"))["compressed"]
    assert figures.keys() >= PAIRED | COSTS
    assert any(name.startswith("frechet") for name in figures) == (images > 1)
    json.loads((tmp_path / "run" / "evaluate" / "metrics.json").read_text(), parse_constant=pytest.fail)


def test_results_do_not_depend_on_the_batch_size(tmp_path: Path) -> None:
    run = tmp_path / "run"
    compress_run(tiny_config("pix2pix", write_pairs(tmp_path / "data", test=5)), run)
    before = run_metrics(RunDir.open(run))["compressed"]
    run_stage(run, "evaluate", {"evaluate": {"batch_size": 2}}, force=True)
    for name, figure in run_metrics(RunDir.open(run))["compressed"].items():
        if name != "latency":
            assert figure.value == pytest.approx(before[name].value, rel=1e-4), name


def test_the_grid_shows_source_original_compressed_and_target(tmp_path: Path) -> None:
    data = write_pairs(tmp_path / "data", test=2)
    compress_run(tiny_config("pix2pix", data, data={"input_channels": 1}), tmp_path / "run")
    with Image.open(tmp_path / "run" / "evaluate" / "grid.png") as grid:
        assert grid.mode == "RGB"
        assert grid.width == 4 * (128 + 6) + 6
    assert len(open_dataset(RunDir.open(tmp_path / "run").config.data, "pix2pix").test) == 2
