"""The embedded data set: letters in DejaVu Sans (source) and DejaVu Serif Bold Italic (target).

matplotlib ships both fonts, so that every installation can train, prune and test without a download.
"""

import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import matplotlib
import torch
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont, ImageOps

from mggc.data.dataset import Dataset, Split
from mggc.data.images import ArrayImages, ImageSet, Subset
from mggc.data.pillow import Channels, from_pillow
from mggc.runtime import step_generator

FONTS = ("DejaVuSans.ttf", "DejaVuSerif-BoldItalic.ttf")
EM_SHARE = 0.7
"""Font size as a share of the image: ink of more than 99 % of the letters lies within the image."""
BASELINE_SHARE = 0.78
"""Height of the baseline, from the top, as a share of the image."""
COMPARED_SIZE = 64
"""Image size at which letters are compared, so that the set of letters does not depend on the image size asked for."""


def open_glyphs(
    *,
    image_size: int,
    paired: bool,
    direction: Literal["AtoB", "BtoA"] = "AtoB",
    input_channels: Channels = 1,
    output_channels: Channels = 1,
    seed: int = 0,
) -> Dataset:
    """The letters, 80 % to train, 10 % to validate, 10 % to test, drawn black on white.

    Args:
        image_size: Side of the images, in pixels.
        paired: Without pairs, one half of the training letters are sources and the other half targets; validation
            and test letters stay in pairs, so that results can be compared with the true letter.
        direction: ``AtoB`` reads Sans and writes Serif Bold Italic.
        input_channels: 3 repeats the grey value of source images.
        output_channels: The same for target images.
        seed: Decides which letters are in which split.
    """
    letters = distinct_letters()
    fonts = FONTS if direction == "AtoB" else FONTS[::-1]
    source, target = (
        _draw_set(letters, font, image_size=image_size, channels=channels)
        for font, channels in zip(fonts, (input_channels, output_channels), strict=True)
    )
    order = torch.randperm(len(letters), generator=step_generator(seed, "glyphs")).tolist()
    first, second = round(0.8 * len(order)), round(0.9 * len(order))
    return Dataset(
        _paired(source, target, order[:first]) if paired else _unpaired(source, target, order[:first]),
        _paired(source, target, order[first:second]),
        _paired(source, target, order[second:]),
        split_rule=_rule(len(letters), paired=paired, seed=seed),
        input_channels=input_channels,
        output_channels=output_channels,
        name="glyphs",
        augment=False,  # letters have their place, and are not themselves in a mirror
    )


def _paired(source: ImageSet, target: ImageSet, indices: Sequence[int]) -> Split:
    return Split(Subset(source, indices), Subset(target, indices), paired=True)


def _unpaired(source: ImageSet, target: ImageSet, indices: Sequence[int]) -> Split:
    half = len(indices) // 2
    return Split(Subset(source, indices[:half]), Subset(target, indices[half:]), paired=False)


def _rule(count: int, *, paired: bool, seed: int) -> str:
    rule = f"{count} letters shuffled with seed {seed}: 80 % train, 10 % val, 10 % test"
    return rule if paired else f"{rule}; half of train's letters are its sources, the other half its targets"


@cache
def distinct_letters() -> tuple[str, ...]:
    """The letters (Unicode category L) of both fonts, one for each look, in the order of their code points.

    Latin A, Greek Alpha and Cyrillic A are one letter here: as three, the test images would be among the training
    images, and pairs among the unpaired ones.
    """
    looks: dict[bytes, str] = {}
    for letter in _common_letters():
        drawings = [
            draw_letter(letter, _font(name, COMPARED_SIZE), image_size=COMPARED_SIZE) for name in FONTS
        ]
        if all(drawing.getextrema() != (255, 255) for drawing in drawings):
            looks.setdefault(b"".join(drawing.tobytes() for drawing in drawings), letter)
    return tuple(looks.values())


def _common_letters() -> list[str]:
    codes = [FT2Font(str(_font_path(name))).get_charmap() for name in FONTS]
    common = sorted(code for code in codes[0] if all(charmap.get(code) for charmap in codes))
    return [chr(code) for code in common if unicodedata.category(chr(code)).startswith("L")]


def draw_letter(letter: str, font: ImageFont.FreeTypeFont, *, image_size: int) -> Image.Image:
    """The letter in black on white: its ink centred from left to right, on a baseline that all letters share."""
    canvas = Image.new("L", (3 * image_size, image_size), 0)
    place = (image_size, round(BASELINE_SHARE * image_size))
    ImageDraw.Draw(canvas).text(place, letter, font=font, fill=255, anchor="ls")
    # The ink is measured where it fell: the font's own box counts the space around a letter as part of it.
    ink = canvas.getbbox() or (0, 0, 0, 0)
    left = (ink[0] + ink[2] - image_size) // 2
    return ImageOps.invert(canvas.crop((left, 0, left + image_size, image_size)))


def _draw_set(letters: Sequence[str], font_name: str, *, image_size: int, channels: Channels) -> ArrayImages:
    font = _font(font_name, image_size)
    drawings = torch.stack(
        [from_pillow(draw_letter(letter, font, image_size=image_size)) for letter in letters]
    )
    names = [f"U+{ord(letter):04X}" for letter in letters]
    return ArrayImages(drawings.expand(-1, channels, -1, -1), names)


def _font(name: str, image_size: int) -> ImageFont.FreeTypeFont:
    # The basic layout is in every build of Pillow; letters that stand alone need no other.
    size = max(round(EM_SHARE * image_size), 1)
    return ImageFont.truetype(str(_font_path(name)), size, layout_engine=ImageFont.Layout.BASIC)


def _font_path(name: str) -> Path:
    return Path(matplotlib.get_data_path(), "fonts", "ttf", name)
