"""The Fréchet distance between two sets of features, and its extrapolation to infinitely many images."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from mggc.metrics.arrays import FakeFeatures, Features, RealFeatures, as_double, as_double_pair
from mggc.runtime import step_generator


class GaussianStatistics(NamedTuple):
    """All that the Fréchet distance knows of a set of features."""

    mean: Float64[Tensor, " dim"]
    covariance: Float64[Tensor, "dim dim"]


class GaussianFactor(NamedTuple):
    """A mean μ and a matrix F with FᵀF = Σ: thinner than Σ, and exact where Σ is singular."""

    mean: Float64[Tensor, " dim"]
    factor: Float64[Tensor, "rank dim"]


def frechet_distance(real: RealFeatures, fake: FakeFeatures) -> float:
    """Squared Fréchet distance of Gaussians fitted to two sets of features; 0 for a set against itself.

    ‖μ₁ - μ₂‖² + tr(Σ₁ + Σ₂ - 2 (Σ₁Σ₂)^½), with unbiased covariances: FID (Heusel et al., 2017) for whichever
    features are given. It is biased upwards for few images, so figures compare only at the same number of images.

    Args:
        real: Features [real, dim] of the reference set, NumPy or torch; computed in float64.
        fake: Features [fake, dim] of the other set. The distance is symmetric.

    Raises:
        ValueError: Fewer than two images, different dimensions, or features that are not finite.
    """
    reals, fakes = as_double_pair(real, fake)
    return _distance(_factor_features(reals), _factor_features(fakes))


def frechet_distance_from_statistics(real: GaussianStatistics, fake: GaussianStatistics) -> float:
    """The same distance from means and covariances, for instance a published reference file's.

    Raises:
        ValueError: The statistics have different dimensions.
    """
    if real.mean.shape != fake.mean.shape:
        raise ValueError(
            f"Both statistics should have the same features. Found {len(real.mean)} and {len(fake.mean)} dimensions."
        )
    return _distance(_factor_covariance(real), _factor_covariance(fake))


def frechet_distance_infinity(
    real: RealFeatures, fake: FakeFeatures, *, seed: int, points: int = 15, smallest: int | None = None
) -> float:
    """The Fréchet distance extrapolated to infinitely many fake images: FID∞ (Chong & Forsyth, 2020).

    Once n is well above dim the bias of the distance is linear in 1/n, so a line through distances at several n meets the axis at an estimate
    without that bias. The real set is used whole at every point. The estimate may be slightly negative.

    Args:
        real: Features of the reference set.
        fake: Features of the set that is judged.
        seed: Which fake images each point takes is a function of this.
        points: Set sizes, evenly spaced up to all fake images.
        smallest: Images at the first point; absent: a tenth of the fake set but at least 2,000 (or half of a small
            set) and at most 5,000.

    Raises:
        ValueError: Fewer than two points, or a first point that is not between 2 and the fake set's size.
    """
    reals, fakes = as_double_pair(real, fake)
    count = len(fakes)
    first = _smallest_subset(count) if smallest is None else smallest
    if points < 2 or not 2 <= first < count:
        raise ValueError(
            f"FID∞ needs 2 points or more between 2 and {count} fake images. Found {points} from {first} images on."
        )
    reference = _factor_features(reals)
    sizes = torch.linspace(first, count, points, dtype=torch.float64).round().long().tolist()
    distances = [
        _distance(reference, _factor_features(_subset(fakes, size, seed=seed, point=point)))
        for point, size in enumerate(sizes)
    ]
    inverse = 1 / torch.tensor(sizes, dtype=torch.float64)
    return _intercept(inverse, torch.tensor(distances, dtype=torch.float64))


def gaussian_statistics(features: Features) -> GaussianStatistics:
    """Mean and unbiased covariance of a set of features, in float64.

    Raises:
        ValueError: Fewer than two images, or features that are not finite.
    """
    mean, factor = _factor_features(as_double(features))
    return GaussianStatistics(mean, factor.T @ factor)


def _factor_features(features: Float64[Tensor, "images dim"]) -> GaussianFactor:
    if len(features) < 2:
        raise ValueError(f"A covariance needs two images or more. Found {len(features)}.")
    mean = features.mean(0)
    centred = (features - mean) / (len(features) - 1) ** 0.5
    if len(centred) > centred.shape[1]:
        centred = torch.linalg.qr(centred, mode="r").R
    return GaussianFactor(mean, centred)


def _factor_covariance(statistics: GaussianStatistics) -> GaussianFactor:
    # An eigenvalue below zero is rounding: a covariance has none.
    values, vectors = torch.linalg.eigh(statistics.covariance)
    return GaussianFactor(statistics.mean, values.clamp(min=0).sqrt()[:, None] * vectors.T)


def _distance(real: GaussianFactor, fake: GaussianFactor) -> float:
    # The eigenvalues of Σ₁Σ₂ = F₁ᵀF₁F₂ᵀF₂ are the squared singular values of F₁F₂ᵀ, so the trace of the matrix root
    # is their sum: no root is ever taken of a small eigenvalue, which is where sqrtm goes wrong.
    means = (real.mean - fake.mean).square().sum()
    spreads = real.factor.square().sum() + fake.factor.square().sum()
    overlap = torch.linalg.svdvals(real.factor @ fake.factor.T).sum()
    return max(float(means + spreads - 2 * overlap), 0.0)


def _smallest_subset(count: int) -> int:
    return min(max(count // 10, min(2000, count // 2), 2), 5000)


def _subset(
    features: Float64[Tensor, "images dim"], size: int, *, seed: int, point: int
) -> Float64[Tensor, "subset dim"]:
    generator = step_generator(seed, "frechet_distance_infinity", point)
    chosen = torch.randperm(len(features), generator=generator)[:size]
    return features[chosen.to(features.device)]


def _intercept(positions: Float[Tensor, " points"], values: Float[Tensor, " points"]) -> float:
    """Where the least-squares line through the points meets the vertical axis."""
    offsets = positions - positions.mean()
    slope = (offsets * values).sum() / offsets.square().sum()
    return float(values.mean() - slope * positions.mean())
