from pathlib import Path

import pytest
import torch

import mggc
from mggc.runs.rundir import RunDir
from mggc.stages.compress import CompressResult
from pipeline_toys import tiny_config, write_domains, write_generator, write_pairs


class Recorder:
    """A caller's own reporter."""

    def __init__(self) -> None:
        self.stages: list[str] = []

    def progress(self, progress: object) -> None:
        stage = str(getattr(progress, "stage", ""))
        if stage not in self.stages:
            self.stages.append(stage)

    def message(self, text: str) -> None:
        pass


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("data") / "pairs")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory, pairs: Path) -> CompressResult:
    out = tmp_path_factory.mktemp("runs") / "run"
    return mggc.compress(pairs, out=out, config=tiny_config("pix2pix"), reporter=Recorder())


def test_compress_returns_what_came_of_it_and_reports_every_stage(pairs: Path, tmp_path: Path) -> None:
    recorder = Recorder()
    config = tiny_config("pix2pix")
    result = mggc.compress(str(pairs), out=tmp_path / "run", budget=0.5, config=config, reporter=recorder)
    assert recorder.stages == ["original", "encode", "neighbors", "prune", "finetune", "evaluate"]
    assert result.budget == result.macs["original"] // 2
    assert 0.9 * result.budget < result.macs["compressed"] <= result.budget
    assert result.metrics["compressed"]["macs"] == result.macs["compressed"]
    assert RunDir.open(result.run).config.data.data == str(pairs)
    again = mggc.compress(pairs, out=tmp_path / "run", budget="0.5", config=config)
    assert again == result
    assert config == tiny_config("pix2pix"), "the caller's own stays as it was"


def test_load_generator_takes_a_run_a_directory_and_a_file(result: CompressResult) -> None:
    images = torch.rand(2, 3, 64, 32) * 2 - 1
    outputs = []
    for path in (result.run, str(result.compressed), result.compressed / "model.safetensors"):
        network = mggc.load_generator(path)
        assert not network.training
        with torch.no_grad():
            outputs.append(network(images))
    assert outputs[0].shape == images.shape
    assert outputs[0].abs().max() <= 1
    assert torch.equal(outputs[0], outputs[1])
    assert torch.equal(outputs[0], outputs[2])
    macs = mggc.count_macs(mggc.load_generator(result.run), 32)
    assert macs == result.macs["compressed"]
    paper = mggc.count_macs(mggc.load_generator(result.run), 32, convention="paper")
    assert paper == result.metrics["compressed"]["macs_paper"]


def test_load_generator_of_an_unfinished_run_gives_the_original(
    result: CompressResult, tmp_path: Path
) -> None:
    run = RunDir.create(tmp_path / "run", RunDir.open(result.run).config)
    write_generator(run.path / "original" / "generator", channels=3)
    assert mggc.count_macs(mggc.load_generator(run.path), 32) == result.macs["original"]


def test_load_generator_refuses_a_discriminator(result: CompressResult) -> None:
    path = result.run / "original" / "discriminator"
    with pytest.raises(mggc.MggcError, match="holds a discriminator"):
        mggc.load_generator(path)
    assert mggc.load_discriminator(path)(torch.zeros(1, 6, 32, 32)).shape == (1, 1, 2, 2)
    with pytest.raises(mggc.MggcError, match="holds a generator"):
        mggc.load_discriminator(result.compressed)


def test_bad_arguments_are_the_one_error_that_a_caller_can_catch(tmp_path: Path, pairs: Path) -> None:
    with pytest.raises(mggc.MggcError, match="Found no folder"):
        mggc.compress(tmp_path / "none", out=tmp_path / "run")
    with pytest.raises(mggc.MggcError, match="A budget is a share"):
        mggc.compress(pairs, out=tmp_path / "run", budget="plenty")
    with pytest.raises(mggc.MggcError, match="unpaired data"):
        mggc.compress(write_domains(tmp_path / "domains"), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_everything_the_package_names_is_there() -> None:
    # What an extra brings is named too, but `from mggc import *` does not ask for it.
    assert set(dir(mggc)) == {*mggc.__all__, "HubGenerator"}
    assert all(getattr(mggc, name) is not None for name in mggc.__all__)
    with pytest.raises(AttributeError, match="no attribute 'compres'"):
        mggc.compres  # noqa: B018
