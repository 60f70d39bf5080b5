"""Figure 3: original and compressed side by side, image for image."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from mggc.report.embed import data_uris, lossless
from mggc.report.pictures import Translations, evenly_spaced
from mggc.shapes import ByteImages

SMALL_SIDE = 128
"""Images of fewer pixels a side are enlarged without smoothing."""


class GalleryRow(NamedTuple):
    """One test image."""

    name: str
    uris: list[str]
    """One for each column."""


@dataclass(frozen=True)
class Gallery:
    """Rows of pictures under column headings."""

    columns: list[str]
    rows: list[GalleryRow]
    left: int
    """The column at the slider's left: the original's."""
    right: int
    """The column at the slider's right: the (first) compressed generator's."""
    small: bool
    """Pixels are to be seen as pixels."""
    size: tuple[int, int]
    """Height and width in pixels."""
    caption: str


def gallery(runs: dict[str, Translations], *, rows: int) -> Gallery | None:
    """Source, original, what each run made of it, and target where there is one; None where nothing is compressed.

    Args:
        runs: Translations by label, of the same sources by the same original (see `alike`).
        rows: Images to show, evenly spaced over those that were translated.
    """
    first = next(iter(runs.values()))
    compressed = {label: run.made["compressed"] for label, run in runs.items() if "compressed" in run.made}
    if not compressed:
        return None
    named = compressed if len(runs) > 1 else {"compressed": next(iter(compressed.values()))}
    columns: dict[str, ByteImages] = {"source": first.source, "original": first.made["original"], **named}
    if first.target is not None:
        columns["target"] = first.target
    chosen = evenly_spaced(len(first.names), rows)
    uris = [data_uris(images[chosen]) for images in columns.values()]
    height, width = first.source.shape[-2:]
    return Gallery(
        columns=list(columns),
        rows=[GalleryRow(first.names[image], list(row)) for image, *row in zip(chosen, *uris, strict=True)],
        left=1,
        right=2,
        small=min(height, width) < SMALL_SIDE,
        size=(height, width),
        caption=_caption(first, len(chosen)),
    )


def alike(runs: Sequence[Translations]) -> bool:
    """Whether all runs translated the same images with the same original, so that one gallery can show them."""
    first, *others = runs
    return all(
        run.names == first.names
        and torch.equal(run.source, first.source)
        and torch.equal(run.made["original"], first.made["original"])
        for run in others
    )


def _caption(translations: Translations, shown: int) -> str:
    stored = "without loss" if lossless(translations.source[0]) else "as JPEG of quality 95"
    height, width = translations.source.shape[-2:]
    return (
        f"{shown} of the {translations.of} {translations.split} images, evenly spaced in the order of the data set and not "
        f"chosen by hand, at {width}\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}{height} pixels, stored {stored}."
    )
