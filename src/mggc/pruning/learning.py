"""How agents learn: their optimizer, and the average of what they said."""

from typing import Any

import torch
from torch import Tensor, nn

from mggc.config import PruneConfig

MOMENTUM = 0.9


def make_optimizer(agent: nn.Module, config: PruneConfig) -> torch.optim.Optimizer:
    """The optimizer that a configuration asks for."""
    lr = config.lr if config.agents else config.free_logits_lr
    settings: dict[str, Any] = {"lr": lr, "weight_decay": config.weight_decay}
    match config.optimizer:
        case "adamw":
            return torch.optim.AdamW(agent.parameters(), **settings)
        case "adam":
            return torch.optim.Adam(agent.parameters(), **settings)
        case "sgd":
            return torch.optim.SGD(agent.parameters(), momentum=MOMENTUM, **settings)


class LogitsAverage:
    """A running mean of logits.

    Attributes:
        count: How many were added.
    """

    def __init__(self, zeros: Tensor) -> None:
        self._sum, self.count = zeros, 0

    def add(self, logits: Tensor) -> None:
        """Take one more into the mean."""
        self._sum = self._sum + logits.detach()
        self.count += 1

    def mean(self) -> Tensor:
        """The mean of all that were added.

        Raises:
            ValueError: There is none.
        """
        if not self.count:
            raise ValueError("A mean should be asked for after the first logits were added. Found none.")
        return self._sum / self.count

    def state_dict(self) -> dict[str, Any]:
        """Sum and count."""
        return {"sum": self._sum, "count": self.count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        self._sum, self.count = state["sum"].to(self._sum.device), state["count"]
