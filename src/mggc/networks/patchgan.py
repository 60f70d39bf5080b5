"""The discriminators of Pix2Pix and CycleGAN, with the state-dict keys of pytorch-CycleGAN-and-pix2pix."""

from jaxtyping import Float
from torch import Tensor, nn

from mggc.config import Norm
from mggc.networks.layers import hidden_bias, normalization


class PatchDiscriminator(nn.Module):
    """Judges overlapping patches: one logit for each, no sigmoid.

    ``layers`` convolutions of stride 2, then two of stride 1, all 4×4. Three layers see patches of 70×70 pixels and
    turn 256×256 images into 30×30 logits. Images are at least ``3 * 2**layers`` pixels high and wide.

    Args:
        input_channels: Channels of what is judged: source and target together for Pix2Pix, the target for CycleGAN.
        ndf: Channels of the first layer; they double up to eightfold.
        layers: Convolutions of stride 2.
        norm: Normalization after every convolution but the first and the last.
        bias: Whether hidden convolutions have a bias; absent: with instance norm only. The first and last always have.
    """

    def __init__(
        self,
        input_channels: int,
        *,
        ndf: int = 64,
        layers: int = 3,
        norm: Norm = "batch",
        bias: bool | None = None,
    ) -> None:
        super().__init__()
        use_bias = hidden_bias(norm, bias)
        widths = [ndf * min(2**depth, 8) for depth in range(layers + 1)]
        modules: list[nn.Module] = [nn.Conv2d(input_channels, ndf, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for depth in range(1, layers + 1):
            stride = 2 if depth < layers else 1
            modules += [
                nn.Conv2d(widths[depth - 1], widths[depth], 4, stride=stride, padding=1, bias=use_bias),
                normalization(norm, widths[depth]),
                nn.LeakyReLU(0.2),
            ]
        self.model = nn.Sequential(*modules, nn.Conv2d(widths[-1], 1, 4, stride=1, padding=1))

    def forward(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch 1 rows columns"]:
        """Logits: positive where a patch looks real."""
        return self.model(images)  # type: ignore[no-any-return]


class PixelDiscriminator(nn.Module):
    """Judges every pixel alone by 1×1 convolutions: one logit for each, no sigmoid.

    Args:
        input_channels: Channels of what is judged.
        ndf: Channels of the first layer.
        norm: Normalization after the second convolution.
        bias: Whether the second and the last convolution have a bias; absent: with instance norm only.
    """

    def __init__(
        self, input_channels: int, *, ndf: int = 64, norm: Norm = "batch", bias: bool | None = None
    ) -> None:
        super().__init__()
        use_bias = hidden_bias(norm, bias)
        self.net = nn.Sequential(
            nn.Conv2d(input_channels, ndf, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(ndf, 2 * ndf, 1, bias=use_bias),
            normalization(norm, 2 * ndf),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * ndf, 1, 1, bias=use_bias),
        )

    def forward(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch 1 height width"]:
        """Logits: positive where a pixel looks real."""
        return self.net(images)  # type: ignore[no-any-return]
