"""All that SwAV's training changes, as one object to save and load."""

from typing import Any, final

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim import AdamW, Optimizer

from mggc.config import EncodeConfig
from mggc.manifold.encoder import Encoder
from mggc.manifold.swav import FeatureQueue, SwavModel
from mggc.runtime import seed_step


@final
class SwavState:
    """All that training changes, as one object to save and load.

    Attributes:
        model: The bare model, which holds the encoder.
        network: The same model as the fabric wraps it, for forward passes.
        optimizer: AdamW, as the fabric wraps it.
        queue: Features of past batches; under several processes each has its own and the saved one is rank 0's.
        step: Updates made so far.
    """

    def __init__(
        self,
        model: SwavModel,
        network: nn.Module,
        optimizer: Optimizer,
        queue: FeatureQueue,
    ) -> None:
        self.model = model
        self.network = network
        self.optimizer = optimizer
        self.queue = queue
        self.step = 0

    def state_dict(self) -> dict[str, Any]:
        """Tensors and numbers alone, so that ``torch.load(weights_only=True)`` reads them."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "queue": self.queue.projections,
            "queue_filled": self.queue.filled,
            "step": self.step,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what :meth:`state_dict` gave; the model must have the same shape."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.queue.projections = state["queue"]
        self.queue.filled = state["queue_filled"]
        self.step = state["step"]


def make_swav_state(encoder: Encoder, config: EncodeConfig, *, seed: int, fabric: Fabric) -> SwavState:
    """A head, prototypes and an optimizer for an encoder, which the training then changes in place."""
    with torch.random.fork_rng(devices=[]):
        seed_step(seed, "swav")
        model = SwavModel(encoder, projection_dim=config.projection_dim, prototypes=config.prototypes)
    network, optimizer = fabric.setup(model, make_optimizer(model, config))
    local_batch = config.batch_size // fabric.world_size
    queue = FeatureQueue(capacity=config.queue_batches * local_batch, dim=config.projection_dim)
    return SwavState(model, network, optimizer, queue)


def make_optimizer(model: SwavModel, config: EncodeConfig) -> AdamW:
    """AdamW; norms, biases and the prototypes (unit vectors) do not decay."""
    decayed = [
        parameter
        for name, parameter in model.named_parameters()
        if parameter.ndim > 1 and not name.startswith("prototypes")
    ]
    kept = [
        parameter
        for name, parameter in model.named_parameters()
        if parameter.ndim == 1 or name.startswith("prototypes")
    ]
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": kept, "weight_decay": 0.0},
    ]
    return AdamW(groups, lr=config.lr)
