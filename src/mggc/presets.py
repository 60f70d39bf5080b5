"""Configurations with a name."""

from typing import Any

from mggc.config import (
    CompressConfig,
    DataConfig,
    EncodeConfig,
    FinetuneConfig,
    Model,
    NetworkConfig,
    PruneConfig,
    TrainConfig,
)

# `--paper`: the published recipe, whatever the defaults have become. Settings that the paper leaves open (optimizer and
# learning rate of the agents, τ, the offset, norms) are those of the authors' earlier code and of docs/method.md.
PAPER: dict[str, dict[str, Any]] = {
    "prune": {
        "method": "game",
        "neighbors": 5,
        "lambda1": 3.0,
        "lambda2": 0.1,
        "tau": 0.4,
        "tau_end": None,
        "offset": -3.0,
        "agents": True,
        "feedback": True,
        "prune_discriminator": True,
        "lr": 1e-3,
        "weight_decay": 1e-3,
        "optimizer": "adamw",
        "cost_scaling": 0.0,
        "tightening": 0.0,
        "relaxed": False,
        "masks_per_update": 1,
        "discriminator_noise": True,
        "pairing": "source",
        "initial": "constant",
        "decode": "last",
        "floor": 0.0,
        "generator_norm": "batch",
        "discriminator_norm": "batch",
        "multiple_of": 1,
        "measured_widths": False,
        "drop_blocks": False,
    },
    "encode": {"method": "swav"},
    "finetune": {"distillation": True, "distiller": "mggc", "inherit": True},
}

DEMO_ENCODER = EncodeConfig(
    width=16,
    image_size=32,
    updates=500,
    batch_size=64,
    prototypes=150,
    local_crops=2,
    jitter=0.2,
    blur_share=0.0,
)

# What `mggc demo` runs. A few minutes on two cores; results stand in LOG.md.
DEMO: dict[Model, CompressConfig] = {
    "pix2pix": CompressConfig(
        model="pix2pix",
        data=DataConfig(data="glyphs", image_size=64),
        network=NetworkConfig(ngf=16),
        train=TrainConfig(updates=1200, batch_size=16),
        encode=DEMO_ENCODER,
        prune=PruneConfig(updates=600, batch_size=16),
        finetune=FinetuneConfig(updates=800, batch_size=16),
    ),
    "cyclegan": CompressConfig(
        model="cyclegan",
        data=DataConfig(data="glyphs", image_size=64),
        network=NetworkConfig(ngf=16),
        train=TrainConfig(updates=900, batch_size=4),
        encode=DEMO_ENCODER,
        prune=PruneConfig(updates=400, batch_size=8),
        finetune=FinetuneConfig(updates=700, batch_size=4),
    ),
}
