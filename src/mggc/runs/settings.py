"""Settings as TOML, merged, and compared."""

import json
import sys
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mggc.config import CompressConfig, Settings
from mggc.errors import MggcError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


LENGTHS = {"epochs", "decay_epochs"}


def to_toml(settings: Settings) -> str:
    """The settings as a TOML document; absent values are left out."""
    return "\n".join(_table(settings.model_dump(exclude_none=True))) + "\n"


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file's content.

    Raises:
        MggcError: There is no such file, or it is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MggcError(f"A configuration file was wanted at {path}; there is none.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MggcError(f"{path} should be TOML. Found: {error}.") from error


def load_config(path: Path) -> CompressConfig:
    """The configuration in a TOML file; what it does not say keeps its default.

    Raises:
        MggcError: The file is missing, is not TOML, or names or sets something that does not exist.
    """
    return validate_config(read_toml(path), source=str(path))


def validate_config(content: dict[str, Any], *, source: str) -> CompressConfig:
    """A configuration from nested dictionaries.

    Raises:
        MggcError: A name or a value does not fit; the message names the first.
    """
    try:
        return CompressConfig.model_validate(content)
    except ValidationError as error:
        raise MggcError(f"{source}: {describe(error)}") from error


def dotted(location: tuple[int | str, ...]) -> str:
    """The name of a setting in a file's words: ``train.batch_size``."""
    return ".".join(str(part) for part in location)


def describe(error: ValidationError, *, name: Callable[[tuple[int | str, ...]], str] = dotted) -> str:
    """The first thing wrong with some settings, in one line.

    Args:
        error: What pydantic found.
        name: What to call the setting at a location.
    """
    first = error.errors()[0]
    if first["type"] == "extra_forbidden":
        return f"there is no setting {name(first['loc'])}.{_hint(dotted(first['loc']))}"
    message = first["msg"].removeprefix("Value error, ").rstrip(".")
    if not first["loc"]:
        return f"{message}."
    return f"{name(first['loc'])}: {message}. Found {first['input']!r}."


def _hint(unknown: str) -> str:
    close = get_close_matches(unknown, _flat(CompressConfig().model_dump()), n=1)
    return f" Did you mean {close[0]}?" if close else ""


def merge(*layers: Settings | dict[str, Any]) -> dict[str, Any]:
    """Nested dictionaries in which later layers win; of settings, only what was set explicitly counts.

    Epochs win over the ``updates`` of an earlier layer, which stand in their place otherwise.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        _merge_into(merged, layer.model_dump(exclude_unset=True) if isinstance(layer, Settings) else layer)
    return merged


def differences(old: Settings, new: Settings) -> dict[str, tuple[Any, Any]]:
    """Settings whose values differ, by dotted name: old value, new value."""
    before, after = _flat(old.model_dump()), _flat(new.model_dump())
    return {name: (before[name], after[name]) for name in before if before[name] != after[name]}


def _merge_into(target: dict[str, Any], layer: dict[str, Any]) -> None:
    if layer.keys() & LENGTHS and "updates" in target:
        target["updates"] = None
    for name, value in layer.items():
        if isinstance(value, dict):
            if not isinstance(target.get(name), dict):
                target[name] = {}  # of its own: layers stay as they are
            _merge_into(target[name], value)
        else:
            target[name] = value


def _flat(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _toml(value: str | bool | int | float) -> str:
    """A value as TOML writes it: like JSON, except for infinity, DEL, and characters beyond 16 bits."""
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _table(content: dict[str, Any], name: str = "") -> list[str]:
    scalars = {key: value for key, value in content.items() if not isinstance(value, dict)}
    lines = [f"[{name}]"] if name else []
    lines += [f"{key} = {_toml(value)}" for key, value in scalars.items()]
    for key, value in content.items():
        if isinstance(value, dict):
            lines += ["", *_table(value, f"{name}.{key}" if name else key)]
    return lines
