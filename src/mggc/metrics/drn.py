"""DRN-D-105 (Yu et al., 2017), the segmenter that Cityscapes' mIoU of translated images is measured with.

Names of layers are those of github.com/fyu/drn (``segment.py``), so that its ``drn-d-105_ms_cityscapes.pth`` loads.
"""

from pathlib import Path
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from mggc.metrics.published import fill, read_state_dict
from mggc.shapes import Images

CITYSCAPES_MEAN = (0.29010095242892997, 0.32808144844279574, 0.28696394422942517)
CITYSCAPES_STD = (0.1829540508368939, 0.18656561047509476, 0.18447508988480435)
CLASSES = 19
STRIDE = 8
"""The network's resolution is an eighth of the image's."""


@final
class DilatedBottleneck(nn.Module):
    """1×1, dilated 3×3 and 1×1 convolutions with a shortcut; the first of a level may halve the size."""

    expansion = 4

    def __init__(self, inputs: int, width: int, *, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        outputs = width * self.expansion
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(
            width, width, 3, stride=stride, padding=dilation, dilation=dilation, bias=False
        )
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch c2 h2 w2"]:
        """Features at the block's stride."""
        shortcut = x if self.downsample is None else self.downsample(x)
        hidden = F.relu(self.bn1(self.conv1(x)))
        hidden = F.relu(self.bn2(self.conv2(hidden)))
        return F.relu(self.bn3(self.conv3(hidden)) + shortcut)


@final
class DrnSegmenter(nn.Module):
    """Logits of Cityscapes' 19 classes at the image's resolution. Use :func:`load_drn` for the weights."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.base = nn.Sequential(
            _plain(3, 16, kernel=7),
            _plain(16, 16),
            _plain(16, 32, stride=2),
            _level(32, 64, blocks=3, stride=2),
            _level(256, 128, blocks=4, stride=2),
            _level(512, 256, blocks=23, dilation=2),
            _level(1024, 512, blocks=3, dilation=4),
            _plain(2048, 512, dilation=2),
            _plain(512, 512),
        )
        self.seg = nn.Conv2d(512, CLASSES, 1)
        self.up = nn.ConvTranspose2d(
            CLASSES, CLASSES, 2 * STRIDE, stride=STRIDE, padding=STRIDE // 2, groups=CLASSES, bias=False
        )
        self.register_buffer("mean", torch.tensor(CITYSCAPES_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(CITYSCAPES_STD).view(1, 3, 1, 1), persistent=False)
        _make_bilinear(self.up)

    def forward(self, images: Images) -> Float[Tensor, "batch 19 height2 width2"]:
        """Logits for colour images in [-1, 1]; height and width are those of the images, rounded up to multiples of 8.

        The published network ends in a log-softmax, which changes neither the largest logit nor, being linear but for
        a term that all classes share, the largest after a bilinear resize.
        """
        features = self.base(((images + 1) / 2 - self.mean) / self.std)
        logits: Tensor = self.up(self.seg(features))
        return logits


def load_drn(path: Path) -> DrnSegmenter:
    """The segmenter with published weights, frozen and in eval mode, on the CPU.

    Args:
        path: A copy of ``drn-d-105_ms_cityscapes.pth``; names in it may begin with ``module.``.

    Raises:
        MggcError: The file is missing, is not a file of weights, or holds another network's.
    """
    wanted = "drn-d-105_ms_cityscapes.pth from github.com/fyu/drn"
    state = read_state_dict(path, what="DRN-D-105", wanted=wanted)
    if isinstance(state, dict):
        state = {str(name).removeprefix("module."): value for name, value in state.items()}
    network = DrnSegmenter()
    fill(network, state, path=path, wanted=wanted)
    return network.eval().requires_grad_(False)


def _plain(
    inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding, dilation=dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def _level(inputs: int, width: int, *, blocks: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    layers = [DilatedBottleneck(inputs, width, stride=stride, dilation=dilation)]
    outputs = width * DilatedBottleneck.expansion
    layers += [DilatedBottleneck(outputs, width, dilation=dilation) for _ in range(blocks - 1)]
    return nn.Sequential(*layers)


def _make_bilinear(up: nn.ConvTranspose2d) -> None:
    """The interpolation that the published weights hold too: it was never trained."""
    size = up.kernel_size[0]
    distance = (torch.arange(size) - (size - 1) / 2).abs() / STRIDE
    profile = (1 - distance).clamp(min=0)
    with torch.no_grad():
        up.weight.copy_(profile[:, None] * profile[None, :])
