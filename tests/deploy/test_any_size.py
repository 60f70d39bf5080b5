import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from mggc.data.transforms import to_bytes, to_float
from mggc.deploy.any_size import pad_to_multiple, translate
from mggc.errors import MggcError
from mggc.networks.build import build
from mggc.networks.specs import FactorySpec, NetworkSpec, ResnetSpec, UnetSpec
from own_networks import MobileGenerator, UpsamplingGenerator
from toys import strong_weights

UNET = UnetSpec(input_channels=3, output_channels=1, downs=5, ngf=2)
RESNET = ResnetSpec(input_channels=3, output_channels=3, blocks=1, ngf=2)
OWN = FactorySpec(factory="own:network", input_channels=3, output_channels=3)
GENERATORS: dict[str, tuple[nn.Module, NetworkSpec]] = {
    "unet": (strong_weights(build(UNET)).eval(), UNET),
    "resnet": (strong_weights(build(RESNET)).eval(), RESNET),
    "own, stride 2 and transposed": (strong_weights(MobileGenerator()).eval(), OWN),
    "own, stride 2 and a skip": (strong_weights(UpsamplingGenerator()).eval(), OWN),
}


def picture(height: int, width: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (3, height, width), generator=generator, dtype=torch.uint8)


class Pointwise(nn.Module):
    """Every pixel for itself; remembers the largest image that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = strong_weights(nn.Conv2d(3, 2, 1))
        self.largest = 0

    def forward(self, images: Tensor) -> Tensor:
        self.largest = max(self.largest, images.shape[-2:].numel())
        return torch.tanh(self.layer(images))


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("tile", [None, 8, 33])
@pytest.mark.parametrize("size", [(1, 1), (1, 70), (37, 2), (45, 51), (64, 32)])
def test_any_size_comes_back_as_that_size(name: str, size: tuple[int, int], tile: int | None) -> None:
    generator, spec = GENERATORS[name]
    output = translate(generator, spec, picture(*size), tile=tile)
    assert output.shape == (spec.output_channels, *size)


@pytest.mark.parametrize("name", GENERATORS)
def test_sizes_that_the_network_takes_pass_directly(name: str) -> None:
    generator, spec = GENERATORS[name]
    image = picture(64, 96)
    with torch.no_grad():
        expected = to_bytes(generator(to_float(image[None])))[0]
    assert torch.equal(translate(generator, spec, image), expected)
    assert torch.equal(translate(generator, spec, image, tile=96), expected)


@settings(max_examples=30, deadline=None)
@given(height=st.integers(1, 90), width=st.integers(1, 90), tile=st.integers(7, 40))
def test_tiles_of_a_pointwise_network_blend_to_the_whole(height: int, width: int, tile: int) -> None:
    generator, image = Pointwise(), picture(height, width)
    whole = translate(generator, OWN, image)
    generator.largest = 0
    tiled = translate(generator, OWN, image, tile=tile)
    assert (tiled.int() - whole.int()).abs().max() <= 1
    assert generator.largest <= tile**2


def test_a_tile_is_no_larger_than_asked_for_beyond_what_the_network_needs() -> None:
    generator, spec = GENERATORS["unet"]
    seen: list[torch.Size] = []
    handle = generator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[-2:]))
    translate(generator, spec, picture(130, 200), tile=50)
    handle.remove()
    assert set(seen) == {torch.Size((64, 64))}


@settings(max_examples=50, deadline=None)
@given(height=st.integers(1, 40), width=st.integers(1, 40), multiple=st.sampled_from([1, 4, 32]))
def test_padding_reflects_and_keeps_the_image_in_its_corner(height: int, width: int, multiple: int) -> None:
    images = to_float(picture(height, width)[None])
    padded = pad_to_multiple(images, multiple=multiple, minimum=8)
    assert torch.equal(padded[..., :height, :width], images)
    assert all(
        side % multiple == 0 and side >= 8 and side < max(8, own) + multiple
        for side, own in zip(padded.shape[-2:], (height, width), strict=True)
    )
    if width > 1 and padded.shape[-1] > width:
        assert torch.equal(padded[..., :height, width], images[..., width - 2])


def test_tiles_may_be_single_pixels() -> None:
    image = picture(3, 5)
    tiled = translate(Pointwise(), OWN, image, tile=1)
    assert (tiled.int() - translate(Pointwise(), OWN, image).int()).abs().max() <= 1


def test_a_network_of_no_usual_multiple_is_refused() -> None:
    network = nn.Sequential(nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3))
    with pytest.raises(MggcError, match="20×10 pixels at no padding"):
        translate(network, OWN, picture(10, 20))
