from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mggc.errors import MggcError
from mggc.metrics import Lpips, load_lpips
from toys import images

CHANNELS = {"0": (64, 3, 11), "3": (192, 64, 5), "6": (384, 192, 3), "8": (256, 384, 3), "10": (256, 256, 3)}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Random weights in the two published files' layouts."""
    generator = torch.Generator().manual_seed(0)
    folder = tmp_path_factory.mktemp("lpips")
    backbone = {"classifier.1.weight": torch.zeros(4, 4)}
    for name, (outputs, inputs, kernel) in CHANNELS.items():
        fan_in = inputs * kernel**2
        backbone[f"features.{name}.weight"] = (
            torch.randn(outputs, inputs, kernel, kernel, generator=generator) * (2 / fan_in) ** 0.5
        )
        backbone[f"features.{name}.bias"] = 0.1 * torch.randn(outputs, generator=generator)
    heads = {
        f"lin{number}.model.1.weight": torch.rand(1, outputs, 1, 1, generator=generator)
        for number, (outputs, _, _) in enumerate(CHANNELS.values())
    }
    torch.save(backbone, folder / "alexnet.pth")
    torch.save(heads, folder / "alex.pth")
    return folder / "alexnet.pth", folder / "alex.pth"


@pytest.fixture(scope="module")
def network(files: tuple[Path, Path]) -> Lpips:
    return load_lpips(*files)


def slow_lpips(files: tuple[Path, Path], fake: Tensor, real: Tensor) -> float:
    """The distance of one pair, position by position, from the files themselves."""
    backbone, heads = (torch.load(path) for path in files)
    layers: list[list[Tensor]] = []
    for image in (fake, real):
        shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
        x = ((image - shift[:, None, None]) / scale[:, None, None])[None]
        found = []
        for name, stride, padding, pool in (
            ("0", 4, 2, False),
            ("3", 1, 2, True),
            ("6", 1, 1, True),
            ("8", 1, 1, False),
            ("10", 1, 1, False),
        ):
            x = F.max_pool2d(x, 3, 2) if pool else x
            weight, bias = backbone[f"features.{name}.weight"], backbone[f"features.{name}.bias"]
            x = F.conv2d(x, weight, bias, stride=stride, padding=padding).clamp(min=0)
            found.append(x[0])
        layers.append(found)
    total = 0.0
    for number, (first, second) in enumerate(zip(*layers, strict=True)):
        weights = heads[f"lin{number}.model.1.weight"].flatten()
        at_positions = [
            float((weights * (a / (a.norm() + 1e-10) - b / (b.norm() + 1e-10)) ** 2).sum())
            for a, b in zip(first.flatten(1).T, second.flatten(1).T, strict=True)
        ]
        total += sum(at_positions) / len(at_positions)
    return total


def test_distances_equal_the_definition_position_by_position(network, files):
    fake, real = images(2, 3, 64, 48, seed=0), images(2, 3, 64, 48, seed=1)
    expected = [slow_lpips(files, *pair) for pair in zip(fake, real, strict=True)]
    assert min(expected) > 0.01
    assert network(fake, real).tolist() == pytest.approx(expected, rel=1e-4)


def test_equal_images_are_at_distance_zero_and_order_does_not_matter(network):
    fake, real = images(2, 3, 40, 40, seed=0), images(2, 3, 40, 40, seed=1)
    assert network(fake, fake).tolist() == [0.0, 0.0]
    assert torch.allclose(network(fake, real), network(real, fake))
    assert (network(fake, real) > network(fake, 0.9 * fake + 0.1 * real)).all()


def test_grey_is_equal_channels(network):
    fake, real = images(1, 1, 40, 40, seed=0), images(1, 1, 40, 40, seed=1)
    assert network(fake, real).equal(network(fake.repeat(1, 3, 1, 1), real.repeat(1, 3, 1, 1)))


def test_images_too_small_for_the_last_layer_are_refused(network):
    assert network(images(1, 3, 31, 31), images(1, 3, 31, 31)).isfinite().all()
    with pytest.raises(ValueError, match="31×31"):
        network(images(1, 3, 30, 40), images(1, 3, 30, 40))


def test_each_file_has_to_be_the_right_one(files, tmp_path: Path):
    backbone, heads = files
    with pytest.raises(
        MggcError, match=r"another network's weights: it lacks features\.0\.bias.*alexnet-owt"
    ):
        load_lpips(heads, heads)
    with pytest.raises(MggcError, match=r"another network's weights: it lacks lin0.*alex\.pth of the lpips"):
        load_lpips(backbone, backbone)
    with pytest.raises(MggcError, match=r"No LPIPS weights at .*nowhere"):
        load_lpips(backbone, tmp_path / "nowhere")
