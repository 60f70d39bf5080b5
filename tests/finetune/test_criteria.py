from typing import get_args

import pytest

from mggc.config import Distiller, FinetuneConfig, Model
from mggc.finetune.alignment import KernelAlignment
from mggc.finetune.attention import CoAttention
from mggc.finetune.content_texture import ContentAndTexture
from mggc.finetune.criteria import WEIGHTS, make_criterion
from mggc.finetune.granularity import MultiGranularity
from mggc.finetune.regions import CrucialRegions
from mggc.finetune.views import Criterion
from mggc.finetune.wavelet import HighFrequencies

PUBLISHED: dict[Distiller, dict[Model, Criterion]] = {
    "mggc": {
        "pix2pix": ContentAndTexture(50.0, 1e4, root=True),
        "cyclegan": ContentAndTexture(0.01, 10.0, root=False),
    },
    "dmad": {"pix2pix": CoAttention(10.0, 1e-4), "cyclegan": CoAttention(100.0, 1e-4)},
    "cat": {"pix2pix": KernelAlignment(1.0), "cyclegan": KernelAlignment(1.0)},
    "omgd": {
        "pix2pix": MultiGranularity(10.0, 10.0, 1e4, 1e-5, 50.0),
        "cyclegan": MultiGranularity(10.0, 10.0, 1e4, 1e-5, 500.0),
    },
    "wkd": {"pix2pix": HighFrequencies(4.0), "cyclegan": HighFrequencies(0.4)},
    "rakd": {"pix2pix": CrucialRegions(1.0), "cyclegan": CrucialRegions(1.0)},
}
PUBLISHED["gcc"] = PUBLISHED["mggc"]


@pytest.mark.parametrize("model", get_args(Model))
@pytest.mark.parametrize("distiller", get_args(Distiller))
def test_every_method_has_its_criterion_and_its_weights(distiller: Distiller, model: Model) -> None:
    config = FinetuneConfig(distiller=distiller, **{name: values[model] for name, values in WEIGHTS.items()})
    assert make_criterion(config, model) == PUBLISHED[distiller][model]


def test_weights_by_model_are_fields_that_are_absent_by_default() -> None:
    assert all(getattr(FinetuneConfig(), name) is None for name in WEIGHTS)
