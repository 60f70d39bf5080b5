import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mggc.errors import MggcError
from mggc.metrics import (
    InceptionFeatures,
    extract_features,
    frechet_distance,
    kernel_distance,
    load_inception,
)


@pytest.fixture(scope="module")
def network() -> InceptionFeatures:
    """Random weights that keep activations in scale through all layers, so that every branch shows in the features."""
    generator = torch.Generator().manual_seed(0)
    network = InceptionFeatures().eval().requires_grad_(False)
    for name, value in network.state_dict().items():
        if name.endswith("conv.weight"):
            value.normal_(std=(2 / value[0].numel()) ** 0.5, generator=generator)
        elif name.endswith(("bn.weight", "running_var")):
            value.uniform_(0.8, 1.2, generator=generator)
        elif name.endswith(("bn.bias", "running_mean")):
            value.normal_(std=0.1, generator=generator)
    return network


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return 2 * torch.rand(3, 3, 40, 56, generator=torch.Generator().manual_seed(1)) - 1


class SlowInception:
    """The same network written out layer by layer over a state dict, with nothing shared with the module."""

    def __init__(self, state: dict[str, torch.Tensor]) -> None:
        self.state = state

    def conv(
        self, name: str, x: torch.Tensor, *, stride: int = 1, padding: int | tuple[int, int] = 0
    ) -> torch.Tensor:
        get = lambda part: self.state[f"{name}.{part}"]  # noqa: E731
        x = F.conv2d(x, get("conv.weight"), stride=stride, padding=padding)
        mean, variance = get("bn.running_mean"), get("bn.running_var")
        x = (x - mean[:, None, None]) / (variance[:, None, None] + 1e-3).sqrt()
        return (x * get("bn.weight")[:, None, None] + get("bn.bias")[:, None, None]).clamp(min=0)

    def chain(self, block: str, x: torch.Tensor, *steps: tuple) -> torch.Tensor:
        for name, *padding in steps:
            x = self.conv(f"{block}.{name}", x, padding=padding[0] if padding else 0)
        return x

    @staticmethod
    def mean_pool(x: torch.Tensor) -> torch.Tensor:
        """3×3 sums over the number of pixels that are really there."""
        window = torch.ones(1, 1, 3, 3)
        sums = F.conv2d(x.flatten(0, 1)[:, None], window, padding=1).view_as(x)
        return sums / F.conv2d(torch.ones(1, 1, *x.shape[-2:]), window, padding=1)

    def a(self, block: str, x: torch.Tensor) -> torch.Tensor:
        one = self.chain(block, x, ("branch1x1",))
        five = self.chain(block, x, ("branch5x5_1",), ("branch5x5_2", 2))
        three = self.chain(block, x, ("branch3x3dbl_1",), ("branch3x3dbl_2", 1), ("branch3x3dbl_3", 1))
        return torch.cat([one, five, three, self.chain(block, self.mean_pool(x), ("branch_pool",))], 1)

    def b(self, block: str, x: torch.Tensor) -> torch.Tensor:
        three = self.conv(f"{block}.branch3x3", x, stride=2)
        double = self.chain(block, x, ("branch3x3dbl_1",), ("branch3x3dbl_2", 1))
        double = self.conv(f"{block}.branch3x3dbl_3", double, stride=2)
        return torch.cat([three, double, F.max_pool2d(x, 3, 2)], 1)

    def c(self, block: str, x: torch.Tensor) -> torch.Tensor:
        across, down = (0, 3), (3, 0)
        one = self.chain(block, x, ("branch1x1",))
        seven = self.chain(block, x, ("branch7x7_1",), ("branch7x7_2", across), ("branch7x7_3", down))
        names = [f"branch7x7dbl_{i}" for i in range(1, 6)]
        double = self.chain(block, x, *zip(names, [(0, 0), down, across, down, across], strict=True))
        return torch.cat([one, seven, double, self.chain(block, self.mean_pool(x), ("branch_pool",))], 1)

    def d(self, block: str, x: torch.Tensor) -> torch.Tensor:
        three = self.conv(f"{block}.branch3x3_2", self.chain(block, x, ("branch3x3_1",)), stride=2)
        seven = self.chain(block, x, ("branch7x7x3_1",), ("branch7x7x3_2", (0, 3)), ("branch7x7x3_3", (3, 0)))
        seven = self.conv(f"{block}.branch7x7x3_4", seven, stride=2)
        return torch.cat([three, seven, F.max_pool2d(x, 3, 2)], 1)

    def e(self, block: str, x: torch.Tensor, pooled: torch.Tensor) -> torch.Tensor:
        outputs = [self.chain(block, x, ("branch1x1",))]
        three = self.chain(block, x, ("branch3x3_1",))
        outputs += [
            self.chain(block, three, ("branch3x3_2a", (0, 1))),
            self.chain(block, three, ("branch3x3_2b", (1, 0))),
        ]
        double = self.chain(block, x, ("branch3x3dbl_1",), ("branch3x3dbl_2", 1))
        outputs += [
            self.chain(block, double, ("branch3x3dbl_3a", (0, 1))),
            self.chain(block, double, ("branch3x3dbl_3b", (1, 0))),
        ]
        return torch.cat([*outputs, self.chain(block, pooled, ("branch_pool",))], 1)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        x = F.interpolate((images + 1) / 2, size=(299, 299), mode="bilinear", align_corners=False)
        x = self.conv("Conv2d_1a_3x3", 2 * x - 1, stride=2)
        x = self.conv("Conv2d_2b_3x3", self.conv("Conv2d_2a_3x3", x), padding=1)
        x = self.conv("Conv2d_4a_3x3", self.conv("Conv2d_3b_1x1", F.max_pool2d(x, 3, 2)))
        x = self.a("Mixed_5d", self.a("Mixed_5c", self.a("Mixed_5b", F.max_pool2d(x, 3, 2))))
        x = self.b("Mixed_6a", x)
        for block in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
            x = self.c(block, x)
        x = self.d("Mixed_7a", x)
        x = self.e("Mixed_7b", x, self.mean_pool(x))
        x = self.e("Mixed_7c", x, F.max_pool2d(x, 3, 1, padding=1))
        return F.adaptive_avg_pool2d(x, 1).flatten(1)


def test_features_equal_the_network_written_out_layer_by_layer(network, images):
    found = network(images[:1])
    assert found.shape == (1, 2048)
    assert found.std() > 0.01
    torch.testing.assert_close(
        found, SlowInception(network.state_dict()).features(images[:1]), rtol=1e-3, atol=1e-4
    )


def test_features_do_not_depend_on_the_batch(network, images):
    together = network(images)
    alone = torch.cat([network(image[None]) for image in images])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(together[0], together[1], rtol=1e-2)


def test_grey_images_are_seen_in_three_equal_channels(network, images):
    grey = images[:1, :1]
    torch.testing.assert_close(network(grey), network(grey.repeat(1, 3, 1, 1)))


def textbook_fid(real: np.ndarray, fake: np.ndarray) -> float:
    """|μ₁ - μ₂|² + tr(Σ₁ + Σ₂ - 2 (√Σ₁ Σ₂ √Σ₁)^½) with roots of eigenvalues: whole 2,048 × 2,048 covariances."""
    first, second = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    overlap = np.sqrt(np.linalg.eigvalsh(root @ second @ root).clip(0)).sum()
    difference = real.mean(0) - fake.mean(0)
    return float(difference @ difference + np.trace(first) + np.trace(second) - 2 * overlap)


def textbook_kid(real: np.ndarray, fake: np.ndarray) -> float:
    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return float((x @ y / len(x) + 1) ** 3)

    n = len(real)
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    same = sum(kernel(real[i], real[j]) + kernel(fake[i], fake[j]) for i, j in pairs)
    return (same - 2 * sum(kernel(real[i], fake[j]) for i, j in pairs)) / len(pairs)


@pytest.mark.slow
def test_fid_and_kid_of_images_equal_the_slow_network_and_the_textbook(network):
    generator = torch.Generator().manual_seed(2)
    real = torch.randint(256, (4, 3, 32, 32), generator=generator).to(torch.uint8)
    fake = (real // 2 + torch.randint(90, real.shape, generator=generator)).to(torch.uint8)
    slow = SlowInception(network.state_dict())
    found, expected = [], []
    for images in (real, fake):
        found.append(extract_features(network, images, batch_size=3))
        expected.append(slow.features(images.float() / 127.5 - 1).double().numpy())
    fid, kid = textbook_fid(*expected), textbook_kid(*expected)
    assert fid > 0.1
    assert frechet_distance(*found) == pytest.approx(fid, abs=1e-3, rel=1e-4)
    assert kernel_distance(*found) == pytest.approx(kid, abs=1e-3, rel=1e-4)


def test_images_with_other_channels_are_refused(network):
    with pytest.raises(ValueError, match="1 or 3 channels"):
        network(torch.zeros(1, 4, 32, 32))


def test_weights_have_the_published_names_and_shapes(network):
    state = network.state_dict()
    expected = {
        "Conv2d_1a_3x3.conv.weight": (32, 3, 3, 3),
        "Conv2d_4a_3x3.bn.running_mean": (192,),
        "Mixed_5b.branch5x5_2.conv.weight": (64, 48, 5, 5),
        "Mixed_5d.branch_pool.bn.weight": (64,),
        "Mixed_6a.branch3x3.conv.weight": (384, 288, 3, 3),
        "Mixed_6b.branch7x7_2.conv.weight": (128, 128, 1, 7),
        "Mixed_6c.branch7x7dbl_4.conv.weight": (160, 160, 7, 1),
        "Mixed_7a.branch7x7x3_4.conv.weight": (192, 192, 3, 3),
        "Mixed_7b.branch3x3_2a.conv.weight": (384, 384, 1, 3),
        "Mixed_7c.branch3x3dbl_3b.conv.weight": (384, 384, 3, 1),
        "Mixed_7c.branch_pool.conv.weight": (192, 2048, 1, 1),
        "fc.weight": (1008, 2048),
        "fc.bias": (1008,),
    }
    assert {name: tuple(state[name].shape) for name in expected} == expected
    # 94 convolutions without bias, each with six tensors, and the linear layer's two.
    assert len(state) == 94 * 6 + 2
    # 23,834,568 of the network for 1,000 classes, and eight classes more.
    assert sum(parameter.numel() for parameter in network.parameters()) == 23_834_568 + 8 * 2049


@pytest.mark.parametrize("zipped", [True, False])
def test_weights_load_with_and_without_the_counters_of_batches(network, tmp_path, images, zipped):
    state = network.state_dict()
    if not zipped:
        state = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    path = tmp_path / "inception.pth"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    loaded = load_inception(path)
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert loaded(images[:1]).equal(network(images[:1]))


def test_a_missing_file_says_which_one_to_put_there(tmp_path):
    with pytest.raises(MggcError, match=r"nowhere\.pth\. Put pt_inception-2015-12-05"):
        load_inception(tmp_path / "nowhere.pth")


def test_files_of_other_things_are_refused(tmp_path):
    path = tmp_path / "other.pth"
    for content in (b"", b"hello", b"<html>404: Not Found</html>", b"\x00" * 200, b"PK\x03\x04 broken"):
        path.write_bytes(content)
        with pytest.raises(MggcError, match="cannot be read as a file of weights"):
            load_inception(path)
    with pytest.raises(MggcError, match="cannot be read as a file of weights"):
        load_inception(tmp_path)


def test_code_in_a_file_is_not_run(tmp_path):
    class Malicious:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    path = tmp_path / "malicious.pth"
    torch.save({"fc.weight": Malicious()}, path, pickle_module=pickle)
    with pytest.raises(MggcError):
        load_inception(path)
    assert not (tmp_path / "ran").exists()


def test_weights_of_another_network_are_refused_with_the_difference(network, tmp_path):
    path = tmp_path / "other.pth"
    usual = network.state_dict() | {"fc.weight": torch.zeros(1000, 2048)}
    auxiliary = network.state_dict() | {"AuxLogits.fc.bias": torch.zeros(1)}
    for content, difference in (
        ({"conv1.weight": torch.zeros(1)}, "lacks Conv2d_1a_3x3.bn.bias"),
        (usual, r"fc.weight has shape \(1000, 2048\) instead of \(1008, 2048\)"),
        (auxiliary, "unknown AuxLogits.fc.bias"),
        ([torch.zeros(1)], "not a state dict"),
    ):
        torch.save(content, path)
        with pytest.raises(MggcError, match=difference):
            load_inception(path)
