from pathlib import Path

import pytest

from mggc.errors import MggcError
from mggc.networks.partners import find_checkpoint, find_partners


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).touch()


CYCLEGAN = [f"latest_net_{network}.pth" for network in ("G_A", "G_B", "D_A", "D_B")]


def test_partners_are_the_networks_of_the_same_epoch(tmp_path):
    touch(tmp_path, *CYCLEGAN, "5_net_G_A.pth", "iter_500_net_D_A.pth", "iter_500_net_G_A.pth", "notes.txt")
    assert find_partners(tmp_path / "latest_net_G_A.pth") == {
        network: tmp_path / f"latest_net_{network}.pth" for network in ("G_A", "G_B", "D_A", "D_B")
    }
    assert set(find_partners(tmp_path / "5_net_G_A.pth")) == {"G_A"}
    assert set(find_partners(tmp_path / "iter_500_net_D_A.pth")) == {"G_A", "D_A"}


def test_a_file_of_another_name_has_no_partners(tmp_path):
    touch(tmp_path, "generator.pth", "latest_net_D.pth")
    assert find_partners(tmp_path / "generator.pth") == {}


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["latest_net_G.pth", "latest_net_D.pth", "200_net_G.pth"], "latest_net_G.pth"),
        (CYCLEGAN, "latest_net_G_A.pth"),
        (["5_net_G.pth", "20_net_G.pth", "20_net_D.pth", "iter_99999_net_G.pth"], "20_net_G.pth"),
        (["iter_500_net_G.pth", "iter_1000_net_G.pth"], "iter_1000_net_G.pth"),
        (["horse2zebra.pth", "readme.txt"], "horse2zebra.pth"),
        (["best_net_G.pth", "best_net_D.pth"], "best_net_G.pth"),
    ],
)
def test_a_folder_means_its_latest_generator(names, chosen, tmp_path):
    touch(tmp_path, *names)
    assert find_checkpoint(tmp_path) == tmp_path / chosen


def test_a_file_means_itself(tmp_path):
    touch(tmp_path, *CYCLEGAN)
    assert find_checkpoint(tmp_path / "latest_net_G_B.pth") == tmp_path / "latest_net_G_B.pth"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["latest_net_G.pth", "latest_net_G_A.pth"], r"several.*\(latest_net_G.pth, latest_net_G_A.pth\)"),
        (["one.pth", "two.pth"], r"several checkpoints that could be meant \(one.pth, two.pth\). Name one"),
        (["readme.txt"], "holds no checkpoint: no file is called like latest_net_G.pth"),
    ],
)
def test_a_folder_that_does_not_say_which_is_refused(names, message, tmp_path):
    touch(tmp_path, *names)
    with pytest.raises(MggcError, match=message):
        find_checkpoint(tmp_path)


def test_nothing_is_refused(tmp_path):
    with pytest.raises(MggcError, match="There is no file or folder"):
        find_checkpoint(tmp_path / "nowhere")
