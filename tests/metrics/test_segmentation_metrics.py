import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mggc.metrics import (
    class_iou,
    confusion_matrix,
    decode_palette,
    ink_confusion,
    ink_iou,
    ink_mean_iou,
    mean_iou,
    pixel_accuracy,
)


def random_labels(*shape: int, classes: int, seed: int) -> torch.Tensor:
    return torch.randint(classes, shape, generator=torch.Generator().manual_seed(seed))


def slow_mean_iou(prediction: list[int], label: list[int], classes: int) -> float:
    figures = []
    for wanted in range(classes):
        predicted = {i for i, value in enumerate(prediction) if value == wanted}
        true = {i for i, value in enumerate(label) if value == wanted}
        if predicted | true:
            figures.append(len(predicted & true) / len(predicted | true))
    return sum(figures) / len(figures)


@settings(deadline=None, max_examples=40)
@given(pixels=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test_mean_iou_and_accuracy_equal_their_definitions_on_sets_of_pixels(pixels):
    prediction, label = ([pixel[side] for pixel in pixels] for side in (0, 1))
    confusion = confusion_matrix(torch.tensor(prediction), torch.tensor(label), classes=5)
    assert mean_iou(confusion) == pytest.approx(slow_mean_iou(prediction, label, 5))
    assert pixel_accuracy(confusion) == pytest.approx(sum(a == b for a, b in pixels) / len(pixels))


def test_confusion_counts_labels_in_rows_and_predictions_in_columns():
    prediction = torch.tensor([[0, 1, 1], [2, 2, 0]])
    label = torch.tensor([[0, 0, 1], [2, 1, 255]], dtype=torch.uint8)
    confusion = confusion_matrix(prediction, label, classes=3, ignore_index=255)
    assert confusion.tolist() == [[1, 1, 0], [0, 1, 1], [0, 0, 1]]
    assert class_iou(confusion).tolist() == pytest.approx([1 / 2, 1 / 3, 1 / 2])
    assert mean_iou(confusion) == pytest.approx(4 / 9)
    assert pixel_accuracy(confusion) == pytest.approx(3 / 5)


def test_confusions_of_batches_add_up_to_that_of_the_set():
    prediction, label = random_labels(6, 8, 8, classes=4, seed=0), random_labels(6, 8, 8, classes=4, seed=1)
    batches = zip(prediction.split(4), label.split(4), strict=True)
    total = sum(confusion_matrix(*batch, classes=4) for batch in batches)
    assert total.equal(confusion_matrix(prediction, label, classes=4))


def test_a_class_that_nobody_has_does_not_count():
    label = random_labels(50, classes=3, seed=0)
    confusion = confusion_matrix(label, label, classes=7)
    assert mean_iou(confusion) == 1.0
    assert class_iou(confusion)[3:].isnan().all()


@pytest.mark.parametrize("wrong", [-1, 3])
def test_classes_out_of_range_are_refused(wrong):
    good, bad = torch.tensor([0, 1]), torch.tensor([0, wrong])
    with pytest.raises(ValueError, match=r"`prediction`.*0 to 2"):
        confusion_matrix(bad, good, classes=3)
    with pytest.raises(ValueError, match=r"`label`.*0 to 2"):
        confusion_matrix(good, bad, classes=3)


def test_no_pixels_have_no_mean_iou():
    nothing = confusion_matrix(torch.tensor([0]), torch.tensor([255]), classes=2, ignore_index=255)
    for figure in (mean_iou, pixel_accuracy):
        with pytest.raises(ValueError, match="at least one pixel"):
            figure(nothing)


def test_ink_is_what_is_dark():
    real = torch.tensor([[-1.0, -0.5], [1.0, 0.5]])[None, None]
    fake = torch.tensor([[-0.1, 0.1], [0.0, 1.0]])[None, None]
    found = ink_mean_iou(fake, real)
    assert found == pytest.approx((1 / 2, 2 / 3, 7 / 12))


def test_ink_is_pooled_over_the_set():
    generator = torch.Generator().manual_seed(0)
    fake, real = torch.randn(2, 5, 3, 9, 9, generator=generator).clamp(-1, 1)
    total = sum(ink_confusion(fake[i : i + 1], real[i : i + 1]) for i in range(5))
    assert ink_iou(total) == ink_mean_iou(fake, real)


def test_equal_sets_agree_on_ink_and_paper_without_ink_is_not_a_class():
    images = torch.randn(4, 1, 9, 9, generator=torch.Generator().manual_seed(0))
    assert ink_mean_iou(images, images) == (1.0, 1.0, 1.0)
    blank = ink_mean_iou(torch.ones(1, 1, 4, 4), torch.ones(1, 1, 4, 4))
    assert math.isnan(blank.ink)
    assert (blank.background, blank.mean) == (1.0, 1.0)


def test_pictures_of_different_sizes_are_refused():
    with pytest.raises((ValueError, TypeError), match="8"):
        ink_confusion(torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 4))


PALETTE = torch.tensor(
    [[128, 64, 128], [244, 35, 232], [70, 70, 70], [0, 0, 0], [107, 142, 35]], dtype=torch.uint8
)


def test_colors_of_the_palette_decode_to_their_classes_also_under_noise():
    label = random_labels(2, 12, 10, classes=5, seed=0)
    generator = torch.Generator().manual_seed(1)
    colors = PALETTE[label].permute(0, 3, 1, 2)
    noise = torch.randint(-15, 16, colors.shape, generator=generator)
    noisy = (colors.int() + noise).clamp(0, 255).to(torch.uint8)
    assert decode_palette(colors, PALETTE).equal(label)
    assert decode_palette(noisy, PALETTE).equal(label)


def test_decoding_equals_the_nearest_color_of_each_pixel():
    images = random_labels(1, 3, 7, 6, classes=256, seed=0).to(torch.uint8)
    decoded = decode_palette(images, PALETTE)
    for y in range(7):
        for x in range(6):
            distances = [math.dist(images[0, :, y, x].tolist(), color) for color in PALETTE.tolist()]
            assert int(decoded[0, y, x]) == distances.index(min(distances))


def test_the_first_of_equally_near_colors_is_taken():
    palette = torch.tensor([[10], [20], [20]])
    images = torch.tensor([15, 20, 255], dtype=torch.uint8)[None, None, None]
    assert decode_palette(images, palette).flatten().tolist() == [0, 1, 1]


def test_palettes_for_other_channels_are_refused():
    with pytest.raises((ValueError, TypeError), match="channels"):
        decode_palette(torch.zeros(1, 1, 4, 4, dtype=torch.uint8), PALETTE)
