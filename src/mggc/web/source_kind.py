"""What a run's source images are, and so how somebody can make one: by drawing lines, by painting labels, or with a photo."""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from mggc.metrics.palette import Palette, load_palette
from mggc.shapes import ByteImages
from mggc.web.models import WebRun

Kind = Literal["lines", "labels", "photo"]
Color = tuple[int, int, int]
WHITE: Color = (255, 255, 255)
BLACK: Color = (0, 0, 0)
PALETTES = ("facades", "cityscapes")
GLYPH_BRUSH = 0.07
"""Width of a letter's stem, as a share of the image."""
LINE_BRUSH = 0.008
"""Width of a drawn edge, as a share of the image; never less than a pixel and a half."""
LABEL_BRUSH = 0.05
EXTREME, CLEAR_SHARE = 48, 0.9
"""Grey levels from black or white that still pass for them, and the share of pixels that has to."""
FLAT, FLAT_SHARE = 8, 0.3
"""Grey levels within which neighbouring pixels pass for one colour, and the share of pixels that has to in label maps."""
NEAR_COLOR, LABEL_SHARE = 40, 0.8
"""Distance to a class's colour that still passes for it (JPEG moves colours), and the share of flat pixels that has to."""
USUAL = {"glyphs": "lines", "facades": "labels", "cityscapes": "labels", "edges": "lines"}
"""By the beginning of the data's name, where the images themselves are not at hand."""


@dataclass(frozen=True)
class SourceKind:
    """How source images are made by hand."""

    kind: Kind
    paper: Color = WHITE
    """What an empty image is filled with, and what the eraser leaves."""
    pen: Color = BLACK
    brush: float = 1.5
    """Width of a stroke in the image's pixels."""
    palette: Palette | None = None
    """The classes to paint with, for labels."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for the page."""
        classes = zip(self.palette.names, self.palette.colors, strict=True) if self.palette else ()
        return {
            "kind": self.kind,
            "paper": list(self.paper),
            "pen": list(self.pen),
            "brush": self.brush,
            "palette": [{"name": name, "color": list(color)} for name, color in classes],
        }


def source_kind(subject: WebRun, examples: ByteImages | None) -> SourceKind:
    """How somebody makes a source image for this run.

    Args:
        subject: The run.
        examples: Source images of its data; None where they are not at hand, and the data's name has to do.
    """
    data = subject.run.config.data
    size, name = subject.image_size, data.data.rstrip("/").split("/")[-1].lower()
    if name == "glyphs":
        return SourceKind("lines", brush=round(GLYPH_BRUSH * size, 1))
    if examples is None:
        return _by_name(name, size)
    return _by_look(examples, size)


def _by_name(name: str, size: int) -> SourceKind:
    kind = next((kind for beginning, kind in USUAL.items() if name.startswith(beginning)), "photo")
    if kind == "lines":
        return SourceKind("lines", brush=line_brush(size))
    if kind == "labels":
        palette = load_palette(next(known for known in PALETTES if name.startswith(known)))
        return SourceKind("labels", palette.colors[0], palette.colors[1], LABEL_BRUSH * size, palette)
    return SourceKind("photo", brush=LABEL_BRUSH * size)


def _by_look(examples: ByteImages, size: int) -> SourceKind:
    """Black and white; or few colours, those of a palette that is shipped; else photographs."""
    pixels = examples.permute(0, 2, 3, 1).flatten(0, 2).expand(-1, 3).float()
    dark, light = (pixels < EXTREME).all(1), (pixels > 255 - EXTREME).all(1)
    if (dark | light).float().mean() > CLEAR_SHARE:
        inverted = dark.sum() > light.sum()
        colors = (BLACK, WHITE) if inverted else (WHITE, BLACK)
        return SourceKind("lines", *colors, brush=line_brush(size))
    flat = _flat_pixels(examples)
    for palette in map(load_palette, PALETTES if len(flat) > FLAT_SHARE * len(pixels) else ()):
        classes = torch.tensor(palette.colors).float()
        nearest = torch.cdist(flat, classes).min(1)
        if (nearest.values < NEAR_COLOR).float().mean() > LABEL_SHARE:
            # Windows and doors are drawn onto what covers most of a picture; class 0 is what lies behind everything.
            counts = torch.bincount(nearest.indices, minlength=len(classes)).argsort(descending=True).tolist()
            paper, pen = (
                palette.colors[number] for number in (counts[0], next(n for n in counts[1:] if n != 0))
            )
            return SourceKind("labels", paper, pen, round(LABEL_BRUSH * size, 1), palette)
    return SourceKind("photo", brush=round(LABEL_BRUSH * size, 1))


def _flat_pixels(examples: ByteImages) -> Float[Tensor, "pixels 3"]:
    """Pixels within areas of one colour: between areas, resizing has mixed the colours of both."""
    pixels = examples.permute(0, 2, 3, 1).expand(-1, -1, -1, 3).float()
    across = (pixels[:, :-1, 1:] - pixels[:, :-1, :-1]).abs().amax(3)
    down = (pixels[:, 1:, :-1] - pixels[:, :-1, :-1]).abs().amax(3)
    return pixels[:, :-1, :-1][(across < FLAT) & (down < FLAT)]


def line_brush(size: int) -> float:
    """The width of a drawn edge in an image of this side, in pixels."""
    return round(max(1.5, LINE_BRUSH * size), 1)
