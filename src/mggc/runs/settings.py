"""Settings as TOML, merged, and compared."""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mggc.config import CompressConfig, Settings
from mggc.errors import MggcError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


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


def describe(error: ValidationError) -> str:
    """The first thing wrong with some settings, in one line."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"there is no setting {where}."
    message = first["msg"].removeprefix("Value error, ").rstrip(".")
    if not where:
        return f"{message}."
    return f"{where}: {message}. Found {first['input']!r}."


def merge(*layers: Settings | dict[str, Any]) -> dict[str, Any]:
    """Nested dictionaries in which later layers win; of settings, only what was set explicitly counts."""
    merged: dict[str, Any] = {}
    for layer in layers:
        _merge_into(merged, layer.model_dump(exclude_unset=True) if isinstance(layer, Settings) else layer)
    return merged


def differences(old: Settings, new: Settings) -> dict[str, tuple[Any, Any]]:
    """Settings whose values differ, by dotted name: old value, new value."""
    before, after = _flat(old.model_dump()), _flat(new.model_dump())
    return {name: (before[name], after[name]) for name in before if before[name] != after[name]}


def _merge_into(target: dict[str, Any], layer: dict[str, Any]) -> None:
    for name, value in layer.items():
        if isinstance(value, dict) and isinstance(target.get(name), dict):
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


def _table(content: dict[str, Any], name: str = "") -> list[str]:
    scalars = {key: value for key, value in content.items() if not isinstance(value, dict)}
    lines = [f"[{name}]"] if name else []
    # A JSON string, number or boolean is a TOML one.
    lines += [f"{key} = {json.dumps(value)}" for key, value in scalars.items()]
    for key, value in content.items():
        if isinstance(value, dict):
            lines += ["", *_table(value, f"{name}.{key}" if name else key)]
    return lines
