"""The U-Net generator of Pix2Pix, with the layers and state-dict keys of pytorch-CycleGAN-and-pix2pix."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mggc.config import Norm
from mggc.networks.layers import hidden_bias, normalization

OUTER_LEVELS = 4  # widths double down to this level and stay; every level below it may have dropout


class UnetGenerator(nn.Module):
    """An encoder and a decoder of 4×4 convolutions of stride 2, joined by a skip connection at every level.

    Images are in [-1, 1] on both sides. Height and width are multiples of ``2**downs``. Level ``l`` reads
    ``ngf * min(2**(l-1), 8)`` channels; the levels nest, so the keys of level 1 begin with ``model.model.1.model``.

    Args:
        input_channels: Channels of source images.
        output_channels: Channels of generated images.
        downs: Number of levels, at least 5: 8 for 256-pixel images down to one pixel, 7 for 128, 6 for 64.
        ngf: Channels of the outermost level.
        norm: Normalization after every convolution but the outermost two and the innermost one.
        dropout: Dropout of one half in the decoder, at levels 4 to ``downs - 2``; active in training mode only.
        bias: Whether hidden convolutions have a bias; absent: with instance norm only.

    Raises:
        ValueError: Fewer than five levels.
    """

    def __init__(
        self,
        input_channels: int,
        output_channels: int,
        *,
        downs: int = 8,
        ngf: int = 64,
        norm: Norm = "batch",
        dropout: bool = True,
        bias: bool | None = None,
    ) -> None:
        super().__init__()
        if downs < OUTER_LEVELS + 1:
            raise ValueError(f"A U-Net has at least {OUTER_LEVELS + 1} levels. Found downs={downs}.")
        use_bias = hidden_bias(norm, bias)
        widths = [ngf * min(2**level, 8) for level in range(downs)]
        block = innermost_block(widths[-2], widths[-1], norm=norm, bias=use_bias)
        for level in range(downs - 2, 0, -1):
            drop = dropout and level >= OUTER_LEVELS
            block = middle_block(
                block, widths[level - 1], widths[level], norm=norm, bias=use_bias, dropout=drop
            )
        self.model = outermost_block(block, input_channels, output_channels, ngf, bias=use_bias)

    def forward(
        self, images: Float[Tensor, "batch in_channels height width"]
    ) -> Float[Tensor, "batch out_channels height width"]:
        """Translate images in [-1, 1] to images in [-1, 1] of the same size."""
        return self.model(images)  # type: ignore[no-any-return]


class UnetBlock(nn.Module):
    """One level with everything below it; all but the outermost level append their result to their input."""

    def __init__(self, layers: list[nn.Module], *, outermost: bool = False) -> None:
        super().__init__()
        self.model = nn.Sequential(*layers)
        self.outermost = outermost

    def forward(
        self, features: Float[Tensor, "batch in_channels height width"]
    ) -> Float[Tensor, "batch out_channels height width"]:
        """The decoder's features at this level, behind the skipped ones: [skip, decoder]."""
        if self.outermost:
            return self.model(features)  # type: ignore[no-any-return]
        return torch.cat([features, self.model(features)], dim=1)


# No activation below works in place: the first layer of a block reads the very tensor that the skip connection keeps,
# and would overwrite it (and what a hook on the layer above has seen) with LeakyReLU(x). The output would be the same,
# since ReLU follows every concatenation and max(LeakyReLU(x), 0) = max(x, 0); the features would not.


def innermost_block(outer: int, inner: int, *, norm: Norm, bias: bool) -> UnetBlock:
    """The level at the bottom; its encoder half has no normalization (one pixel has no variance)."""
    down = [nn.LeakyReLU(0.2), _down(outer, inner, bias=bias)]
    return UnetBlock([*down, nn.ReLU(), _up(inner, outer, bias=bias), normalization(norm, outer)])


def middle_block(
    below: UnetBlock, outer: int, inner: int, *, norm: Norm, bias: bool, dropout: bool
) -> UnetBlock:
    """A level between the outermost and the innermost one."""
    down = [nn.LeakyReLU(0.2), _down(outer, inner, bias=bias), normalization(norm, inner)]
    up = [nn.ReLU(), _up(2 * inner, outer, bias=bias), normalization(norm, outer)]
    return UnetBlock([*down, below, *up, *([nn.Dropout(0.5)] if dropout else [])])


def outermost_block(
    below: UnetBlock, input_channels: int, output_channels: int, ngf: int, *, bias: bool
) -> UnetBlock:
    """The level that sees images; its transposed convolution always has a bias."""
    up = [nn.ReLU(), _up(2 * ngf, output_channels, bias=True), nn.Tanh()]
    return UnetBlock([_down(input_channels, ngf, bias=bias), below, *up], outermost=True)


def _down(read: int, written: int, *, bias: bool) -> nn.Conv2d:
    return nn.Conv2d(read, written, kernel_size=4, stride=2, padding=1, bias=bias)


def _up(read: int, written: int, *, bias: bool) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(read, written, kernel_size=4, stride=2, padding=1, bias=bias)
