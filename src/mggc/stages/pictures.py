"""Pictures for people: source, original, compressed and target side by side."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

SMALLEST_SIDE = 128
GAP = 6
HEADING = 24


def comparison_grid(
    columns: list[UInt8[Tensor, "_ _ height width"]], titles: list[str], *, rows: int
) -> Image.Image:
    """One column for each set of images, under its title; one row for each of the first ``rows`` images.

    Args:
        columns: Sets of uint8 images of one size, grey or colour.
        titles: One for each column.
        rows: Rows to draw, or as many as there are images.
    """
    height, width = columns[0].shape[-2:]
    scale = max(1, -(-SMALLEST_SIDE // max(height, width)))
    cell_height, cell_width = scale * height, scale * width
    rows = min(rows, *(len(column) for column in columns))
    size = (len(columns) * (cell_width + GAP) + GAP, HEADING + rows * (cell_height + GAP) + GAP)
    grid = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(grid), ImageFont.load_default(size=14)
    for number, (column, title) in enumerate(zip(columns, titles, strict=True)):
        left = GAP + number * (cell_width + GAP)
        draw.text((left + cell_width / 2, HEADING / 2), title, fill="black", anchor="mm", font=font)
        for row in range(rows):
            pixels = np.repeat(column[row].numpy(), 3 if column.shape[1] == 1 else 1, axis=0)
            picture = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
            picture = picture.resize((cell_width, cell_height), Image.Resampling.NEAREST)
            grid.paste(picture, (left, HEADING + GAP + row * (cell_height + GAP)))
    return grid
