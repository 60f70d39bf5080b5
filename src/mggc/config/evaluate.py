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
    features: str = "run"
    """The encoder that judges: ``run`` (the run's own), another run, an encoder's folder, or a SwAV ResNet-50 file."""
    inception: str = "auto"
    """Inception-v3 weights of FID and KID: ``auto`` (where the cache has them), ``fetch``, ``none``, or a file."""
    lpips: str = "auto"
    """Weights of LPIPS, for pairs: ``auto`` (where the cache has both files), ``fetch``, ``none``, or a folder of both."""
    infinity: bool = False
    """Add Fréchet distances extrapolated to infinitely many images (FID∞)."""
    segmenter: Literal["none", "trained", "drn-d-105", "colors"] = "none"
    """What reads classes from translated images, for mIoU: a network trained here on the real pairs, Cityscapes' DRN-D-105, or, where label maps are the targets, their colours."""
    segmenter_weights: str | None = None
    """DRN-D-105's weights file (absent: the one in the cache), or a run whose trained segmenter is to judge here too."""
    segmenter_updates: PositiveInt = 1000
    """Updates of a segmenter that is trained here."""
    palette: str | None = None
    """Colours of the classes in label maps: ``facades``, ``cityscapes``, or a TOML or JSON file."""
    latency_rounds: PositiveInt = 20
    """Timed forward passes of each network, interleaved."""
    pictures: PositiveInt = 8
    """Rows of the picture grid."""
