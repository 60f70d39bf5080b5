import numpy as np
import pytest
import torch
from data_toys import noise
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mggc.config import DataConfig
from mggc.data.transforms import (
    Jitter,
    draw_jitter,
    evaluation_image,
    loading,
    resize,
    to_bytes,
    to_float,
    training_image,
)
from mggc.errors import MggcError

EVERY_BYTE = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_every_byte_survives_the_way_to_floats_and_back(dtype: torch.dtype) -> None:
    assert torch.equal(to_bytes(to_float(EVERY_BYTE).to(dtype)), EVERY_BYTE)


def test_floats_run_from_minus_one_to_one_by_upstreams_arithmetic() -> None:
    bytes_before = EVERY_BYTE.clone()
    floats = to_float(EVERY_BYTE)
    expected = (EVERY_BYTE.numpy().astype(np.float32) / np.float32(255) - np.float32(0.5)) / np.float32(0.5)
    assert np.array_equal(floats.numpy(), expected)
    assert floats.min() == -1
    assert floats.max() == 1
    assert torch.equal(EVERY_BYTE, bytes_before)


def test_bytes_are_rounded_and_clipped() -> None:
    floats = torch.tensor([-1.7, -1.0, -0.999, 0.0, 0.0001, 0.9999, 1.3]).reshape(1, 1, 1, 7)
    assert to_bytes(floats).flatten().tolist() == [0, 0, 0, 128, 128, 255, 255]


@pytest.mark.parametrize("channels", [1, 3])
def test_resizing_is_pillows_bicubic_filter(channels: int) -> None:
    pixels = noise(0, 9, 7, channels)
    image = torch.from_numpy(pixels.reshape(9, 7, channels)).permute(2, 0, 1)
    expected = np.array(Image.fromarray(pixels).resize((12, 5), Image.Resampling.BICUBIC))
    assert np.array_equal(resize(image, (5, 12)).permute(1, 2, 0).numpy(), expected.reshape(5, 12, channels))
    assert resize(image, (9, 7)) is image
    assert torch.equal(evaluation_image(image, image_size=6), resize(image, (6, 6)))


@given(
    load_size=st.integers(3, 12),
    image_size=st.integers(1, 12),
    top=st.integers(0, 9),
    left=st.integers(0, 9),
    mirrored=st.booleans(),
)
def test_training_images_are_resized_cropped_and_mirrored_pixel_by_pixel(
    load_size: int, image_size: int, top: int, left: int, mirrored: bool
) -> None:
    image_size = min(image_size, load_size)
    room = load_size - image_size
    jitter = Jitter(min(top, room), min(left, room), mirrored)
    image = torch.from_numpy(noise(0, 10, 6)).permute(2, 0, 1)
    loaded = resize(image, (load_size, load_size))
    found = training_image(image, jitter, load_size=load_size, image_size=image_size)
    for row in range(image_size):
        for column in range(image_size):
            across = image_size - 1 - column if mirrored else column
            expected = loaded[:, jitter.top + row, jitter.left + across]
            assert torch.equal(found[:, row, column], expected)


def test_crops_reach_every_place_and_half_of_the_images_are_mirrored() -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = [draw_jitter(generator, load_size=7, image_size=5, flip=True) for _ in range(400)]
    assert {(jitter.top, jitter.left) for jitter in drawn} == {(i, j) for i in range(3) for j in range(3)}
    assert 160 < sum(jitter.mirrored for jitter in drawn) < 240


def test_the_flip_switch_leaves_the_crops_as_they_were() -> None:
    with_flips, without = (
        [
            draw_jitter(torch.Generator().manual_seed(seed), load_size=286, image_size=256, flip=flip)
            for seed in range(40)
        ]
        for flip in (True, False)
    )
    assert not any(jitter.mirrored for jitter in without)
    assert [jitter[:2] for jitter in with_flips] == [jitter[:2] for jitter in without]


@pytest.mark.parametrize(
    ("config", "augment", "expected"),
    [
        (DataConfig(), True, (286, True)),
        (DataConfig(image_size=128), True, (143, True)),
        (DataConfig(load_size=300, flip=False), True, (300, False)),
        (DataConfig(load_size=256), True, (256, True)),
        (DataConfig(image_size=64), False, (64, False)),
    ],
)
def test_images_are_loaded_286_256ths_larger_unless_told_otherwise(
    config: DataConfig, augment: bool, expected: tuple[int, bool]
) -> None:
    assert loading(config, augment=augment) == expected


def test_a_load_size_without_room_for_the_crop_is_refused_by_its_flag() -> None:
    with pytest.raises(MggcError, match=r"--load-size.*256.*Found 200"):
        loading(DataConfig(load_size=200), augment=True)
