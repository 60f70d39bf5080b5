"""SwAV: self-supervised features by predicting one view's cluster from another (Caron et al. 2020)."""

from itertools import groupby
from typing import NamedTuple, final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from mggc.manifold.crops import Views
from mggc.manifold.encoder import Encoder

LARGE_CROPS = 2


def sinkhorn(
    scores: Float[Tensor, "batch prototypes"], *, epsilon: float, iterations: int
) -> Float[Tensor, "batch prototypes"]:
    """Soft assignments of samples to prototypes that use every prototype equally (Eq. 3 to 5 of SwAV).

    Alternating normalizations of exp(scores / epsilon), in logarithms and float32: no score is too far from the largest.

    Args:
        scores: Cosines of samples and prototypes.
        epsilon: Entropy; smaller is sharper.
        iterations: Normalizations of columns and rows.

    Returns:
        Rows that sum to 1; columns sum to batch / prototypes as far as the iterations got.
    """
    log_assignments = scores.detach().float() / epsilon
    for _ in range(iterations):
        log_assignments = log_assignments - log_assignments.logsumexp(dim=0, keepdim=True)
        log_assignments = log_assignments - log_assignments.logsumexp(dim=1, keepdim=True)
    return log_assignments.softmax(dim=1)


def swapped_prediction_loss(
    scores: Float[Tensor, "crops batch prototypes"],
    assignments: Float[Tensor, "large batch prototypes"],
    *,
    temperature: float,
) -> Float[Tensor, ""]:
    """Cross-entropy between the assignment of each large crop and the prediction of every other crop (Eq. 1 and 2 of SwAV).

    Args:
        scores: Cosines with the prototypes; the large crops come first.
        assignments: One distribution for every large crop of every image; no gradient flows into them.
        temperature: Of the predictions' softmax.
    """
    log_predictions = (scores.float() / temperature).log_softmax(dim=2)
    cross_entropy = -torch.einsum("lbp,cbp->lc", assignments.detach(), log_predictions) / scores.shape[1]
    large, crops = cross_entropy.shape
    same_crop = torch.eye(large, crops, dtype=torch.bool, device=scores.device)
    return cross_entropy.masked_fill(same_crop, 0).sum() / (large * (crops - 1))


class SwavOutput(NamedTuple):
    """What the model says about a list of crops."""

    projections: Float[Tensor, "crops batch dim"]
    """Unit vectors."""
    scores: Float[Tensor, "crops batch prototypes"]
    """Cosines with the prototypes."""


@final
class SwavModel(nn.Module):
    """An encoder, a projection head and prototypes.

    Args:
        encoder: Trained in place; the head's hidden layer is as wide as its features.
        projection_dim: Length of the projections.
        prototypes: Number of prototypes.
    """

    def __init__(self, encoder: Encoder, *, projection_dim: int, prototypes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.projection_head = nn.Sequential(
            nn.Linear(encoder.dim, encoder.dim),
            nn.BatchNorm1d(encoder.dim),
            nn.ReLU(),
            nn.Linear(encoder.dim, projection_dim),
            # Not in the published head. Without it small sets of images alike stall at ln(prototypes): all projections
            # start in one narrow cone, and every prototype is equally near. It takes the cone's axis out.
            nn.BatchNorm1d(projection_dim, affine=False),
        )
        self.prototypes = nn.Linear(projection_dim, prototypes, bias=False)
        self.normalize_prototypes()

    @torch.no_grad()
    def normalize_prototypes(self) -> None:
        """Put the prototypes back on the unit sphere, where an optimizer's step does not keep them."""
        self.prototypes.weight.copy_(F.normalize(self.prototypes.weight, dim=1))

    def forward(self, crops: Views) -> SwavOutput:
        """Projections and scores of crops of the same images; crops of one size in a row share a forward pass."""
        same_size = [list(group) for _, group in groupby(crops, key=lambda crop: crop.shape)]
        # Large and small crops have different statistics: the head's norms see them apart, as the encoder's do.
        projected = [self.projection_head(self.encoder.features(torch.cat(group))) for group in same_size]
        projections = F.normalize(torch.cat(projected), dim=1)
        shape = (len(crops), len(crops[0]), -1)
        return SwavOutput(projections.view(shape), self.prototypes(projections).view(shape))


@final
class FeatureQueue:
    """Projections of past batches, which join the assignments so that small batches can fill all prototypes.

    Attributes:
        projections: Unit vectors [large crops, capacity, dim], the newest first; rows not yet filled are zero.
        filled: Rows in use.
    """

    def __init__(self, *, capacity: int, dim: int) -> None:
        self.projections = torch.zeros(LARGE_CROPS, capacity, dim)
        self.filled = 0

    def is_full(self) -> bool:
        """Whether the queue takes part: it does so from the moment it is full."""
        capacity = self.projections.shape[1]
        return 0 < capacity == self.filled

    def push(self, projections: Float[Tensor, "large batch dim"]) -> None:
        """Put a batch in front; the oldest rows fall out."""
        capacity = self.projections.shape[1]
        joined = torch.cat([projections.detach().float(), self.projections.to(projections.device)], dim=1)
        self.projections = joined[:, :capacity]
        self.filled = min(capacity, self.filled + projections.shape[1])


@torch.no_grad()
def assign(
    output: SwavOutput,
    queue: FeatureQueue,
    prototypes: Float[Tensor, "prototypes dim"],
    *,
    epsilon: float,
    iterations: int,
) -> Float[Tensor, "large batch prototypes"]:
    """Assignments of the large crops, with the queue's help once it is full. Each process assigns its own samples."""
    batch = output.scores.shape[1]
    scores = output.scores[:LARGE_CROPS].float()
    if queue.is_full():
        queued_scores = queue.projections.to(scores) @ prototypes.float().T
        scores = torch.cat([scores, queued_scores], dim=1)
    return torch.stack([sinkhorn(view, epsilon=epsilon, iterations=iterations)[:batch] for view in scores])
