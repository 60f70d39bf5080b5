"""From the checkpoints that people have to a compressed generator."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from import_toys import CYCLE, PAIR_JUDGE, RESNET, UNET, Ears, random_weights, write_checkpoints

import mggc
from cli_toys import mggc as command
from mggc.config import CompressConfig, Model
from mggc.networks.files import LoadedNetwork, load_network, save_network
from mggc.networks.legacy import load_checkpoint
from mggc.runs.rundir import RunDir
from mggc.stages.compress import CompressResult, complete, compress_run
from mggc.stages.networks import load_original
from mggc.stages.source import GeneratorSource
from pipeline_toys import TINY, write_domains, write_pairs

ALONE = "one direction alone: adversarial loss and distillation from the original, no cycle"


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("data") / "pairs")


@pytest.fixture(scope="module")
def domains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_domains(tmp_path_factory.mktemp("data") / "domains")


def tiny(data: Path, /, **sections: dict[str, Any]) -> CompressConfig:
    """Settings that leave model, network and channels to the generator."""
    settings = {name: dict(values) for name, values in TINY.items() if name not in ("budget", "network")}
    settings["data"]["data"] = str(data)
    for section, changes in sections.items():
        settings[section] = {**settings.get(section, {}), **changes}
    return CompressConfig.model_validate({**settings, "budget": "30%"})


def compress(
    data: Path, generator: Path | str, out: Path, /, **sections: dict[str, Any]
) -> tuple[CompressResult, Ears]:
    ears = Ears()
    source = GeneratorSource(str(generator))
    return compress_run(tiny(data, **sections), out, generator=source, reporter=ears), ears


def toml(settings: dict[str, Any]) -> str:
    """What was set, and nothing else."""
    lines = [
        f"{name} = {json.dumps(value)}" for name, value in settings.items() if not isinstance(value, dict)
    ]
    for name, section in settings.items():
        if isinstance(section, dict):
            lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in section.items())]
    return "\n".join(lines)


def assert_usable(result: CompressResult, size: int = 32) -> None:
    network = mggc.load_generator(result.compressed)
    assert mggc.count_macs(network, size) == result.macs["compressed"] <= result.budget
    assert network(torch.zeros(1, 3, size, size)).shape == (1, 3, size, size)


def same_weights(one: LoadedNetwork, other: LoadedNetwork) -> bool:
    mine, theirs = one.network.state_dict(), other.network.state_dict()
    return mine.keys() == theirs.keys() and all(torch.equal(mine[key], theirs[key]) for key in mine)


def test_a_bare_generator_is_enough(tmp_path: Path, pairs: Path) -> None:
    folder = write_checkpoints(tmp_path / "theirs", {"G": UNET})
    result, ears = compress(pairs, folder / "latest_net_G.pth", tmp_path / "run")
    assert_usable(result)
    assert ears.heard("No discriminator came with the generator")
    run = RunDir.open(result.run)
    done = run.stage("recover").done()
    assert done is not None
    assert set(done["share_of_guessing"]) == {"discriminator"}
    original = load_checkpoint(folder / "latest_net_G.pth").network
    images = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(load_original(run, "generator").network(images), original(images))
    again, silent = compress(pairs, folder / "latest_net_G.pth", tmp_path / "run")
    assert again == result
    assert not silent.heard("No discriminator")


def test_the_discriminator_beside_is_taken_and_so_are_the_options(tmp_path: Path, pairs: Path) -> None:
    options = {
        "model": "pix2pix",
        "direction": "BtoA                          \t[default: AtoB]",
        "crop_size": 64,
        "load_size": 70,
        "no_flip": True,
        "gan_mode": "vanilla",
        "netD": "n_layers",
        "n_layers_D": 2,
        "ndf": 6,
    }
    folder = write_checkpoints(tmp_path / "theirs", {"G": UNET, "D": PAIR_JUDGE}, options)
    config = complete(CompressConfig(), GeneratorSource(str(folder)))
    data = config.data
    assert (data.direction, data.image_size, data.load_size, data.flip) == ("BtoA", 64, 70, False)
    assert (config.train.gan_mode, config.finetune.gan_mode) == ("vanilla", "vanilla")
    network = config.network
    assert (network.discriminator_name, network.discriminator_layers, network.ndf) == ("n_layers", 2, 6)
    # What the user says wins.
    result, ears = compress(pairs, folder, tmp_path / "run", data={"load_size": 36, "flip": True})
    assert_usable(result)
    run = RunDir.open(result.run)
    assert (run.config.data.image_size, run.config.data.load_size) == (32, 36)
    assert not run.stage("recover").path.exists()
    assert ears.heard("Imported generator, discriminator from")


def test_both_generators_of_a_cyclegan_finetune_the_full_cycle(tmp_path: Path, domains: Path) -> None:
    folder = write_checkpoints(tmp_path / "theirs", CYCLE)
    result, ears = compress(domains, folder / "latest_net_G_A.pth", tmp_path / "run")
    assert_usable(result)
    assert RunDir.open(result.run).config.model == "cyclegan"
    assert ears.heard("full cycle objective")
    assert not ears.heard("came with")


def test_two_generators_without_discriminators_finetune_the_full_cycle_too(
    tmp_path: Path, domains: Path
) -> None:
    folder = write_checkpoints(tmp_path / "theirs", {"G_A": RESNET, "G_B": RESNET})
    result, ears = compress(domains, folder, tmp_path / "run")
    assert_usable(result)
    assert ears.heard("No source discriminator came with the backward generator")
    assert ears.heard("full cycle objective")
    done = RunDir.open(result.run).stage("recover").done()
    assert done is not None
    assert set(done["share_of_guessing"]) == {"discriminator", "source_discriminator"}


def test_a_cyclegan_generator_alone_is_finetuned_in_its_direction(tmp_path: Path, domains: Path) -> None:
    folder = write_checkpoints(tmp_path / "theirs", {"G_B": RESNET})
    result, ears = compress(domains, folder / "latest_net_G_B.pth", tmp_path / "run")
    assert_usable(result)
    assert ears.heard(ALONE)
    config = RunDir.open(result.run).config
    assert (config.model, config.data.direction) == ("cyclegan", "BtoA")


def test_a_generator_against_the_trained_direction_turns_it(tmp_path: Path) -> None:
    folder = write_checkpoints(tmp_path, {"G_A": RESNET, "G_B": RESNET}, {"direction": "BtoA"})
    for name, direction in (("G_A", "BtoA"), ("G_B", "AtoB")):
        source = GeneratorSource(str(folder / f"latest_net_{name}.pth"))
        assert complete(CompressConfig(), source).data.direction == direction


def test_a_run_brings_all_its_networks_even_recovered_ones(tmp_path: Path, pairs: Path) -> None:
    folder = write_checkpoints(tmp_path / "theirs", {"G": UNET})
    first, _ = compress(pairs, folder, tmp_path / "first")
    result, ears = compress(pairs, first.run, tmp_path / "second")
    assert_usable(result)
    assert not ears.heard("No discriminator")
    second = RunDir.open(result.run)
    old, new = (load_original(run, "discriminator") for run in (RunDir.open(first.run), second))
    assert same_weights(old, new)


def test_a_folder_of_this_package_is_a_generator(tmp_path: Path, pairs: Path) -> None:
    loaded = load_checkpoint(write_checkpoints(tmp_path, {"G": UNET}) / "latest_net_G.pth")
    save_network(tmp_path / "saved", loaded.network, spec=loaded.spec)
    folder, file = (
        GeneratorSource(str(path)) for path in (tmp_path / "saved", tmp_path / "saved" / "model.safetensors")
    )
    assert folder.digest() == file.digest()
    result, _ = compress(pairs, folder.name, tmp_path / "run")
    assert_usable(result)


@pytest.mark.slow
def test_a_compressed_folder_can_be_compressed_further(tmp_path: Path, pairs: Path) -> None:
    first, _ = compress(pairs, write_checkpoints(tmp_path / "theirs", {"G": UNET}), tmp_path / "first")
    second, _ = compress(pairs, first.compressed, tmp_path / "second")
    assert second.macs["original"] == first.macs["compressed"]
    assert_usable(second)


@pytest.mark.parametrize("model", [pytest.param("pix2pix", marks=pytest.mark.slow), "cyclegan"])
def test_import_then_compress(
    tmp_path: Path, model: Model, pairs: Path, domains: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layouts = {"G": UNET, "D": PAIR_JUDGE} if model == "pix2pix" else {"G_A": RESNET}
    folder = write_checkpoints(tmp_path / "theirs", layouts)
    arguments = ("import", folder, "--out", tmp_path / "imported")
    answer = command(capsys, *arguments, "--json", "--concat-order", "skip_first").json
    assert answer["found"] == (["discriminator", "generator"] if model == "pix2pix" else ["generator"])
    config = tmp_path / "tiny.toml"
    data = pairs if model == "pix2pix" else domains
    config.write_text(toml(tiny(data).model_dump(exclude_unset=True)))
    answer = command(
        capsys, "compress", data, "--config", config, "--generator", tmp_path / "imported",
        "--out", tmp_path / "run", "--json",
    ).json  # fmt: skip
    assert answer["macs"]["compressed"] <= answer["budget"]
    assert RunDir.open(tmp_path / "run").config.model == model
    name = next(iter(layouts))
    other = random_weights(layouts[name], seed=99)
    torch.save(other, folder / f"latest_net_{name}.pth")
    before = load_network(tmp_path / "imported" / "original" / "generator")
    refused = command(capsys, *arguments)
    assert (refused.code, refused.out) == (2, "")
    assert "holds another generator. Replace it with --force" in refused.err
    assert same_weights(load_network(tmp_path / "imported" / "original" / "generator"), before)
    assert command(capsys, *arguments, "--force").code == 0
    assert not same_weights(load_network(tmp_path / "imported" / "original" / "generator"), before)


def test_how_a_checkpoint_is_read_is_part_of_what_the_run_depends_on(tmp_path: Path) -> None:
    folder = write_checkpoints(tmp_path, {"G": UNET, "D": PAIR_JUDGE})
    sources = [
        GeneratorSource(str(folder)),
        GeneratorSource(str(folder), concat_order="decoder_first"),
        GeneratorSource(str(folder), unet_dropout=False),
    ]
    digests = [source.digest() for source in sources]
    (folder / "latest_net_D.pth").unlink()
    digests.append(sources[0].digest())
    assert len(set(digests)) == 4
