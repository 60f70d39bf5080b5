"""What an exported file takes and gives, and how pictures are put into that form."""

from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from mggc.data.transforms import to_float
from mggc.shapes import ByteImages

InputKind = Literal["uint8", "float"]
INPUT_NAME, OUTPUT_NAME = "images", "translated"
LEVELS = 127.5
"""Grey levels in one unit of [-1, 1]."""


@dataclass(frozen=True)
class Interface:
    """The form of images at an exported generator's two ends.

    ``uint8`` images are [batch, height, width, channels], 0 to 255, as Pillow, NumPy and a browser's canvas hold them;
    ``float`` ones are [batch, channels, height, width] in [-1, 1], as `load_generator`'s networks take them.
    """

    kind: InputKind
    input_channels: int
    output_channels: int
    multiple: int
    """What images are padded to a multiple of, inside, in pixels."""
    minimum: int
    """The smallest padded side, in pixels."""

    def feed(self, images: ByteImages) -> Tensor:
        """A batch of pictures in this form."""
        return images.permute(0, 2, 3, 1).contiguous() if self.kind == "uint8" else to_float(images)

    def levels(self, output: Tensor) -> Tensor:
        """Translated images as float grey levels [batch, channels, height, width], 0 to 255."""
        if self.kind == "uint8":
            return output.permute(0, 3, 1, 2).float()
        return (output.float() + 1) * LEVELS

    def to_json(self) -> dict[str, Any]:
        """How to feed the file and read its answer, for its metadata."""
        return {
            "input": self._end(INPUT_NAME, self.input_channels),
            "output": self._end(OUTPUT_NAME, self.output_channels),
            "sizes": "any height and width, any batch; padded inside by reflection on the right and below to a multiple "
            f"of {self.multiple}, at least {self.minimum}, and cropped back",
        }

    def _end(self, name: str, channels: int) -> dict[str, Any]:
        inner = ["batch", "height", "width", channels]
        return {
            "name": name,
            "type": "uint8" if self.kind == "uint8" else "float32",
            "shape": inner if self.kind == "uint8" else ["batch", channels, "height", "width"],
            "range": [0, 255] if self.kind == "uint8" else [-1, 1],
            "channels": {1: "grey", 3: "RGB"}.get(channels, str(channels)),
        }
