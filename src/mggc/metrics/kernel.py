"""The kernel distance between two sets of features (KID)."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from mggc.metrics.arrays import FakeFeatures, RealFeatures, as_double_pair
from mggc.metrics.knn import row_blocks
from mggc.runtime import step_generator


class KernelDistance(NamedTuple):
    """Kernel distances of random subsets."""

    mean: float
    sd: float


def kernel_distance(real: RealFeatures, fake: FakeFeatures) -> float:
    """Unbiased MMD² with the kernel (x·y/dim + 1)³ over the whole sets: KID (Bińkowski et al., 2018).

    For sets of different sizes this is the two-sample estimate, Eq. 3 of Gretton et al. (2012). For sets of one size
    it is their Eq. 4, in which image i of one set never meets image i of the other: still unbiased when the two are a
    pair (a generated image and its target), and 0 for a set against itself, where Eq. 3 is negative. Being
    unbiased, either may be slightly negative for sets that are alike.

    Args:
        real: Features [real, dim] of the reference set, NumPy or torch; computed in float64.
        fake: Features [fake, dim] of the other set.

    Raises:
        ValueError: Fewer than two images, different dimensions, or features that are not finite.
    """
    return _squared_discrepancy(*as_double_pair(real, fake))


def kernel_distance_subsets(
    real: RealFeatures, fake: FakeFeatures, *, seed: int, subsets: int = 100, subset_size: int | None = None
) -> KernelDistance:
    """Mean and standard deviation of the kernel distance over random subsets, as KID is usually quoted.

    Sets of one size are subsampled image by image, so a set against itself is 0 here too. The deviation is that of a
    single subset, not of the mean.

    Args:
        real: Features of the reference set.
        fake: Features of the other set.
        seed: Which images a subset takes is a function of this.
        subsets: Number of subsets, drawn without replacement within each.
        subset_size: Images in each; absent: 1,000, or half of the smaller set where that is less.

    Raises:
        ValueError: Fewer than two subsets, or subsets that do not fit into the smaller set.
    """
    reals, fakes = as_double_pair(real, fake)
    smaller = min(len(reals), len(fakes))
    size = min(1000, max(smaller // 2, 2)) if subset_size is None else subset_size
    if subsets < 2 or not 2 <= size <= smaller:
        raise ValueError(
            f"KID needs 2 subsets or more of 2 to {smaller} images. Found {subsets} subsets of {size} images."
        )
    distances = torch.tensor(
        [
            _squared_discrepancy(reals[real_indices], fakes[fake_indices])
            for real_indices, fake_indices in _subsets(reals, fakes, seed=seed, subsets=subsets, size=size)
        ],
        dtype=torch.float64,
    )
    return KernelDistance(mean=float(distances.mean()), sd=float(distances.std()))


def _subsets(
    real: Float64[Tensor, "real dim"],
    fake: Float64[Tensor, "fake dim"],
    *,
    seed: int,
    subsets: int,
    size: int,
) -> Iterator[tuple[Int64[Tensor, " subset"], Int64[Tensor, " subset"]]]:
    for position in range(subsets):
        generator = step_generator(seed, "kernel_distance_subsets", position)
        chosen_real = torch.randperm(len(real), generator=generator)[:size].to(real.device)
        if len(real) == len(fake):
            yield chosen_real, chosen_real
        else:
            yield chosen_real, torch.randperm(len(fake), generator=generator)[:size].to(fake.device)


def _squared_discrepancy(real: Float64[Tensor, "real dim"], fake: Float64[Tensor, "fake dim"]) -> float:
    if min(len(real), len(fake)) < 2:
        raise ValueError(f"A kernel distance needs two images or more. Found {len(real)} and {len(fake)}.")
    within_real = _kernel_sum(real, real, skip_diagonal=True) / (len(real) * (len(real) - 1))
    within_fake = _kernel_sum(fake, fake, skip_diagonal=True) / (len(fake) * (len(fake) - 1))
    paired = len(real) == len(fake)
    pairs = len(real) * (len(fake) - 1) if paired else len(real) * len(fake)
    between = _kernel_sum(real, fake, skip_diagonal=paired) / pairs
    return float(within_real + within_fake - 2 * between)


def _kernel_sum(
    left: Float64[Tensor, "left dim"], right: Float64[Tensor, "right dim"], *, skip_diagonal: bool
) -> Float64[Tensor, ""]:
    """Σ k(xᵢ, yⱼ), in blocks of rows; without the pairs i = j where asked."""
    total = left.new_zeros(())
    for rows in row_blocks(len(left), len(right)):
        kernel = (left[rows] @ right.T / left.shape[1] + 1) ** 3
        if skip_diagonal:
            kernel.diagonal(rows.start).zero_()
        total = total + kernel.sum()
    return total
