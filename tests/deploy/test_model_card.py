from typing import Any

from deploy_toys import UNET
from huggingface_hub import ModelCard

from mggc.deploy.card import model_card
from mggc.deploy.facts import Cost, Facts
from mggc.networks.specs import FactorySpec


def figure(value: float | int | None, unit: str = "") -> dict[str, Any]:
    return {"value": value, "unit": unit, "protocol": {"split": "test", "seed": 3}, "sd": None}


FACTS = Facts(
    name='a "run": with # in it',
    spec=UNET,
    image_size=32,
    cost=Cost(100, 10),
    original=Cost(1000, 50),
    budget={"asked": "10%", "macs": 101, "convention": "exact"},
    data="facades: mine",
    model="pix2pix",
    metrics={
        "original": {"ssim": figure(0.75), "macs": figure(1000, "MACs")},
        "compressed": {"ssim": figure(0.5), "psnr": figure(None, "dB"), "macs": figure(100, "MACs")},
    },
)


def test_the_hub_reads_tags_and_results_from_a_card() -> None:
    card = ModelCard(model_card(FACTS, usage="Use it."))
    assert card.data.pipeline_tag == "image-to-image"
    assert {"unet", "pix2pix", "pruning"} <= set(card.data.tags or [])
    assert card.data.model_name == FACTS.name
    (result,) = card.data.eval_results or []
    assert (result.metric_type, result.metric_value, result.dataset_name) == ("ssim", 0.5, "facades: mine")


def test_a_card_says_what_it_cost_and_how_it_was_measured() -> None:
    text = model_card(FACTS, usage="Use it.", notes="Checked.")
    assert "compressed to 10.0% of its multiply-adds" in text
    assert "| multiply-adds of one image, exact | 100 | 1,000 |" in text
    assert "| ssim | 0.5 | 0.75 |  |" in text
    assert "| psnr | – | – | dB |" in text
    assert "Budget: 10% (101 MACs, exact)." in text
    assert "Protocol: split test, seed 3." in text
    assert text.index("Use it.") < text.index("Checked.")


def test_a_card_of_a_network_without_a_run_claims_nothing() -> None:
    spec = FactorySpec(factory="own:network", input_channels=3, output_channels=3)
    text = model_card(Facts("mine", spec, 64, Cost(100, 10)), usage="Use it.")
    card = ModelCard(text)
    assert card.data.eval_results is None
    assert "has not been evaluated" in text
    assert "has to be importable" in text
    assert "| parameters | 10 | – |" in text
