from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from mggc import runtime


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Eval mode and no gradients inside; afterwards every part of the network is in its own mode again."""
    with runtime.evaluating(network), torch.no_grad():
        yield
