"""The paper's settings, as files."""

import re
from pathlib import Path

import pytest

from cli_toys import mggc
from mggc.config import CompressConfig
from mggc.runs.settings import load_config, merge, validate_config
from mggc.stages.compress import complete
from mggc.stages.predict import predict

FOLDER = Path(__file__).parents[1] / "recipes"
PUBLISHED = {
    "cityscapes": ("pix2pix", "3.05G", 250, 1),
    "edges2shoes": ("pix2pix", "2.94G", 40, 4),
    "horse2zebra": ("cyclegan", "2.50G", 200, 1),
    "summer2winter": ("cyclegan", "2.97G", 200, 1),
    "summer2winter-small": ("cyclegan", "1.69G", 200, 1),
}
"""Model, MACs (Table 1), and epochs and batch size of the original's training."""
ORIGINAL_MACS = {"pix2pix": 18.1404e9, "cyclegan": 56.7993e9}
"""In the paper's convention; it says 18.60 G and 56.80 G."""


def load(name: str) -> CompressConfig:
    """As the command line does with a folder of colour images."""
    recipe = merge(load_config(FOLDER / f"{name}.toml"), {"data": {"data": "photos"}})
    return complete(validate_config(recipe, source=name), None)


def test_every_recipe_is_a_row_of_the_paper() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == PUBLISHED.keys()


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_recipe_has_the_paper_s_settings(name: str) -> None:
    config, (model, budget, epochs, batch_size) = load(name), PUBLISHED[name]
    assert (config.model, config.budget, config.macs_convention) == (model, budget, "paper")
    assert config.train.epochs + config.train.decay_epochs == epochs
    assert config.prune.epochs == epochs / 10
    assert (config.prune.method, config.prune.neighbors) == ("game", 5)
    assert (config.prune.lambda1, config.prune.lambda2) == (3.0, 0.1)
    assert config.train.batch_size == config.prune.batch_size == config.finetune.batch_size == batch_size
    gan_mode = "hinge" if model == "pix2pix" else "lsgan"
    assert config.train.gan_mode == config.prune.gan_mode == config.finetune.gan_mode == gan_mode
    assert config.data.image_size == 256
    assert config.network.generator_name == ("unet_256" if model == "pix2pix" else "resnet_9blocks")
    assert config.finetune.distillation


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_recipe_s_budget_can_be_met_by_the_full_size_network(name: str) -> None:
    config = load(name)
    prediction = predict(config, None)
    assert prediction.budget == round(float(config.budget[:-1]) * 1e9)
    assert prediction.macs["original"] == pytest.approx(ORIGINAL_MACS[config.model], rel=1e-5)
    assert 0.9 * prediction.budget < prediction.macs["compressed"] <= prediction.budget


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_recipe_and_its_published_figures_are_documented(name: str) -> None:
    text = (FOLDER.parent / "docs" / "recipes.md").read_text(encoding="utf-8")
    (line,) = (
        line for line in text.splitlines() if f"`recipes/{name}.toml`" in line and line.startswith("|")
    )
    published = re.search(
        r"-> ([\d.]+) G MACs, (?:FID|mIoU) ([\d.]+) -> ([\d.]+)", (FOLDER / f"{name}.toml").read_text()
    )
    assert published is not None
    assert all(figure in line for figure in published.groups())


def test_a_recipe_is_a_configuration_for_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    recipe = FOLDER / "edges2shoes.toml"
    found = mggc(capsys, "compress", "photos", "--config", recipe, "--dry-run", "--json").json
    assert found["config"]["data"]["data"] == "photos"
    assert found["prediction"]["budget"] == 2_940_000_000
