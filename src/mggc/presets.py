"""Configurations with a name."""

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
