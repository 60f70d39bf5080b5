"""What norms and dropout do in a forward pass, layer by layer."""

from torch import nn

from mggc.config import NormMode


def set_modes(network: nn.Module, *, norm: NormMode, dropout: bool) -> None:
    """Choose the statistics of the batch norms, and switch dropout on or off; everything else is in eval mode.

    ``norm="batch"`` normalizes with the statistics of the batch and leaves the running ones untouched. The network's own
    ``train`` and ``eval`` are not what brings back another mode: this is for copies that serve one purpose.
    """
    for module in network.modules():
        module.training = False
        if isinstance(module, nn.BatchNorm2d) and norm == "batch":
            module.training, module.track_running_stats = True, False
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.training = dropout
