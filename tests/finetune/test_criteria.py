from pathlib import Path
from typing import Any, get_args

import pytest
from distill_toys import distil, halved, unet

from mggc.config import Distiller, FinetuneConfig, Model
from mggc.finetune.alignment import KernelAlignment
from mggc.finetune.attention import CoAttention
from mggc.finetune.content_texture import ContentAndTexture
from mggc.finetune.criteria import WEIGHTS, make_criterion
from mggc.finetune.granularity import MultiGranularity
from mggc.finetune.regions import CrucialRegions
from mggc.finetune.views import Criterion
from mggc.finetune.wavelet import HighFrequencies
from toys import images

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


def test_a_method_of_ones_own_is_what_the_documentation_says() -> None:
    page = (Path(__file__).parents[2] / "docs" / "distillation.md").read_text()
    names: dict[str, Any] = {}
    exec(page.split("```python\n")[1].split("```")[0], names)
    brightness = names["Brightness"](weight=3.0)
    assert isinstance(brightness, Criterion)
    teacher = unet()
    student = halved(teacher)
    distillation = distil(student, teacher, None, brightness)
    source = images(2, 1, 32, 32)
    fake = student(source)
    loss = distillation(source, fake)
    difference = (fake.mean((1, 2, 3)) - teacher(source).mean((1, 2, 3))).square().mean()
    assert loss.item() == pytest.approx(3.0 * difference.item(), rel=1e-4)


def test_every_method_is_on_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "distillation.md").read_text()
    assert all(f"| `{distiller}`" in page for distiller in get_args(Distiller))
