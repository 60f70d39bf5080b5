import numpy as np
import pytest
import torch

from mggc.manifold import neighbor_grid

RED, BLUE = (214, 39, 40), (31, 119, 180)


def constant_images(channels: int, side: int) -> np.ndarray:
    levels = np.arange(5, dtype=np.uint8) * 10
    return np.broadcast_to(levels[:, None, None, None], (5, channels, side, side))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("side", "shown"), [(64, 128), (32, 96), (96, 96), (256, 256)])
def test_centers_are_framed_red_and_neighbors_blue(channels, side, shown):
    neighbors = torch.tensor([[1, 2], [0, 2], [0, 1], [4, 1], [3, 1]])
    picture = neighbor_grid(constant_images(channels, side), neighbors, torch.tensor([3, 0]))
    cell = shown + 2 * 3 + 4
    assert picture.mode == "RGB"
    assert picture.size == (4 + 3 * cell, 4 + 2 * cell)
    for row, images in enumerate([[3, 4, 1], [0, 1, 2]]):
        for column, image in enumerate(images):
            x, y = 4 + column * cell, 4 + row * cell
            assert picture.getpixel((x, y)) == (RED if column == 0 else BLUE)
            assert picture.getpixel((x + 3, y + 3)) == (image * 10,) * 3
            assert picture.getpixel((x + 2 + shown, y + 2 + shown)) == (image * 10,) * 3
            assert picture.getpixel((x + 3 + shown, y + 3 + shown)) == (RED if column == 0 else BLUE)


def test_small_images_are_enlarged_without_smoothing_and_in_their_colors():
    images = np.zeros((1, 3, 2, 2), dtype=np.uint8)
    images[0, :, 0, 1] = (200, 100, 50)
    picture = neighbor_grid(images, torch.empty(1, 0, dtype=torch.long), torch.tensor([0]))
    assert {color for _, color in picture.crop((7, 7, 7 + 96, 7 + 96)).getcolors()} == {
        (0, 0, 0),
        (200, 100, 50),
    }
    assert picture.getpixel((7 + 95, 7)) == (200, 100, 50)
    assert picture.getpixel((7, 7 + 95)) == (0, 0, 0)
