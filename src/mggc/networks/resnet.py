"""The residual generator of CycleGAN, with the layers and state-dict keys of pytorch-CycleGAN-and-pix2pix."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mggc.config import Norm
from mggc.networks.layers import hidden_bias, normalization


class ResnetGenerator(nn.Module):
    """Two downsampling convolutions, residual blocks at a quarter of the resolution, two upsampling ones.

    Images are in [-1, 1] on both sides. Height and width are multiples of 4 and at least 8.

    Args:
        input_channels: Channels of source images.
        output_channels: Channels of generated images.
        blocks: Number of residual blocks: 9 for 256-pixel images, 6 for 128.
        ngf: Channels of the first layer; the residual blocks have four times as many.
        norm: Normalization after every convolution but the last.
        dropout: Dropout of one half inside the residual blocks; it shifts their second convolution's key from
            ``conv_block.5`` to ``conv_block.6``.
        bias: Whether hidden convolutions have a bias; absent: with instance norm only.
    """

    def __init__(
        self,
        input_channels: int,
        output_channels: int,
        *,
        blocks: int = 9,
        ngf: int = 64,
        norm: Norm = "instance",
        dropout: bool = False,
        bias: bool | None = None,
    ) -> None:
        super().__init__()
        use_bias = hidden_bias(norm, bias)
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(input_channels, ngf, 7, bias=use_bias)]
        layers += [normalization(norm, ngf), nn.ReLU()]
        for width in (ngf, 2 * ngf):
            layers += [nn.Conv2d(width, 2 * width, 3, stride=2, padding=1, bias=use_bias)]
            layers += [normalization(norm, 2 * width), nn.ReLU()]
        for _ in range(blocks):
            layers += [ResnetBlock(4 * ngf, norm=norm, dropout=dropout, bias=use_bias)]
        for width in (4 * ngf, 2 * ngf):
            layers += [_up(width, width // 2, bias=use_bias), normalization(norm, width // 2), nn.ReLU()]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(ngf, output_channels, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(
        self, images: Float[Tensor, "batch in_channels height width"]
    ) -> Float[Tensor, "batch out_channels height width"]:
        """Translate images in [-1, 1] to images in [-1, 1] of the same size."""
        return self.model(images)  # type: ignore[no-any-return]


class ResnetBlock(nn.Module):
    """``x + block(x)``, with no activation after the sum."""

    def __init__(self, channels: int, *, norm: Norm, dropout: bool, bias: bool) -> None:
        super().__init__()
        first = [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=bias)]
        middle = [normalization(norm, channels), nn.ReLU(), *([nn.Dropout(0.5)] if dropout else [])]
        second = [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=bias)]
        self.conv_block = nn.Sequential(*first, *middle, *second, normalization(norm, channels))

    def forward(
        self, features: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Features of the same shape."""
        return features + self.conv_block(features)  # type: ignore[no-any-return]


class Shift(nn.Module):
    """What is left of a residual block whose inner channels are all gone: ``x`` plus one number for each channel.

    Batch norm makes a constant of the vanished branch; with instance norm it is zero and an identity does.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(
        self, features: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Features of the same shape."""
        return features + self.shift[:, None, None]


def _up(read: int, written: int, *, bias: bool) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(read, written, kernel_size=3, stride=2, padding=1, output_padding=1, bias=bias)
