"""Did the encoder learn anything? SwAV can end with equal embeddings or with uniform predictions."""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F

from mggc.shapes import Embeddings

STALLED_RATIO = 0.95
COLLAPSED_COSINE = 0.99
COLLAPSED_RANK = 3.0


class CollapseReport(NamedTuple):
    """Signs of a collapse, and what to do about them."""

    loss_ratio: float
    """Last loss over ln(prototypes): near 1, the assignments cannot be predicted."""
    mean_cosine: float
    """Of pairs of different images; 1 means that all embeddings point the same way."""
    effective_rank: float
    """Exponential of the entropy of the normalized singular values of the centred unit vectors."""
    warning: str | None
    """One line with what to change, or None."""


def check_collapse(embeddings: Embeddings, *, loss: float, prototypes: int) -> CollapseReport:
    """Compare the loss with ln(prototypes), and measure how far the embeddings spread.

    Args:
        embeddings: Of at least two images.
        loss: Swapped prediction loss at the end of the training, averaged over some updates.
        prototypes: Number of prototypes, at least 2.
    """
    loss_ratio = loss / math.log(prototypes)
    cosine, rank = mean_pairwise_cosine(embeddings), effective_rank(embeddings)
    problems = []
    if not loss_ratio < STALLED_RATIO:
        problems.append(
            f"its loss {loss:.2f} is that of chance, ln({prototypes}) = {math.log(prototypes):.2f}"
        )
    if not cosine < COLLAPSED_COSINE:
        problems.append(f"its embeddings hardly differ (mean cosine {cosine:.3f})")
    if rank < COLLAPSED_RANK:
        problems.append(f"its embeddings span {rank:.1f} dimensions")
    warning = None
    if problems:
        warning = (
            f"The encoder has collapsed: {' and '.join(problems)}. Neighborhoods will be near random. Use fewer "
            "--encode.prototypes, a smaller --encode.epsilon, more --encode.epochs, or --encode.weights with a "
            "pretrained encoder."
        )
    return CollapseReport(loss_ratio, cosine, rank, warning)


def mean_pairwise_cosine(embeddings: Embeddings) -> float:
    """Mean cosine over all pairs of different rows, of which there must be two."""
    images = len(embeddings)
    units = F.normalize(embeddings.double(), dim=1)
    total = units.sum(0).square().sum() - units.square().sum()
    return total.item() / (images * (images - 1))


def effective_rank(embeddings: Embeddings) -> float:
    """How many directions the unit vectors vary in, from 1 to the smaller side (Roy and Vetterli 2007).

    Singular values come from the eigenvalues of the smaller Gram matrix, so a hundred thousand images are no trouble.
    """
    units = F.normalize(embeddings.double(), dim=1)
    centered = units - units.mean(0)
    gram = centered.T @ centered if len(units) > units.shape[1] else centered @ centered.T
    singular_values = torch.linalg.eigvalsh(gram).clamp(min=0).sqrt()
    # Equal embeddings leave rounding errors, whose directions would count as full rank.
    singular_values = singular_values[singular_values > 1e-6 * math.sqrt(len(units))]
    if len(singular_values) == 0:
        return 1.0
    shares = singular_values / singular_values.sum()
    return float(torch.special.entr(shares).sum().exp())
