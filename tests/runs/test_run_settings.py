import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from mggc.config import CompressConfig, Settings
from mggc.errors import MggcError
from mggc.presets import DEMO
from mggc.runs.settings import differences, load_config, merge, read_toml, to_toml, validate_config

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TEXT = st.text(st.characters(exclude_categories=["Cs"]))  # a lone surrogate is no text, in UTF-8 or TOML


def fields(model: type[BaseModel]) -> list[tuple[type[BaseModel], str]]:
    """Every field of a settings class and of those in it."""
    found: list[tuple[type[BaseModel], str]] = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        found += fields(kind) if isinstance(kind, type) and issubclass(kind, Settings) else [(model, name)]
    return found


def another(model: type[BaseModel], name: str) -> Any:
    """A valid value for a field that is not its default."""
    default = model.model_fields[name].default
    for value in ("7%", "x", True, False, 0.25, 7, 0.75, 3, *_choices(model.model_fields[name].annotation)):
        try:
            # Strictly, so that a number is not taken for a string or a switch.
            setting = getattr(model.model_validate({name: value}, strict=True), name)
        except ValueError:
            continue
        if setting != default:
            return setting
    raise AssertionError(f"no other value for {model.__name__}.{name}")


def _choices(annotation: Any) -> list[Any]:
    inner = [choice for part in get_args(annotation) for choice in _choices(part)]
    return inner or [annotation]


def nested(config: CompressConfig, model: type[BaseModel], name: str, value: Any) -> CompressConfig:
    """The configuration with one field changed, wherever its class stands."""
    content = config.model_dump()
    for section, field in CompressConfig.model_fields.items():
        if field.annotation is model:
            content[section][name] = value
    if model is CompressConfig:
        content[name] = value
    return CompressConfig.model_validate(content)


@pytest.mark.parametrize(("model", "name"), fields(CompressConfig))
def test_every_field_survives_the_way_through_toml_and_shows_as_a_difference(
    tmp_path: Path, model: type[BaseModel], name: str
) -> None:
    config = nested(CompressConfig(), model, name, another(model, name))
    (tmp_path / "config.toml").write_text(to_toml(config), encoding="utf-8")
    assert load_config(tmp_path / "config.toml") == config
    found = differences(CompressConfig(), config)
    assert len(found) == 1
    assert next(iter(found)).rpartition(".")[2] == name


@pytest.mark.parametrize(("model", "name"), fields(CompressConfig))
def test_a_field_that_may_be_absent_is_absent_by_default(model: type[BaseModel], name: str) -> None:
    """TOML has no way to say None; what it leaves out is the default."""
    field = model.model_fields[name]
    assert type(None) not in get_args(field.annotation) or field.default is None


@given(TEXT)
def test_any_text_survives_the_way_through_toml(text: str) -> None:
    config = CompressConfig.model_validate({"data": {"data": text}})
    assert tomllib.loads(to_toml(config))["data"]["data"] == text


@given(st.floats(allow_nan=False))
def test_any_number_survives_the_way_through_toml(number: float) -> None:
    config = CompressConfig.model_validate({"prune": {"offset": number}})
    assert tomllib.loads(to_toml(config))["prune"]["offset"] == number


@pytest.mark.parametrize("config", DEMO.values(), ids=DEMO.keys())
def test_the_demos_survive_the_way_through_toml(config: CompressConfig) -> None:
    assert validate_config(tomllib.loads(to_toml(config)), source="demo") == config


def test_a_flag_wins_over_the_file_and_the_file_over_the_default() -> None:
    file = {"seed": 1, "train": {"lr": 0.5, "beta1": 0.25}}
    flags = CompressConfig.model_validate({"train": {"lr": 0.75}})
    merged = validate_config(merge(file, flags), source="test")
    assert (merged.seed, merged.train.lr, merged.train.beta1) == (1, 0.75, 0.25)
    assert merged.train.batch_size == CompressConfig().train.batch_size


def test_a_flag_that_repeats_the_default_wins_over_the_file_too() -> None:
    default = CompressConfig().train.lr
    flags = CompressConfig.model_validate({"train": {"lr": default}})
    assert validate_config(merge({"train": {"lr": 0.5}}, flags), source="test").train.lr == default


def test_epochs_on_the_command_line_win_over_updates_in_the_file() -> None:
    file = {"prune": {"updates": 100, "lr": 0.5}, "train": {"updates": 100}}
    merged = merge(file, {"prune": {"epochs": 3.0}, "train": {"decay_epochs": 2}})
    assert merged["prune"] == {"updates": None, "epochs": 3.0, "lr": 0.5}
    assert merged["train"] == {"updates": None, "decay_epochs": 2}
    assert merge(file, {"prune": {"epochs": 3.0, "updates": 5}})["prune"]["updates"] == 5


def test_merging_leaves_its_layers_as_they_were() -> None:
    file = {"train": {"lr": 0.5}}
    merge(file, {"train": {"lr": 0.75}})
    merge({}, file)["train"]["lr"] = 1.0
    assert file == {"train": {"lr": 0.5}}


def test_differences_name_old_and_new() -> None:
    old = CompressConfig.model_validate({"seed": 1, "train": {"lr": 0.5}})
    new = CompressConfig.model_validate({"seed": 2, "train": {"lr": 0.5}, "data": {"load_size": 9}})
    assert differences(old, new) == {"seed": (1, 2), "data.load_size": (None, 9)}
    assert differences(old, old) == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[train]\nlearning_rate = 1\n", "there is no setting train.learning_rate"),
        ("sed = 1\n", "there is no setting sed"),
        ("[train]\nlr = 0\n", "train.lr: Input should be greater than 0. Found 0"),
        ('budget = "lots"\n', "A budget is a share"),
        ("seed = \n", "should be TOML"),
        ("\xff", "should be TOML"),
    ],
)
def test_a_file_with_a_mistake_is_refused_with_its_name_and_the_mistake(
    tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "my.toml"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(MggcError, match=message) as caught:
        load_config(path)
    assert "my.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(MggcError, match=r"A configuration file was wanted at .*none\.toml"):
        read_toml(tmp_path / "none.toml")
