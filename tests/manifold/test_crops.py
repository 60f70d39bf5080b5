import colorsys
import math

import pytest
import torch

from mggc.manifold import CropSettings
from mggc.manifold.crops import color_jitter, gaussian_blur, multi_crop, random_resized_crop


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("channels", [1, 3])
def test_views_are_two_large_crops_and_the_small_ones(channels):
    images = torch.rand(3, channels, 64, 64, generator=generator()) * 2 - 1
    views = multi_crop(images, generator(), CropSettings(size=64, local_crops=3))
    assert [view.shape for view in views] == [(3, channels, 64, 64)] * 2 + [(3, channels, 28, 28)] * 3
    for view in views:
        assert view.min() >= -1 - 1e-6
        assert view.max() <= 1 + 1e-6


def test_views_are_a_function_of_the_generator_alone():
    images = torch.rand(3, 3, 32, 32) * 2 - 1
    settings = CropSettings(size=32)
    first, same, other = (multi_crop(images, generator(seed), settings) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first, same, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))
    assert not torch.equal(first[0], first[1])


def test_a_crop_of_everything_is_the_image():
    images = torch.rand(4, 3, 16, 16) * 2 - 1
    whole = random_resized_crop(images, generator(), size=16, scale=(1.0, 1.0), ratio=(1.0, 1.0), flip=False)
    torch.testing.assert_close(whole, images, rtol=0, atol=1e-5)


def test_flips_mirror_some_images_and_no_flip_mirrors_none():
    images = torch.linspace(-1, 1, 16).expand(64, 1, 16, 16).clone()
    for flip in (False, True):
        crops = random_resized_crop(
            images, generator(), size=16, scale=(0.5, 1.0), ratio=(0.75, 1.33), flip=flip
        )
        falls = crops[:, 0, 0, 0] > crops[:, 0, 0, -1]
        assert (0 < falls.sum() < 64) if flip else not falls.any()


def test_crops_have_the_area_asked_for_and_lie_inside_the_image():
    # Two channels that hold the coordinates show where each crop lies.
    axis = (torch.arange(64) + 0.5) / 32 - 1
    images = torch.stack([axis.expand(64, 64), axis[:, None].expand(64, 64)]).expand(200, 2, 64, 64)
    crops = random_resized_crop(
        images, generator(), size=32, scale=(0.2, 0.4), ratio=(0.75, 4 / 3), flip=False
    )
    width = (crops[:, 0, 0, -1] - crops[:, 0, 0, 0]) * 32 / 31 / 2
    height = (crops[:, 1, -1, 0] - crops[:, 1, 0, 0]) * 32 / 31 / 2
    area, ratio = width * height, width / height
    assert (area > 0.19).all()
    assert (area < 0.41).all()
    assert (ratio > 0.74).all()
    assert (ratio < 1.35).all()
    assert crops.abs().max() < 1
    assert area.std() > 0.04


def test_colors_stay_where_no_share_is_jittered():
    images = torch.rand(5, 3, 8, 8) * 2 - 1
    same = color_jitter(images, generator(), strength=0.8, share=0.0, grey_share=0.0)
    torch.testing.assert_close(same, images, rtol=0, atol=1e-5)


def test_grey_share_turns_images_grey_of_the_same_luma():
    images = torch.rand(5, 3, 8, 8)
    grey = (color_jitter(images * 2 - 1, generator(), strength=0.8, share=0.0, grey_share=1.0) + 1) / 2
    luma = torch.einsum("c,bchw->bhw", torch.tensor([0.299, 0.587, 0.114]), images)
    for channel in range(3):
        torch.testing.assert_close(grey[:, channel], luma, rtol=0, atol=1e-4)


def test_jitter_moves_hues_by_at_most_a_fifth_of_a_turn_or_so():
    orange = torch.tensor([0.6, 0.5, 0.4]).view(1, 3, 1, 1).expand(300, 3, 4, 4)
    jittered = (color_jitter(orange * 2 - 1, generator(), strength=0.8, share=1.0, grey_share=0.0) + 1) / 2
    hues = [colorsys.rgb_to_hsv(*pixel)[0] for pixel in jittered[:, :, 0, 0].double().tolist()]
    original = colorsys.rgb_to_hsv(0.6, 0.5, 0.4)[0]
    turns = torch.tensor([(hue - original + 0.5) % 1 - 0.5 for hue in hues])
    assert turns.abs().max() < 0.27
    assert turns.min() < -0.1
    assert turns.max() > 0.1


def test_brightness_and_contrast_change_grey_images_too():
    images = torch.rand(20, 1, 8, 8) - 0.5
    jittered = color_jitter(images, generator(), strength=0.5, share=1.0, grey_share=0.5)
    assert jittered.shape == images.shape
    assert (jittered - images).abs().mean(dim=(1, 2, 3)).min() > 1e-3


def reference_blur(image: torch.Tensor, sigma: float, radius: int) -> torch.Tensor:
    """Each pixel as a weighted mean of its square neighborhood, mirrored at the edges."""
    side = image.shape[-1]
    result = torch.zeros_like(image)
    offsets = range(-radius, radius + 1)
    weights = {(y, x): math.exp(-(y * y + x * x) / (2 * sigma**2)) for y in offsets for x in offsets}
    for row in range(side):
        for column in range(side):
            for (y, x), weight in weights.items():
                inside = [abs(p) if p < side else 2 * (side - 1) - p for p in (row + y, column + x)]
                result[:, row, column] += weight * image[:, inside[0], inside[1]]
    return result / sum(weights.values())


@pytest.mark.parametrize("channels", [1, 3])
def test_blur_is_gaussian(channels):
    images = torch.rand(2, channels, 9, 9)
    blurred = gaussian_blur(images, generator(), sigma=(1.2, 1.2), share=1.0)
    for image, found in zip(images, blurred, strict=True):
        torch.testing.assert_close(found, reference_blur(image, 1.2, radius=3), rtol=1e-4, atol=1e-5)


def test_blur_leaves_the_other_share_sharp():
    images = torch.rand(40, 1, 9, 9)
    blurred = gaussian_blur(images, generator(), sigma=(1.0, 2.0), share=0.5)
    change = (blurred - images).abs().mean(dim=(1, 2, 3))
    assert 0 < (change < 1e-6).sum() < 40
    assert ((change < 1e-6) | (change > 0.05)).all()


def test_tiny_images_can_be_blurred():
    assert gaussian_blur(torch.rand(2, 1, 3, 3), generator(), sigma=(5.0, 9.0), share=1.0).isfinite().all()
