"""From the student's feature widths to the original's."""

from torch import Tensor, nn


class Connectors(nn.Module):
    """Bias-free 1×1 convolutions from the student's feature widths to the teacher's."""

    def __init__(self, widths: list[tuple[int, int]]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(small, large, 1, bias=False) for small, large in widths)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Each feature map of the student at its teacher's width."""
        return [layer(feature) for layer, feature in zip(self.layers, features, strict=True)]
