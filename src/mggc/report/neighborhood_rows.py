"""Figure 5: an image, and its neighbours under the original and under the compressed generator."""

from typing import NamedTuple

from mggc.data.transforms import resize
from mggc.report.embed import data_uri
from mggc.report.manifold import ManifoldFacts
from mggc.report.pictures import Maker, Translations
from mggc.shapes import ByteImage

SIDE = 112
"""Pixels that larger images are reduced to."""


class NeighborPicture(NamedTuple):
    """A neighbour, or the image itself."""

    uri: str
    name: str
    shared: bool
    """It is a neighbour under both generators."""


class NeighborhoodRow(NamedTuple):
    """One image under one generator."""

    maker: Maker
    center: NeighborPicture
    neighbors: list[NeighborPicture]


class NeighborhoodPair(NamedTuple):
    """One image under both generators."""

    name: str
    shared: int
    rows: list[NeighborhoodRow]


def neighborhood_pairs(facts: ManifoldFacts, translations: Translations) -> list[NeighborhoodPair]:
    """Pictures of every neighbourhood that was looked at."""
    pairs = []
    for found in facts.neighborhoods:
        rows = []
        sides: dict[Maker, list[int]] = {"original": found.original, "compressed": found.compressed}
        for maker, neighbors in sides.items():
            images = translations.made[maker]
            pictures = [
                NeighborPicture(_uri(images[index]), translations.names[index], index in found.shared)
                for index in neighbors
            ]
            center = NeighborPicture(_uri(images[found.center]), translations.names[found.center], False)
            rows.append(NeighborhoodRow(maker, center, pictures))
        pairs.append(NeighborhoodPair(translations.names[found.center], len(found.shared), rows))
    return pairs


def _uri(image: ByteImage) -> str:
    height, width = image.shape[1:]
    if max(height, width) <= SIDE:
        return data_uri(image)
    scale = SIDE / max(height, width)
    return data_uri(resize(image, (max(1, round(height * scale)), max(1, round(width * scale)))))
