"""Settings of the evaluation."""

from typing import Literal

from mggc.config.base import NormMode, PositiveInt, Settings


class EvaluateConfig(Settings):
    """What is measured at the end, and on what."""

    split: Literal["test", "val", "train"] = "test"
    """The images that metrics are computed on."""
    batch_size: PositiveInt = 16
    """Images in one forward pass; results do not depend on it."""
    norm: NormMode = "running"
    """Statistics in the generators' batch norms: the running ones, or those of each image alone."""
    dropout: bool = False
    """Keep dropout active; with ``norm = "batch"`` this is how pytorch-CycleGAN-and-pix2pix tests unless told otherwise."""
    neighbors: PositiveInt = 5
    """k of neighbourhood preservation."""
    latency_rounds: PositiveInt = 20
    """Timed forward passes of each network, interleaved."""
    pictures: PositiveInt = 8
    """Rows of the picture grid."""
