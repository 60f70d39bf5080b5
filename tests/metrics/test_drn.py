from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mggc.errors import MggcError
from mggc.metrics import DrnSegmenter, load_drn
from toys import images, strong_weights


@pytest.fixture(scope="module")
def network() -> DrnSegmenter:
    segmenter = DrnSegmenter()
    bilinear = segmenter.up.weight.clone()
    strong_weights(segmenter).eval().requires_grad_(False)
    segmenter.up.weight.copy_(bilinear)
    return segmenter


class SlowDrn:
    """The network written out over a state dict, with nothing shared with the module."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.state = state

    def conv(self, name: str, x: Tensor, norm: str, *, stride: int = 1, dilation: int = 1) -> Tensor:
        weight = self.state[f"{name}.weight"]
        x = F.conv2d(x, weight, stride=stride, dilation=dilation, padding=dilation * (weight.shape[-1] // 2))
        mean, variance, scale, shift = (
            self.state[f"{norm}.{part}"][:, None, None]
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (variance + 1e-5).sqrt() * scale + shift

    def block(self, name: str, x: Tensor, *, stride: int, dilation: int) -> Tensor:
        hidden = self.conv(f"{name}.conv1", x, f"{name}.bn1").relu()
        hidden = self.conv(f"{name}.conv2", hidden, f"{name}.bn2", stride=stride, dilation=dilation).relu()
        hidden = self.conv(f"{name}.conv3", hidden, f"{name}.bn3")
        if f"{name}.downsample.0.weight" in self.state:
            x = self.conv(f"{name}.downsample.0", x, f"{name}.downsample.1", stride=stride)
        return (hidden + x).relu()

    def logits(self, photos: Tensor) -> Tensor:
        mean = torch.tensor([0.29010095242892997, 0.32808144844279574, 0.28696394422942517])[:, None, None]
        std = torch.tensor([0.1829540508368939, 0.18656561047509476, 0.18447508988480435])[:, None, None]
        x = ((photos + 1) / 2 - mean) / std
        for layer, (stride, dilation) in enumerate([(1, 1), (1, 1), (2, 1)]):
            x = self.conv(f"base.{layer}.0", x, f"base.{layer}.1", stride=stride, dilation=dilation).relu()
        for layer, blocks, stride, dilation in [(3, 3, 2, 1), (4, 4, 2, 1), (5, 23, 1, 2), (6, 3, 1, 4)]:
            for block in range(blocks):
                name = f"base.{layer}.{block}"
                x = self.block(name, x, stride=stride if block == 0 else 1, dilation=dilation)
        x = self.conv("base.7.0", x, "base.7.1", dilation=2).relu()
        x = self.conv("base.8.0", x, "base.8.1").relu()
        return (
            torch.einsum("bchw,kc->bkhw", x, self.state["seg.weight"][:, :, 0, 0])
            + self.state["seg.bias"][:, None, None]
        )


def test_logits_equal_the_network_written_out(network):
    photos = images(2, 3, 48, 64)
    coarse = SlowDrn(network.state_dict()).logits(photos)
    assert coarse.shape == (2, 19, 6, 8)
    assert coarse.std() > 0.1
    found = network(photos)
    assert found.shape == (2, 19, 48, 64)
    # The transposed convolution interpolates: away from the border it is the usual bilinear resize.
    usual = F.interpolate(coarse, scale_factor=8, mode="bilinear", align_corners=False)
    inner = (..., slice(4, -4), slice(4, -4))
    assert torch.allclose(found[inner], usual[inner], rtol=1e-3, atol=1e-3 * float(usual.abs().max()))


def test_weights_have_the_published_names_and_number(network):
    state = network.state_dict()
    expected = {
        "base.0.0.weight": (16, 3, 7, 7),
        "base.2.1.running_var": (32,),
        "base.3.0.downsample.1.bias": (256,),
        "base.5.22.conv2.weight": (256, 256, 3, 3),
        "base.6.0.downsample.0.weight": (2048, 1024, 1, 1),
        "base.7.0.weight": (512, 2048, 3, 3),
        "base.8.1.weight": (512,),
        "seg.weight": (19, 512, 1, 1),
        "seg.bias": (19,),
        "up.weight": (19, 1, 16, 16),
    }
    assert {name: tuple(state[name].shape) for name in expected} == expected
    # The classifier of that name has 54,801,304, of which 512 · 1,000 + 1,000 in its last layer.
    base = sum(parameter.numel() for parameter in network.base.parameters())
    assert base == 54_801_304 - 513_000


def test_weights_load_also_from_a_parallel_model_and_others_are_refused(network, tmp_path: Path):
    path = tmp_path / "drn.pth"
    torch.save({f"module.{name}": value for name, value in network.state_dict().items()}, path)
    loaded = load_drn(path)
    assert not loaded.training
    assert loaded.seg.weight.equal(network.seg.weight)
    torch.save({"seg.weight": torch.zeros(1)}, path)
    with pytest.raises(
        MggcError, match=r"another network's weights: it lacks base\.0\.0\.weight\. Use drn-d-105"
    ):
        load_drn(path)
    with pytest.raises(MggcError, match=r"No DRN-D-105 weights at .*nowhere"):
        load_drn(tmp_path / "nowhere.pth")
