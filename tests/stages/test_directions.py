"""Which of CycleGAN's two generators is compressed."""

from pathlib import Path
from typing import Any

import pytest
import torch
from import_toys import CYCLE, RESNET, write_checkpoints

import mggc
from mggc.config import CompressConfig, Direction
from mggc.errors import MggcError
from mggc.networks.files import LoadedNetwork
from mggc.networks.legacy import load_checkpoint
from mggc.runs.rundir import RunDir
from mggc.stages.aim import aimed, toward
from mggc.stages.compress import compress_run
from mggc.stages.networks import Role, load_original
from mggc.stages.source import GeneratorSource
from pipeline_toys import results, tiny_config, write_domains, write_pairs

SWAPPED: list[tuple[Role, Role]] = [
    ("generator", "backward_generator"),
    ("discriminator", "source_discriminator"),
]


@pytest.fixture(scope="module")
def domains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_domains(tmp_path_factory.mktemp("domains") / "images")


def same_weights(one: LoadedNetwork, other: LoadedNetwork) -> bool:
    first, second = one.network.state_dict(), other.network.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def tiny(folder: Path | str, compress: str | None, **sections: Any) -> CompressConfig:
    return tiny_config("cyclegan", folder, **sections).model_copy(update={"compress": compress})


def generator_of(direction: Direction, file: Path) -> tuple[str, LoadedNetwork]:
    config, source = toward(direction, CompressConfig(), GeneratorSource(str(file)))
    assert source is not None
    assert config.compress is None
    return config.data.direction, source.networks()["generator"]


@pytest.mark.parametrize("named", ["latest_net_G_A.pth", "latest_net_G_B.pth", ""])
@pytest.mark.parametrize("trained", ["AtoB", "BtoA"])
def test_either_generator_of_a_pair_leads_to_the_one_that_is_wanted(
    tmp_path: Path, named: str, trained: str
) -> None:
    folder = write_checkpoints(tmp_path, CYCLE, {"model": "cycle_gan", "direction": trained})
    first, second = ("G_A", "G_B") if trained == "AtoB" else ("G_B", "G_A")
    for direction, name in (("AtoB", first), ("BtoA", second)):
        got, loaded = generator_of(direction, folder / named)  # type: ignore[arg-type]
        assert got == direction
        assert same_weights(loaded, load_checkpoint(folder / f"latest_net_{name}.pth"))


def test_a_run_is_turned_with_its_discriminators_and_channels(tmp_path: Path) -> None:
    data = write_domains(tmp_path / "images")
    first = compress_run(tiny(data, "AtoB", data={"input_channels": 1}), tmp_path / "run").run
    second = compress_run(tiny(data, "BtoA"), tmp_path / "back", generator=GeneratorSource(str(first))).run
    assert (RunDir.open(first).config.data.direction, RunDir.open(second).config.data.direction) == (
        "AtoB",
        "BtoA",
    )
    assert load_original(RunDir.open(second), "generator").spec.input_channels == 3
    for one, other in SWAPPED:
        assert same_weights(load_original(RunDir.open(first), one), load_original(RunDir.open(second), other))


def test_both_directions_are_two_games_over_one_trained_pair(tmp_path: Path, domains: Path) -> None:
    config, out = tiny(domains, "both"), tmp_path / "runs"
    both = mggc.compress_both(domains, out=out, config=config)
    assert list(both.directions) == ["AtoB", "BtoA"]
    runs = [RunDir.open(out / name) for name in both.directions]
    for one, other in SWAPPED:
        assert same_weights(load_original(runs[0], one), load_original(runs[1], other))
    for run, result in zip(runs, both.directions.values(), strict=True):
        assert result.run == run.path
        assert result.macs["compressed"] <= result.budget
        assert run.config.compress is None
    before = [results(run.path) for run in runs]
    again = mggc.compress_both(domains, out=out, config=config)
    assert [results(run.path) for run in runs] == before
    record = again.to_json()
    assert record["run"] == str(out)
    assert record["directions"]["BtoA"]["run"] == str(out / "BtoA")
    assert record["macs"]["BtoA"] == both.directions["BtoA"].macs


def test_both_directions_of_an_imported_pair(tmp_path: Path, domains: Path) -> None:
    folder = write_checkpoints(tmp_path / "theirs", CYCLE)
    config = tiny(domains, "both")
    both = mggc.compress_both(domains, out=tmp_path / "runs", generator=folder, config=config)
    for direction, name in (("AtoB", "G_A"), ("BtoA", "G_B")):
        original = load_original(RunDir.open(both.directions[direction].run), "generator")
        assert same_weights(original, load_checkpoint(folder / f"latest_net_{name}.pth"))


def test_a_generator_whose_direction_nothing_tells_works_in_the_one_that_is_said(tmp_path: Path) -> None:
    file = write_checkpoints(tmp_path, {"G": RESNET}) / "latest_net_G.pth"
    direction, loaded = generator_of("BtoA", file)
    assert direction == "BtoA"
    assert same_weights(loaded, load_checkpoint(file))


def test_what_cannot_be_is_refused_before_anything_is_written(tmp_path: Path, domains: Path) -> None:
    alone = write_checkpoints(tmp_path / "a", {"G_A": RESNET}) / "latest_net_G_A.pth"
    unnamed = write_checkpoints(tmp_path / "b", {"G": RESNET}) / "latest_net_G.pth"
    out = tmp_path / "out"
    with pytest.raises(MggcError, match="other direction was wanted beside"):
        mggc.compress(domains, out=out, generator=alone, config=tiny(domains, "BtoA"))
    with pytest.raises(MggcError, match="other direction was wanted beside"):
        mggc.compress_both(domains, out=out, generator=alone, config=tiny(domains, "both"))
    with pytest.raises(MggcError, match="Both directions need both generators"):
        mggc.compress_both(domains, out=out, generator=unnamed, config=tiny(domains, "both"))
    with pytest.raises(MggcError, match="contradict each other"):
        mggc.compress(domains, out=out, config=tiny(domains, "BtoA", data={"direction": "AtoB"}))
    with pytest.raises(MggcError, match="Both directions are two runs"):
        mggc.compress(domains, out=out, config=tiny(domains, "both"))
    pairs = write_pairs(tmp_path / "pairs")
    with pytest.raises(MggcError, match="Pix2Pix has one"):
        mggc.compress(
            pairs, out=out, config=tiny_config("pix2pix", pairs).model_copy(update={"compress": "AtoB"})
        )
    assert not out.exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note.txt").write_text("mine")
    with pytest.raises(MggcError, match="holds something else"):
        mggc.compress_both(domains, out=tmp_path / "full", config=tiny(domains, "both"))


def test_without_a_wish_nothing_changes() -> None:
    config = CompressConfig()
    assert aimed(config, None) == (config, None)
