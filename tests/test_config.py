import pytest
from pydantic import ValidationError

from mggc import config
from mggc.budget import macs_text, parse_budget, parse_latency
from mggc.config import CompressConfig, DataConfig, PruneConfig, ScheduleConfig, Settings
from mggc.presets import PAPER

ALL_SETTINGS = [
    value for value in vars(config).values() if isinstance(value, type) and issubclass(value, Settings)
]


@pytest.mark.parametrize(
    ("text", "macs"),
    [
        ("20%", 2_000),
        ("0.2", 2_000),
        (".5", 5_000),
        ("16.5%", 1_650),
        ("100%", 10_000),
        ("1", 10_000),
        ("950M", 950_000_000),
        ("3.05G", 3_050_000_000),
        ("3.05g", 3_050_000_000),
        ("7k", 7_000),
        ("1T", 10**12),
        (" 20% ", 2_000),
    ],
)
def test_a_budget_is_a_share_or_a_number_of_macs(text: str, macs: int) -> None:
    assert parse_budget(text, total_macs=10_000) == macs
    assert CompressConfig(budget=text).budget == text


@pytest.mark.parametrize(
    "text", ["", "abc", "0", "0%", "1.5", "120%", "-1%", "1 G", "5e9", "nan", "20 percent", "%"]
)
def test_what_is_neither_is_refused_where_it_is_given(text: str) -> None:
    with pytest.raises(ValueError, match="budget"):
        parse_budget(text, total_macs=10_000)
    with pytest.raises(ValidationError, match="budget"):
        CompressConfig(budget=text)


@pytest.mark.parametrize(("text", "milliseconds"), [("30ms", 30), ("0.5s", 500), (" 2.5MS ", 2.5)])
def test_a_budget_may_be_a_latency_which_becomes_macs_by_measurement_only(
    text: str, milliseconds: float
) -> None:
    assert parse_latency(text) == milliseconds
    assert CompressConfig(budget=text).budget == text
    with pytest.raises(ValueError, match="MACs were wanted"):
        parse_budget(text, total_macs=10_000)


@pytest.mark.parametrize("text", ["0ms", "0.0s", "-3ms", "30 ms", "30mss", "ms", "30us"])
def test_no_latency_at_all_is_refused_where_it_is_given(text: str) -> None:
    with pytest.raises(ValidationError, match="budget"):
        CompressConfig(budget=text)


@pytest.mark.parametrize("macs", [1, 999, 1_000, 1_234_567, 6_053_298_177])
def test_macs_written_as_a_budget_are_exactly_as_many(macs: int) -> None:
    assert parse_budget(macs_text(macs), total_macs=10) == macs
    assert parse_latency("20%") is None


def test_a_share_is_rounded_down_so_that_the_budget_is_never_exceeded() -> None:
    assert parse_budget("33.333%", total_macs=10) == 3
    assert parse_budget("0.999", total_macs=10) == 9


@pytest.mark.parametrize("settings", ALL_SETTINGS, ids=lambda settings: settings.__name__)
def test_every_field_of_every_stage_is_documented(settings: type[Settings]) -> None:
    for name, field in settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


@pytest.mark.parametrize("settings", ALL_SETTINGS, ids=lambda settings: settings.__name__)
def test_settings_are_frozen_and_refuse_unknown_names(settings: type[Settings]) -> None:
    made = settings()
    with pytest.raises(ValidationError, match="frozen"):
        setattr(made, next(iter(settings.model_fields), "x"), None)
    with pytest.raises(ValidationError, match="Extra inputs"):
        settings.model_validate({"lamda1": 3})


def test_settings_come_back_from_json_as_they_were() -> None:
    made = CompressConfig(
        model="cyclegan",
        budget="3.05G",
        prune=PruneConfig(neighbors=0, lr=2e-4),
        data=DataConfig(image_size=64),
    )
    assert CompressConfig.model_validate_json(made.model_dump_json()) == made
    assert CompressConfig.model_validate(made.model_dump()) == made


def test_the_game_has_the_papers_numbers_and_the_decided_ones() -> None:
    prune = PruneConfig()
    assert (prune.lambda1, prune.lambda2, prune.neighbors) == (3.0, 0.1, 5)
    assert (prune.tau, prune.offset, prune.lr, prune.weight_decay) == (0.4, -3.0, 1e-3, 1e-3)
    assert prune.agents
    assert prune.feedback
    assert prune.prune_discriminator
    assert prune.generator_norm == prune.discriminator_norm == "batch"
    assert not prune.dropout


@pytest.mark.parametrize(
    ("settings", "values"),
    [
        (PruneConfig, {"tau": 0.0}),
        (PruneConfig, {"lambda1": -1.0}),
        (PruneConfig, {"neighbors": -1}),
        (PruneConfig, {"generator_norm": "layer"}),
        (ScheduleConfig, {"lr": 0.0}),
        (ScheduleConfig, {"beta1": 1.0}),
        (ScheduleConfig, {"batch_size": 0}),
        (DataConfig, {"val_share": 1.0}),
        (DataConfig, {"input_channels": 4}),
    ],
)
def test_values_out_of_range_are_refused(settings: type[Settings], values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        settings.model_validate(values)


FREE_OF_THE_PAPER = {
    "free_logits_lr",
    "initial_spread",
    "epochs",
    "updates",
    "batch_size",
    "gan_mode",
    "dropout",
    "mask_lr",
    "taylor_batches",
    "checkpoint_every",
    "seed",
}
"""Settings of other methods, of the data set, or that do not change what is played."""


def test_the_published_recipe_names_every_rule_of_the_game() -> None:
    """So that a default that changes later does not change what --paper means."""
    assert PAPER["prune"].keys() == PruneConfig.model_fields.keys() - FREE_OF_THE_PAPER
    CompressConfig.model_validate(PAPER)
