"""Both generators' images in the encoder's space: neighbourhoods side by side (Figure 5), and a plane to look at."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mggc.errors import MggcError
from mggc.manifold.encoder import Encoder, embed
from mggc.manifold.neighbors import nearest_neighbors
from mggc.metrics.neighborhood import shared_neighbors
from mggc.report.pictures import Translations, evenly_spaced
from mggc.shapes import Embeddings


@dataclass(frozen=True)
class Neighborhood:
    """One image's neighbours among the original's images and, by the same source images, among the compressed one's."""

    center: int
    original: list[int]
    """Positions of the neighbours, nearest first."""
    compressed: list[int]

    @property
    def shared(self) -> set[int]:
        """Neighbours under both generators."""
        return set(self.original) & set(self.compressed)


@dataclass(frozen=True)
class Plane:
    """The plane through both generators' embeddings along which they vary most."""

    original: Float[Tensor, "images 2"]
    compressed: Float[Tensor, "images 2"]
    explained: tuple[float, float]
    """Share of the variance along each of the two axes."""


@dataclass(frozen=True)
class ManifoldFacts:
    """What the page shows of the learned manifold."""

    encoder: str
    k: int
    preserved: float
    """Mean share of an image's k neighbours that are the same under both generators."""
    expected: float
    """What that share would be on average for unrelated embeddings, k / (images - 1)."""
    neighborhoods: list[Neighborhood]
    plane: Plane


def manifold_facts(translations: Translations, encoder: Encoder, *, k: int, rows: int) -> ManifoldFacts:
    """Neighbourhoods of ``rows`` evenly spaced images, and the plane of all of them.

    Raises:
        MggcError: There is no compressed generator yet, or there are too few images to have neighbours.
    """
    if "compressed" not in translations.made:
        raise MggcError("There is no compressed generator yet.")
    images = len(translations.names)
    k = min(k, images - 1)
    if k < 1:
        raise MggcError("One image has no neighbours.")
    before, after = (embed(encoder, translations.made[maker]) for maker in ("original", "compressed"))
    return ManifoldFacts(
        encoder=encoder.name,
        k=k,
        preserved=float(shared_neighbors(before, after, k=k).mean()),
        expected=k / (images - 1),
        neighborhoods=neighborhoods(before, after, k=k, centers=evenly_spaced(images, rows)),
        plane=principal_plane(before, after),
    )


def neighborhoods(
    original: Embeddings, compressed: Embeddings, *, k: int, centers: list[int]
) -> list[Neighborhood]:
    """Both neighbourhoods (Eq. 1) of the images at ``centers``; row i of either set is of the same source image."""
    found = [nearest_neighbors(features, k).indices[centers].tolist() for features in (original, compressed)]
    return [
        Neighborhood(center, before, after) for center, before, after in zip(centers, *found, strict=True)
    ]


def principal_plane(original: Embeddings, compressed: Embeddings) -> Plane:
    """The first two principal components of both sets together, each pointing where its largest loading is positive.

    Of unit vectors: neighbours are by cosine (Eq. 1), which does not see lengths.
    """
    together = torch.nn.functional.normalize(torch.cat([original, compressed]).double(), dim=1)
    centered = together - together.mean(0)
    _, sizes, axes = torch.linalg.svd(centered, full_matrices=False)
    axes = axes[:2] * _signs(axes[:2])[:, None]
    points = centered @ axes.T
    if points.shape[1] < 2:  # embeddings of one dimension, or a single image
        points = torch.cat([points, torch.zeros_like(points)], dim=1)
    variance = sizes.square()
    shares = (variance / variance.sum().clamp(min=1e-30)).tolist()
    points = points.float()
    count = len(original)
    return Plane(points[:count], points[count:], (shares[0], shares[1] if len(shares) > 1 else 0.0))


def _signs(axes: Float[Tensor, "axes dim"]) -> Float[Tensor, " axes"]:
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True)).squeeze(1)
    return torch.where(largest < 0, -1.0, 1.0).to(axes.dtype)


def spread_out(points: Float[Tensor, "images 2"], count: int) -> Int[Tensor, " chosen"]:
    """Positions of points far from each other: the one farthest from the middle, then always the farthest from those chosen."""
    distances = (points - points.mean(0)).norm(dim=1)
    chosen = [int(distances.argmax())]
    nearest = (points - points[chosen[0]]).norm(dim=1)
    while len(chosen) < min(count, len(points)):
        chosen.append(int(nearest.argmax()))
        nearest = torch.minimum(nearest, (points - points[chosen[-1]]).norm(dim=1))
    return torch.tensor(chosen)
