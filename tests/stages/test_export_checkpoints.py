from pathlib import Path

import pytest
import torch
from import_toys import CYCLE, PAIR_JUDGE, RESNET, UNET, unet_forward, write_checkpoints

from cli_toys import mggc
from mggc.config import CompressConfig
from mggc.networks.files import save_network
from mggc.networks.legacy import load_checkpoint
from mggc.networks.specs import UnetSpec
from mggc.pruning.channels import trace_channels
from mggc.pruning.cut import cut
from mggc.stages.import_run import import_run
from mggc.stages.source import GeneratorSource
from toys import images, random_plan

Capture = pytest.CaptureFixture[str]


def same(one: Path, other: Path) -> bool:
    mine, theirs = (torch.load(path, weights_only=True) for path in (one, other))
    return mine.keys() == theirs.keys() and all(torch.equal(mine[key], theirs[key]) for key in mine)


@pytest.mark.parametrize(
    ("layouts", "given"),
    [
        ({"G": UNET, "D": PAIR_JUDGE}, "G"),
        ({"G": UNET}, "G"),
        (CYCLE, "G_A"),
        (CYCLE, "G_B"),
        ({"G_B": RESNET}, "G_B"),
    ],
    ids=["pix2pix", "its generator", "cyclegan", "cyclegan backwards", "one generator"],
)
def test_what_was_imported_goes_home_under_the_same_names(
    tmp_path: Path, capsys: Capture, layouts: dict[str, dict[str, tuple[int, ...]]], given: str
) -> None:
    folder = write_checkpoints(tmp_path / "theirs", layouts)
    assert mggc(capsys, "import", folder / f"latest_net_{given}.pth", "--out", tmp_path / "run").code == 0
    answer = mggc(capsys, "export", tmp_path / "run", tmp_path / "home", "--json").json
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == sorted(
        path.name for path in folder.glob("*.pth")
    )
    assert len(answer["files"]) == len(layouts)
    for path in (tmp_path / "home").iterdir():
        assert same(path, folder / path.name)
    assert mggc(capsys, "export", tmp_path / "run", tmp_path / "home").code == 2
    assert mggc(capsys, "export", tmp_path / "run", tmp_path / "home", "--force").code == 0
    assert mggc(capsys, "export", tmp_path / "run", "--out", tmp_path / "elsewhere").code == 0
    assert {path.name for path in (tmp_path / "elsewhere").iterdir()} == {
        path.name for path in (tmp_path / "home").iterdir()
    }
    inside = mggc(capsys, "export", tmp_path / "run", "--json").json["files"]
    assert {Path(file).parent for file in inside} == {
        tmp_path / "run" / "export" / "pytorch-CycleGAN-and-pix2pix"
    }


def test_an_exported_generator_computes_the_same_where_it_came_from(tmp_path: Path, capsys: Capture) -> None:
    folder = write_checkpoints(tmp_path / "theirs", {"G": UNET})
    loaded = load_checkpoint(folder / "latest_net_G.pth")
    save_network(tmp_path / "saved", loaded.network, spec=loaded.spec)
    assert mggc(capsys, "export", tmp_path / "saved", tmp_path / "home").code == 0
    weights = torch.load(tmp_path / "home" / "latest_net_G.pth", weights_only=True)
    expected = unet_forward(weights, images(1, 3, 32, 32), downs=5, norm="batch")
    assert torch.equal(loaded.network(images(1, 3, 32, 32)), expected)


def test_one_network_that_cannot_be_written_leaves_nothing(tmp_path: Path, capsys: Capture) -> None:
    folder = write_checkpoints(tmp_path / "theirs", {"G": UNET, "D": PAIR_JUDGE})
    run, _ = import_run(GeneratorSource(str(folder)), tmp_path / "run", overrides=CompressConfig())
    network = load_checkpoint(folder / "latest_net_G.pth").network
    table = trace_channels(network, image_size=32)
    smaller = cut(network, table, random_plan(table, 0, share=0.5))
    spec = UnetSpec(input_channels=3, output_channels=3, downs=5, ngf=4)
    save_network(run.path / "original" / "generator", smaller, spec=spec, overwrite=True)
    before = sorted(tmp_path.iterdir())
    answer = mggc(capsys, "export", run.path, tmp_path / "home")
    assert (answer.code, answer.out) == (2, "")
    assert "cannot build a cut network" in answer.err
    assert answer.err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
