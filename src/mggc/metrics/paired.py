"""Distances between an image and the image that it should be, one figure for each pair."""

from math import exp

import torch
from jaxtyping import Float64
from torch import Tensor

from mggc.metrics.arrays import widened
from mggc.shapes import Images

WINDOW = 11
"""Side of the Gaussian window of SSIM, in pixels."""
SIGMA = 1.5
"""Its standard deviation, in pixels."""
STABILIZERS = (0.01**2, 0.03**2)
"""C1 and C2 of SSIM: (K L)² for K of 0.01 and 0.03 and a data range L of 1."""


def mean_absolute_error(fake: Images, real: Images) -> Float64[Tensor, " batch"]:
    """Mean |fake - real| of each pair, as a share of the intensity range: 0 is equal, 1 is black against white.

    Raises:
        ValueError: The two stacks have different shapes.
    """
    first, second = _intensities(fake, real)
    return (first - second).abs().flatten(1).mean(1)


def psnr(fake: Images, real: Images) -> Float64[Tensor, " batch"]:
    """Peak signal-to-noise ratio of each pair in decibels, 10 log₁₀(1 / MSE) on [0, 1]; infinite for equal images.

    Raises:
        ValueError: The two stacks have different shapes.
    """
    first, second = _intensities(fake, real)
    return -10 * (first - second).square().flatten(1).mean(1).log10()


def ssim(fake: Images, real: Images) -> Float64[Tensor, " batch"]:
    """Structural similarity of each pair, in [-1, 1]; 1 for equal images.

    Wang et al. (2004): an 11×11 Gaussian window of σ = 1.5, K = (0.01, 0.03), population covariances, averaged over
    the windows that lie wholly in the image and over channels. Equals scikit-image's ``structural_similarity`` with
    ``gaussian_weights=True, sigma=1.5, use_sample_covariance=False``.

    Raises:
        ValueError: The two stacks have different shapes, or images smaller than the window.
    """
    first, second = _intensities(fake, real)
    if min(first.shape[-2:]) < WINDOW:
        raise ValueError(f"SSIM needs images of {WINDOW}×{WINDOW} or more. Found {tuple(first.shape[-2:])}.")
    first_mean, second_mean = _window_mean(first), _window_mean(second)
    first_variance = _window_mean(first * first) - first_mean.square()
    second_variance = _window_mean(second * second) - second_mean.square()
    covariance = _window_mean(first * second) - first_mean * second_mean
    c1, c2 = STABILIZERS
    luminance = (2 * first_mean * second_mean + c1) / (first_mean.square() + second_mean.square() + c1)
    structure = (2 * covariance + c2) / (first_variance + second_variance + c2)
    return (luminance * structure).flatten(1).mean(1)


def _intensities(
    fake: Images, real: Images
) -> tuple[Float64[Tensor, "batch channels height width"], Float64[Tensor, "batch channels height width"]]:
    """Both stacks in [0, 1]; in float64, since SSIM subtracts squares that are almost equal where an image is flat."""
    if fake.shape != real.shape:
        raise ValueError(f"Pairs should have one shape. Found {tuple(fake.shape)} and {tuple(real.shape)}.")
    return (widened(fake) + 1) / 2, (widened(real) + 1) / 2


def _window_mean(
    images: Float64[Tensor, "batch channels height width"],
) -> Float64[Tensor, "batch channels windows_down windows_across"]:
    """The Gaussian-weighted mean over each whole window, channel by channel: one pass down, one across."""
    return _weighted_sum(_weighted_sum(images, dim=2), dim=3)


def _weighted_sum(images: Float64[Tensor, "..."], *, dim: int) -> Float64[Tensor, "..."]:
    # Eleven shifted sums take half as long as a convolution with one channel.
    length = images.shape[dim] - WINDOW + 1
    total = torch.zeros_like(images.narrow(dim, 0, length))
    for position, weight in enumerate(_gaussian()):
        total.add_(images.narrow(dim, position, length), alpha=weight)
    return total


def _gaussian() -> list[float]:
    weights = [exp(-((position - WINDOW // 2) ** 2) / (2 * SIGMA**2)) for position in range(WINDOW)]
    return [weight / sum(weights) for weight in weights]
