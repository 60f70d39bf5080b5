import json
import math
from pathlib import Path

import pytest
import torch

from mggc.errors import MggcError
from mggc.metrics import IGNORED, load_palette

FACADES, CITYSCAPES = load_palette("facades"), load_palette("cityscapes")


def painted(colors: list[tuple[int, int, int]]) -> torch.Tensor:
    return torch.tensor(colors, dtype=torch.uint8).T[None, :, None]


def test_the_shipped_palettes_have_their_classes():
    assert (len(FACADES.names), len(FACADES.ignored)) == (12, 0)
    assert (FACADES.names[0], FACADES.names[-1]) == ("background", "shop")
    assert len(CITYSCAPES.names) == 19
    assert (CITYSCAPES.names[0], CITYSCAPES.names[13], CITYSCAPES.names[-1]) == ("road", "car", "bicycle")
    assert (0, 0, 0) in CITYSCAPES.ignored


@pytest.mark.parametrize("palette", [FACADES, CITYSCAPES], ids=lambda palette: palette.name)
def test_colors_stand_far_enough_apart_for_a_little_noise(palette):
    every = palette.colors + palette.ignored
    assert len(set(every)) == len(every)
    for index, color in enumerate(every):
        for other in every[:index]:
            assert math.dist(color, other) > 15
    noisy = [tuple(min(max(value + 3, 0), 255) for value in color) for color in palette.colors]
    assert palette.labels(painted(noisy)).flatten().tolist() == list(range(len(palette.names)))


def test_ignored_colors_do_not_count_as_labels_but_predictions_always_have_a_class():
    black = painted([(0, 0, 0), (128, 64, 128)])
    assert CITYSCAPES.labels(black).flatten().tolist() == [IGNORED, 0]
    nearest = min(range(19), key=lambda index: math.dist((0, 0, 0), CITYSCAPES.colors[index]))
    assert CITYSCAPES.predictions(black).flatten().tolist() == [nearest, 0]


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_a_palette_of_ones_own_comes_from_a_file(tmp_path: Path, suffix: str):
    path = tmp_path / f"mine.{suffix}"
    classes = [{"name": "sky", "color": [0, 0, 255]}, {"name": "sea", "color": [0, 128, 0]}]
    path.write_text(
        json.dumps({"class": classes, "ignored": [{"name": "edge", "color": [255, 255, 255]}]})
        if suffix == "json"
        else "class = [{name = 'sky', color = [0, 0, 255]}, {name = 'sea', color = [0, 128, 0]}]\n"
        "ignored = [{name = 'edge', color = [255, 255, 255]}]"
    )
    palette = load_palette(str(path))
    assert (palette.name, palette.names) == (path.name, ("sky", "sea"))
    assert palette.colors == ((0, 0, 255), (0, 128, 0))
    assert palette.ignored == ((255, 255, 255),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("class = [", "should be TOML or JSON"),
        ("class = [{name = 'sky', color = [0, 0, 1]}]", r"no palette: class: Tuple should have at least 2"),
        (
            "class = [{name = 'a', color = [0, 0, 256]}, {name = 'b', color = [0, 0, 1]}]",
            r"class\.0\.color\.2",
        ),
        ("color = 1", "no palette"),
    ],
)
def test_files_of_other_things_are_refused(tmp_path: Path, content: str, message: str):
    path = tmp_path / "mine.toml"
    path.write_text(content)
    with pytest.raises(MggcError, match=message):
        load_palette(str(path))


def test_a_missing_palette_names_those_that_are_shipped():
    with pytest.raises(MggcError, match=r"wants cityscapes, facades or a file\. Found no file maps"):
        load_palette("maps")
