from pathlib import Path

import pytest
import torch

from mggc.stages.encode import run_encoder
from mggc.stages.find_neighbors import run_neighborhoods
from mggc.stages.single import run_stage, train_run
from pipeline_toys import tiny_config, write_pairs


@pytest.mark.parametrize(("method", "name"), [("random", "random-r18-w4"), ("pixels", "pixels-32")])
def test_encoders_that_are_not_trained_find_neighbors_too(tmp_path: Path, method: str, name: str) -> None:
    config = tiny_config("pix2pix", write_pairs(tmp_path / "data"), encode={"method": method})
    run = train_run(config, tmp_path / "run")
    for stage in ("encode", "neighbors"):
        run = run_stage(run.path, stage, {})  # type: ignore[arg-type]
    assert run_encoder(run).name == name
    assert (run.stage("encode").done() or {})["encoder"] == name
    assert run_neighborhoods(run).indices.shape == (7, 2)  # one is for validation
    assert not run.stage("encode").log_path.exists()


def test_an_untrained_encoder_is_a_function_of_the_seed(tmp_path: Path) -> None:
    data, weights = write_pairs(tmp_path / "data"), []
    for out in ("one", "other"):
        config = tiny_config("pix2pix", data, encode={"method": "random"})
        run = run_stage(train_run(config, tmp_path / out).path, "encode", {})
        weights.append(run_encoder(run).backbone.state_dict())
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
