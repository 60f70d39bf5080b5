import numpy as np
import pytest
import torch
from torch import nn

from mggc.config import EncodeConfig
from mggc.errors import MggcError
from mggc.manifold import (
    Encoder,
    EncoderSpec,
    build_encoder,
    embed,
    encoder_spec,
    load_encoder,
    save_encoder,
    wrap_encoder,
)

SPEC = EncoderSpec(name="swav-r18-w4", depth=18, width=4, image_size=32, small_images=True)


@pytest.fixture
def encoder() -> Encoder:
    torch.manual_seed(0)
    return build_encoder(SPEC)


def test_a_grey_image_has_the_features_of_the_same_image_in_three_channels(encoder):
    grey = torch.rand(3, 1, 32, 32) * 2 - 1
    torch.testing.assert_close(encoder.eval()(grey), encoder(grey.repeat(1, 3, 1, 1)))


def test_the_network_sees_imagenet_normalized_images(encoder):
    seen = []
    encoder.backbone.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    levels = torch.rand(2, 3, 32, 32)
    encoder(levels * 2 - 1)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    torch.testing.assert_close(seen[0], (levels - mean) / std)


@pytest.mark.parametrize("size", [(16, 16), (32, 32), (50, 70)])
def test_images_of_any_size_are_resized(encoder, size):
    seen = []
    encoder.backbone.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0].shape))
    assert encoder(torch.zeros(2, 3, *size)).shape == (2, encoder.dim)
    assert seen == [(2, 3, 32, 32)]


def test_the_name_tells_depth_and_unusual_width():
    names = [encoder_spec(EncodeConfig(width=width), data_image_size=256).name for width in (64, 32)]
    assert names == ["swav-r18", "swav-r18-w32"]


def test_the_image_size_follows_the_data_up_to_128_pixels():
    sizes = [encoder_spec(EncodeConfig(), data_image_size=size).image_size for size in (64, 128, 256)]
    assert sizes == [64, 128, 128]
    assert encoder_spec(EncodeConfig(image_size=224), data_image_size=64).image_size == 224


@pytest.mark.parametrize("channels", [1, 3])
def test_features_do_not_depend_on_the_batch_size(encoder, channels):
    images = torch.randint(0, 256, (11, channels, 32, 32), dtype=torch.uint8)
    whole = embed(encoder, images, batch_size=11)
    for batch_size in (1, 4, 100):
        torch.testing.assert_close(embed(encoder, images, batch_size=batch_size), whole, rtol=1e-5, atol=1e-6)


def test_bytes_arrays_and_float_batches_give_the_same_features(encoder, tmp_path):
    images = torch.randint(0, 256, (5, 3, 32, 32), dtype=torch.uint8)
    np.save(tmp_path / "images.npy", images.numpy())
    expected = embed(encoder, images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    torch.testing.assert_close(embed(encoder, mapped), expected)
    batches = (images[part].float() / 127.5 - 1 for part in (slice(0, 3), slice(3, 5)))
    torch.testing.assert_close(embed(encoder, batches), expected, rtol=1e-4, atol=1e-5)


def test_embedding_leaves_every_part_in_its_mode_and_statistics_as_they_were(encoder):
    encoder.train()
    encoder.backbone.bn1.eval()
    statistics = encoder.backbone.layer1[0].bn1.running_mean.clone()
    features = embed(encoder, torch.zeros(2, 3, 32, 32, dtype=torch.uint8))
    assert encoder.training
    assert not encoder.backbone.bn1.training
    assert torch.equal(encoder.backbone.layer1[0].bn1.running_mean, statistics)
    assert not features.requires_grad


def test_no_images_have_no_features(encoder):
    assert embed(encoder, []).shape == (0, encoder.dim)


def test_a_saved_encoder_is_the_same_encoder(encoder, tmp_path):
    save_encoder(encoder, tmp_path)
    loaded = load_encoder(tmp_path)
    images = torch.randint(0, 256, (3, 1, 32, 32), dtype=torch.uint8)
    assert torch.equal(embed(loaded, images), embed(encoder, images))
    assert (loaded.name, loaded.dim, loaded.spec) == (encoder.name, encoder.dim, SPEC)


@pytest.mark.parametrize(
    "damage", ["no files", "no weights", "other weights", "torn weights", "other config"]
)
def test_a_damaged_folder_is_named(encoder, tmp_path, damage):
    if damage != "no files":
        save_encoder(encoder, tmp_path)
    weights, config = tmp_path / "model.safetensors", tmp_path / "config.json"
    if damage == "no weights":
        weights.unlink()
    elif damage == "other weights":
        text = config.read_text()
        save_encoder(build_encoder(SPEC.model_copy(update={"width": 5})), tmp_path)
        config.write_text(text)
    elif damage == "torn weights":
        weights.write_bytes(weights.read_bytes()[:100])
    elif damage == "other config":
        config.write_text('{"depth": 18}')
    with pytest.raises(MggcError, match=tmp_path.name) as caught:
        load_encoder(tmp_path)
    assert "\n" not in str(caught.value)


def test_any_network_from_images_to_vectors_is_an_encoder():
    network = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.BatchNorm1d(12))
    encoder = wrap_encoder(network, "pooled", image_size=16, normalize=False)
    assert (encoder.name, encoder.dim) == ("pooled", 12)
    assert network.training
    images = torch.full((3, 3, 8, 8), 255, dtype=torch.uint8)
    torch.testing.assert_close(embed(encoder, images), torch.ones(3, 12), rtol=1e-4, atol=1e-4)


def test_a_network_that_does_not_give_vectors_is_refused():
    with pytest.raises(ValueError, match=r"\[2, dim\]. Found \(2, 3, 16, 16\)"):
        wrap_encoder(nn.Identity(), "nothing", image_size=16)


def test_a_wrapped_network_cannot_be_saved(tmp_path):
    encoder = wrap_encoder(nn.Flatten(), "pixels", image_size=4)
    with pytest.raises(ValueError, match="pixels"):
        save_encoder(encoder, tmp_path)


def test_pixels_are_an_encoder_too(tmp_path):
    encoder = build_encoder(encoder_spec(EncodeConfig(method="pixels"), data_image_size=256))
    assert (encoder.name, encoder.dim) == ("pixels-32", 3 * 32 * 32)
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    assert torch.equal(encoder(images), images.flatten(1))
    save_encoder(encoder, tmp_path)
    assert torch.equal(load_encoder(tmp_path)(images), images.flatten(1))


def test_an_untrained_encoder_says_so_by_its_name():
    assert encoder_spec(EncodeConfig(method="random", width=16), data_image_size=64).name == "random-r18-w16"
