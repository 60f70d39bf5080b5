"""Label colours: which colour stands for which class."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from jaxtyping import Int64
from pydantic import Field, ValidationError
from torch import Tensor

from mggc.config import Settings
from mggc.errors import MggcError
from mggc.metrics.segmentation import decode_palette
from mggc.shapes import ByteImages

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

IGNORED = 255
"""The label of pixels that do not count."""
SHIPPED = Path(__file__).parent / "palettes"
Byte = Annotated[int, Field(ge=0, le=255)]


class NamedColor(Settings):
    """One class, or one kind of thing that does not count."""

    name: str
    """What people call it."""
    color: tuple[Byte, Byte, Byte]
    """Red, green and blue, 0 to 255."""


class PaletteFile(Settings):
    """A palette as it lies in a TOML or JSON file."""

    class_: Annotated[tuple[NamedColor, ...], Field(alias="class", min_length=2, max_length=IGNORED)]
    """The classes, in the order of their numbers."""
    ignored: tuple[NamedColor, ...] = ()
    """Colours of what does not count."""


@dataclass(frozen=True)
class Palette:
    """Classes and their colours."""

    name: str
    """``facades``, ``cityscapes``, or the name of a file."""
    names: tuple[str, ...]
    """What the classes are called, by number."""
    colors: tuple[tuple[int, int, int], ...]
    """Their colours."""
    ignored: tuple[tuple[int, int, int], ...] = ()
    """Colours of pixels that do not count."""

    def labels(self, images: ByteImages) -> Int64[Tensor, "batch height width"]:
        """The class of each pixel of label maps, by the nearest colour; ``IGNORED`` where that is an ignored one.

        Raises:
            ValueError: The images are not in colour.
        """
        decoded = decode_palette(images, torch.tensor(self.colors + self.ignored))
        return decoded.masked_fill(decoded >= len(self.colors), IGNORED)

    def predictions(self, images: ByteImages) -> Int64[Tensor, "batch height width"]:
        """The same for maps that a generator drew: every pixel has a class."""
        return decode_palette(images, torch.tensor(self.colors))


def load_palette(choice: str) -> Palette:
    """A palette that is shipped (``facades``, ``cityscapes``), or one from a TOML or JSON file.

    A file has ``class`` and perhaps ``ignored``, each a list of tables with a ``name`` and a ``color`` of three numbers.

    Raises:
        MggcError: There is no such file, or it is no palette.
    """
    shipped = SHIPPED / f"{choice}.toml"
    path = shipped if shipped.is_file() else Path(choice)
    try:
        text = path.read_text(encoding="utf-8")
        file = PaletteFile.model_validate(json.loads(text) if path.suffix == ".json" else tomllib.loads(text))
    except OSError as error:
        known = ", ".join(sorted(found.stem for found in SHIPPED.glob("*.toml")))
        raise MggcError(f"--evaluate.palette wants {known} or a file. Found no file {choice}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise MggcError(
            f"{path} is no palette: {where}: {first['msg']}. Write class = [{{name, color}}]."
        ) from error
    except ValueError as error:  # both parsers' errors are of this kind
        raise MggcError(f"{path} should be TOML or JSON. Found: {error}.") from error
    return Palette(
        shipped.stem if path == shipped else path.name,
        tuple(entry.name for entry in file.class_),
        tuple(entry.color for entry in file.class_),
        tuple(entry.color for entry in file.ignored),
    )
