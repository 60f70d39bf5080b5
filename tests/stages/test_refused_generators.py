"""Generators that do not fit: one line, exit code 2, nothing left behind."""

import shutil
from pathlib import Path

import pytest
import torch
from import_toys import CYCLE, JUDGE, PAIR_JUDGE, RESNET, UNET, random_weights, write_checkpoints

from cli_toys import mggc
from pipeline_toys import write_domains, write_pairs

SMALL = {"--device": "cpu", "--image-size": "32", "--prune.neighbors": "1"}


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data and checkpoints; not to be changed."""
    folder = tmp_path_factory.mktemp("things")
    write_pairs(folder / "pairs", train=4, test=1)
    write_domains(folder / "domains", train=4, test=1)
    write_checkpoints(folder / "g", {"G": UNET})
    write_checkpoints(folder / "cycle", CYCLE)
    write_checkpoints(folder / "alone", {"G_A": RESNET})
    write_checkpoints(folder / "both", {"G_A": RESNET, "G_B": RESNET})
    write_checkpoints(folder / "wrong judge", {"G_A": RESNET, "D_A": PAIR_JUDGE})
    write_checkpoints(folder / "wrong back judge", {**CYCLE, "D_B": PAIR_JUDGE})
    write_checkpoints(folder / "judge", {"D": JUDGE})
    write_checkpoints(folder / "four", {"G": {**UNET, "model.model.0.weight": (4, 4, 4, 4)}})
    write_checkpoints(folder / "other", {"G": {"encoder.weight": (3, 3), "encoder.bias": (3,)}})
    weights = random_weights(UNET)
    weights["model.model.0.weight"][0, 0, 0, 0] = torch.nan
    (folder / "nan").mkdir()
    torch.save(weights, folder / "nan" / "latest_net_G.pth")
    whole = (folder / "g" / "latest_net_G.pth").read_bytes()
    (folder / "cut").mkdir()
    (folder / "cut" / "latest_net_G.pth").write_bytes(whole[: len(whole) // 2])
    shutil.copytree(folder / "g", folder / "broken judge")
    (folder / "broken judge" / "latest_net_D.pth").write_bytes(whole[:100])
    return folder


REFUSALS = {
    "another architecture": ("pairs other", ["of no U-Net, ResNet", "package.module:function"]),
    "truncated": ("pairs cut", ["latest_net_G.pth is cut short"]),
    "not finite": ("pairs nan", ["model.model.0.weight holds NaN"]),
    "a discriminator": ("pairs judge/latest_net_D.pth", ["A generator was wanted", "discriminator"]),
    "nothing there": ("pairs nowhere", ["no file or folder nowhere"]),
    "a truncated partner": ("pairs broken|judge", ["latest_net_D.pth is"]),
    "grey data": ("pairs g --input-channels 1", ["reads 3 and writes 3", "1 and 3", "--input-channels 3"]),
    "channels that no image has": ("pairs four", ["reads 4 and writes 3 channels; images have 1"]),
    "a size it cannot take": ("pairs g --image-size 48", ["multiples of 32", "not 48"]),
    "unpaired data for pix2pix": ("domains g --model pix2pix", ["unpaired data; use --model cyclegan"]),
    "paired data for cyclegan": ("pairs cycle", ["paired data; use --model pix2pix"]),
    "a judge of the other model": ("domains wrong|judge", ["reads 6 channels; cyclegan judges 3"]),
    "the other judge": ("domains wrong|back|judge", ["reads 6 channels; cyclegan judges 3"]),
    "two ways as pix2pix": ("pairs both --model pix2pix", ["the way back", "Set --model cyclegan"]),
    "too few images": ("pairs g --prune.neighbors 3", ["at least 4 source images. Found 3", "at most 2"]),
    "one direction without distillation": (
        "domains alone --finetune.no-distillation",
        ["came without its way back", "needs distillation"],
    ),
    "weights of no factory": ("pairs g --weights g/latest_net_G.pth", ["--weights belongs to a factory"]),
    "a factory that is not there": ("pairs nowhere:network", ["nowhere:network cannot be imported"]),
    "an untrained factory": ("pairs own_networks:MobileGenerator", ["other weights at every call"]),
    "a norm across channels": (
        "pairs own_networks:GroupNormGenerator --weights group.pt",
        ["Layer mixing (GroupNorm) mixes channels"],
    ),
    "weights of another factory": (
        "pairs own_networks:UpsamplingGenerator --weights group.pt",
        ["group.pt: unexpected key"],
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_it_is_refused_in_one_line_before_anything_is_written(
    things: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from own_networks import GroupNormGenerator

    monkeypatch.chdir(things)
    torch.save(GroupNormGenerator().state_dict(), things / "group.pt")
    command, parts = REFUSALS[name]
    data, generator, *options = [part.replace("|", " ") for part in command.split()]
    before = sorted(things.rglob("*"))
    small = [part for name, value in SMALL.items() if name not in options for part in (name, value)]
    answer = mggc(capsys, "compress", data, "--generator", generator, *small, *options, "--out", "run")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("mggc: ")
    assert answer.err.count("\n") == 1, answer.err
    for part in parts:
        assert part in answer.err
    assert sorted(things.rglob("*")) == before
