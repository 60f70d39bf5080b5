import pytest
import torch
from distill_toys import learning, views
from torch import Tensor

from mggc.finetune.wavelet import HighFrequencies, haar, high_bands
from toys import images


def slow_haar(channel: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The orthonormal transform of one channel: pairs of rows, then pairs of columns, summed and subtracted over √2."""

    def pairs(lines: Tensor) -> tuple[Tensor, Tensor]:
        if len(lines) % 2:
            lines = torch.cat([lines, torch.zeros_like(lines[:1])])
        sums = [(lines[i] + lines[i + 1]) / 2**0.5 for i in range(0, len(lines), 2)]
        differences = [(lines[i] - lines[i + 1]) / 2**0.5 for i in range(0, len(lines), 2)]
        return torch.stack(sums), torch.stack(differences)

    low, vertical = pairs(channel)
    (low_low, low_high), (high_low, high_high) = pairs(low.T), pairs(vertical.T)
    return low_low.T, [high_low.T, low_high.T, high_high.T]


@pytest.mark.parametrize("size", [(4, 6), (5, 4), (3, 7), (1, 1)])
def test_the_transform_is_that_of_rows_and_then_of_columns(size: tuple[int, int]) -> None:
    pictures = images(2, 3, *size)
    low, high = haar(pictures)
    for image in range(2):
        for channel in range(3):
            expected, bands = slow_haar(pictures[image, channel])
            torch.testing.assert_close(low[image, channel], expected)
            torch.testing.assert_close(high[image, channel], torch.stack(bands))


def test_the_transform_keeps_the_energy() -> None:
    pictures = images(1, 2, 16, 16)
    bands = high_bands(pictures, levels=4)
    coarsest = pictures
    for _ in range(4):
        coarsest, _ = haar(coarsest)
    energy = sum(band.square().sum().item() for band in bands) + coarsest.square().sum().item()
    assert energy == pytest.approx(pictures.square().sum().item(), rel=1e-5)
    assert [tuple(band.shape) for band in bands] == [(1, 2, 3, side, side) for side in (8, 4, 2, 1)]


def test_the_loss_is_the_sum_over_levels_of_the_mean_difference() -> None:
    seen = views()
    expected = 0.0
    mine, theirs = seen.fake, seen.teacher_image
    for _ in range(4):
        differences = []
        lows = []
        for image in range(2):
            for channel in range(3):
                (low, bands), (other_low, other_bands) = (
                    slow_haar(y[image, channel]) for y in (mine, theirs)
                )
                differences += [(a - b).abs().mean().item() for a, b in zip(bands, other_bands, strict=True)]
                lows.append((low, other_low))
        expected += sum(differences) / len(differences)
        mine, theirs = (torch.stack([pair[side] for pair in lows]).unflatten(0, (2, 3)) for side in range(2))
    assert HighFrequencies(0.4)(seen).item() == pytest.approx(0.4 * expected, rel=1e-4)


def test_agreement_and_a_shift_of_brightness_cost_nothing() -> None:
    seen = views(agree=True)
    assert HighFrequencies(1.0)(seen).item() == 0.0
    assert HighFrequencies(1.0)(seen._replace(fake=seen.fake + 0.3)).item() == pytest.approx(0.0, abs=1e-5)


def test_the_students_image_is_moved() -> None:
    seen, (fake, *_) = learning(views())
    HighFrequencies(0.4)(seen).backward()
    assert fake.grad is not None
    assert fake.grad.abs().sum() > 0
