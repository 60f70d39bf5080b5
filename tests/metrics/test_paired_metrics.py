import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mggc.metrics import mean_absolute_error, psnr, ssim


def random_images(*shape: int, seed: int) -> torch.Tensor:
    return 2 * torch.rand(shape, generator=torch.Generator().manual_seed(seed)) - 1


def slow_ssim(fake: torch.Tensor, real: torch.Tensor) -> float:
    """One channel in [0, 1]; every 11×11 window by itself, deviations taken from its own mean."""
    weights = torch.tensor(
        [[math.exp(-((y - 5) ** 2 + (x - 5) ** 2) / (2 * 1.5**2)) for x in range(11)] for y in range(11)]
    ).double()
    weights /= weights.sum()
    figures = []
    for top in range(fake.shape[0] - 10):
        for left in range(fake.shape[1] - 10):
            a = fake[top : top + 11, left : left + 11].double()
            b = real[top : top + 11, left : left + 11].double()
            mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
            var_a, var_b = (weights * (a - mean_a) ** 2).sum(), (weights * (b - mean_b) ** 2).sum()
            covariance = (weights * (a - mean_a) * (b - mean_b)).sum()
            figures.append(
                float(
                    (2 * mean_a * mean_b + 1e-4)
                    * (2 * covariance + 9e-4)
                    / ((mean_a**2 + mean_b**2 + 1e-4) * (var_a + var_b + 9e-4))
                )
            )
    return sum(figures) / len(figures)


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_equals_its_definition_window_by_window(channels):
    real = random_images(2, channels, 14, 17, seed=0)
    fake = (0.7 * real + 0.3 * random_images(2, channels, 14, 17, seed=1)).clamp(-1, 1)
    expected = [
        sum(slow_ssim((a + 1) / 2, (b + 1) / 2) for a, b in zip(*pair, strict=True)) / channels
        for pair in zip(fake, real, strict=True)
    ]
    assert ssim(fake, real).tolist() == pytest.approx(expected, abs=1e-5)


def test_ssim_of_flat_images_compares_their_brightness():
    # 0.25 against 0.75 on [0, 1].
    found = ssim(torch.full((1, 1, 16, 16), -0.5), torch.full((1, 1, 16, 16), 0.5))
    assert float(found) == pytest.approx((2 * 0.25 * 0.75 + 1e-4) / (0.25**2 + 0.75**2 + 1e-4), rel=1e-4)


def test_error_and_psnr_of_a_known_difference():
    real = torch.zeros(2, 3, 4, 4)
    fake = torch.stack([real[0] + 0.2, real[1] - 1.0])
    assert mean_absolute_error(fake, real).tolist() == pytest.approx([0.1, 0.5])
    assert psnr(fake, real).tolist() == pytest.approx([20.0, 10 * math.log10(4)], rel=1e-5)


def test_black_against_white_is_the_largest_error():
    black, white = -torch.ones(1, 1, 12, 12), torch.ones(1, 1, 12, 12)
    assert float(mean_absolute_error(black, white)) == 1.0
    assert float(psnr(black, white)) == 0.0
    assert float(ssim(black, white)) == pytest.approx(1e-4, rel=1e-2)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_equal_images_are_perfect(dtype):
    images = random_images(3, 3, 20, 20, seed=0).to(dtype)
    assert mean_absolute_error(images, images).tolist() == [0.0] * 3
    assert psnr(images, images).tolist() == [math.inf] * 3
    assert ssim(images, images).tolist() == pytest.approx([1.0] * 3, abs=1e-6)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), noise=st.floats(0.01, 1))
def test_figures_are_symmetric_bounded_and_one_for_each_pair(seed, noise):
    real = random_images(3, 2, 15, 13, seed=seed)
    fake = (real + noise * random_images(3, 2, 15, 13, seed=seed + 1)).clamp(-1, 1)
    for metric, lower, upper in ((mean_absolute_error, 0, 1), (psnr, 0, math.inf), (ssim, -1, 1)):
        together = metric(fake, real)
        alone = torch.cat([metric(fake[i : i + 1], real[i : i + 1]) for i in range(3)])
        torch.testing.assert_close(together, alone)
        torch.testing.assert_close(metric(real, fake), together)
        assert all(lower <= value <= upper for value in together.tolist())


def test_more_noise_is_always_worse():
    real, noise = random_images(1, 1, 32, 32, seed=0), random_images(1, 1, 32, 32, seed=1)
    noisy = [torch.lerp(real, noise, level) for level in (0.1, 0.3, 0.6, 1.0)]
    errors = [float(mean_absolute_error(image, real)) for image in noisy]
    assert errors == sorted(errors)
    for metric in (psnr, ssim):
        figures = [float(metric(image, real)) for image in noisy]
        assert figures == sorted(figures, reverse=True)


def test_images_smaller_than_the_window_are_refused():
    with pytest.raises(ValueError, match="11×11"):
        ssim(torch.zeros(1, 1, 10, 20), torch.zeros(1, 1, 10, 20))


def test_images_of_different_shapes_are_refused():
    with pytest.raises((ValueError, TypeError), match="20"):
        psnr(torch.zeros(1, 1, 20, 20), torch.zeros(1, 1, 20, 1))
