"""From settings to a distillation method's criterion, and the weights that depend on the model."""

from mggc.config import FinetuneConfig, Model
from mggc.finetune.alignment import KernelAlignment
from mggc.finetune.attention import CoAttention
from mggc.finetune.content_texture import ContentAndTexture
from mggc.finetune.granularity import MultiGranularity
from mggc.finetune.regions import CrucialRegions
from mggc.finetune.views import Criterion
from mggc.finetune.wavelet import HighFrequencies

WEIGHTS: dict[str, dict[Model, float]] = {
    "content_weight": {"pix2pix": 50.0, "cyclegan": 0.01},
    "texture_weight": {"pix2pix": 1e4, "cyclegan": 10.0},
    "attention_weight": {"pix2pix": 10.0, "cyclegan": 100.0},
    "channel_weight": {"pix2pix": 50.0, "cyclegan": 500.0},
    "wavelet_weight": {"pix2pix": 4.0, "cyclegan": 0.4},
}
"""Defaults of weights whose sources give one for each model."""


def make_criterion(config: FinetuneConfig, model: Model) -> Criterion:
    """The criterion of a resolved configuration's distillation method."""
    match config.distiller:
        case "mggc" | "gcc":
            return ContentAndTexture(
                config.content_weight or 0.0, config.texture_weight or 0.0, root=model == "pix2pix"
            )
        case "dmad":
            return CoAttention(config.attention_weight or 0.0, config.judged_weight)
        case "cat":
            return KernelAlignment(config.alignment_weight)
        case "omgd":
            return MultiGranularity(
                similarity_weight=config.similarity_weight,
                feature_weight=config.feature_weight,
                style_weight=config.style_weight,
                smoothness_weight=config.smoothness_weight,
                channel_weight=config.channel_weight or 0.0,
            )
        case "wkd":
            return HighFrequencies(config.wavelet_weight or 0.0)
        case "rakd":
            return CrucialRegions(config.region_weight)
