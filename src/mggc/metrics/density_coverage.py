"""How much of one set lies on the manifold of another, and how much of the manifold it covers."""

from typing import NamedTuple

import torch
from jaxtyping import Float64
from torch import Tensor

from mggc.metrics.arrays import FakeFeatures, RealFeatures, as_double_pair
from mggc.metrics.knn import distance_blocks, nearest_neighbors


class DensityCoverage(NamedTuple):
    """Fidelity and diversity (Naeem et al., 2020)."""

    density: float
    """Mean number of real balls around a fake image, over k: about 1 for equal distributions, and not bounded by 1."""
    coverage: float
    """Share of the real images with a fake image in their ball, in [0, 1]."""


class PrecisionRecall(NamedTuple):
    """Fidelity and diversity (Kynkäänniemi et al., 2019); both in [0, 1]."""

    precision: float
    """Share of the fake images in some real image's ball."""
    recall: float
    """Share of the real images in some fake image's ball."""


def density_coverage(real: RealFeatures, fake: FakeFeatures, k: int = 5) -> DensityCoverage:
    """Density and coverage of a fake set; both are 1 for a set without duplicates against itself.

    Around each real image lies an open ball that reaches to its k-th nearest real neighbour, itself not counted
    (Eq. 4 and 5 of Naeem et al., 2020, with the strict inequality of their code). Euclidean, exact, in float64.

    Args:
        real: Features [real, dim] of the reference set, NumPy or torch.
        fake: Features [fake, dim] of the set that is judged.
        k: Neighbours that make a ball; 5 in the paper.

    Raises:
        ValueError: There are not k other real images, the dimensions differ, or features are not finite.
    """
    reals, fakes = as_double_pair(real, fake)
    radii = _ball_radii(reals, k=k)
    balls, covered = reals.new_zeros(()), reals.new_zeros(())
    for rows, distances in distance_blocks(reals, fakes, metric="euclidean"):
        inside = distances < radii[rows, None]
        balls = balls + inside.sum()
        covered = covered + inside.any(1).sum()
    return DensityCoverage(density=float(balls / (k * len(fakes))), coverage=float(covered / len(reals)))


def precision_recall(real: RealFeatures, fake: FakeFeatures, k: int = 5) -> PrecisionRecall:
    """Improved precision and recall of a fake set; both are 1 for a set against itself.

    Balls are closed and reach to the k-th nearest neighbour in their own set (Eq. 1 and 2 of Kynkäänniemi et al.,
    2019). A single outlier among the real images inflates precision; density does not have that fault.

    Args:
        real: Features [real, dim] of the reference set, NumPy or torch.
        fake: Features [fake, dim] of the set that is judged.
        k: Neighbours that make a ball; 3 in the paper.

    Raises:
        ValueError: There are not k other images in either set, the dimensions differ, or features are not finite.
    """
    reals, fakes = as_double_pair(real, fake)
    real_radii, fake_radii = _ball_radii(reals, k=k), _ball_radii(fakes, k=k)
    precise = torch.zeros(len(fakes), dtype=torch.bool, device=reals.device)
    recalled = reals.new_zeros(())
    for rows, distances in distance_blocks(reals, fakes, metric="euclidean"):
        precise |= (distances <= real_radii[rows, None]).any(0)
        recalled = recalled + (distances <= fake_radii).any(1).sum()
    return PrecisionRecall(precision=float(precise.double().mean()), recall=float(recalled / len(reals)))


def _ball_radii(features: Float64[Tensor, "images dim"], *, k: int) -> Float64[Tensor, " images"]:
    return nearest_neighbors(features, k=k).distances[:, -1]
