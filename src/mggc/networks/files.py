"""A network on disk: a folder with ``config.json``, which says what it is, and ``model.safetensors``, its weights."""

import json
import shutil
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError
from safetensors.torch import save
from torch import nn

from mggc.config import Settings
from mggc.errors import MggcError, naming
from mggc.networks.loading import check_finite, put_weights, read_safetensors
from mggc.networks.reshape import LayerShapes, build_empty, cut_shapes, reshape
from mggc.networks.sizes import size_multiple
from mggc.networks.specs import NetworkSpec

FORMAT = "mggc/1"
CONFIG_NAME = "config.json"
WEIGHTS_NAME = "model.safetensors"


class NetworkFile(Settings):
    """The content of ``config.json``: all that is needed, besides the weights, to build and to use the network."""

    format: str = FORMAT
    """Name and version of this layout."""
    network: Annotated[NetworkSpec, Field(discriminator="kind")]
    """The network before it was cut."""
    layers: LayerShapes | None = None
    """Sizes of a cut network's layers (see `LayerShapes`); absent: nothing was cut."""
    preprocessing: dict[str, Any]
    """What the pixels have to be: their range, their channels, and what height and width are a multiple of."""
    provenance: dict[str, Any] = Field(default_factory=dict)
    """Where the network came from, in the words of whoever saved it."""


@dataclass(frozen=True)
class LoadedNetwork:
    """A network from a file, in eval mode on the CPU, and what the file says about it."""

    network: nn.Module
    spec: NetworkSpec
    layers: LayerShapes | None = None
    provenance: dict[str, Any] = field(default_factory=dict)


def save_network(
    folder: Path,
    network: nn.Module,
    *,
    spec: NetworkSpec,
    provenance: dict[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a network, cut or not, into a folder that appears at once and complete, or not at all.

    Args:
        folder: Where to; its parents are made.
        network: The network that ``spec`` describes, or what a cut left of it.
        spec: The specification of the uncut network.
        provenance: Where it came from: anything that JSON can hold.
        overwrite: Replace a network that is there already.

    Raises:
        MggcError: The folder exists and is not to be replaced, or holds other files; or weights are not finite.
        ValueError: The network is not one of this specification.
    """
    _check_target(folder, overwrite=overwrite)
    layers = cut_shapes(network, spec)
    _check_belongs(network, spec, layers)
    # Copies in the standard layout: the format refuses tensors that share memory or are stored channels-last.
    weights = {key: value.detach().cpu().contiguous().clone() for key, value in network.state_dict().items()}
    check_finite(weights, source=folder)
    config = NetworkFile(
        network=spec, layers=layers, preprocessing=_preprocessing(spec), provenance=provenance or {}
    )
    partial = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        with naming(folder):
            partial.mkdir(parents=True)
            # Not `save_file`, whose error for a full disk is not the operating system's.
            (partial / WEIGHTS_NAME).write_bytes(save(weights, metadata={"format": FORMAT}))
            (partial / CONFIG_NAME).write_text(config.model_dump_json(indent=2) + "\n", encoding="utf-8")
            _move_into_place(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def load_network(folder: Path) -> LoadedNetwork:
    """Read back what `save_network` wrote.

    Nothing in the folder is executed, unless it is a network of the user's own: see `FactorySpec`.

    Raises:
        MggcError: A file is missing, damaged or of another format, or the weights do not fit or are not finite.
    """
    config = read_config(folder)
    network = build_empty(config.network)
    try:
        reshape(network, config.layers or {})
    except ValueError as error:
        raise MggcError(f"{folder / CONFIG_NAME}: {error}") from error
    path = folder / WEIGHTS_NAME
    put_weights(network, read_safetensors(path), source=path)
    return LoadedNetwork(network.eval(), config.network, config.layers, config.provenance)


def read_config(folder: Path) -> NetworkFile:
    """The description of a network, without its weights.

    Raises:
        MggcError: It is missing, damaged or of another format.
    """
    path = folder / CONFIG_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MggcError(f"{folder} is not the folder of a network: it has no {CONFIG_NAME}.") from error
    except ValueError as error:
        raise MggcError(f"{path} is not readable as JSON ({error}).") from error
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise MggcError(
            f"{path} should have the format {FORMAT}. Found {found!r}, of another program or version."
        )
    try:
        return NetworkFile.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise MggcError(f"{path}: {where}: {first['msg']}.") from error


def _check_target(folder: Path, *, overwrite: bool) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise MggcError(f"{folder} should be a folder to write a network into, but is a file.")
    present = {path.name for path in folder.iterdir()}
    others = sorted(present - {CONFIG_NAME, WEIGHTS_NAME})
    if others:
        raise MggcError(f"{folder} holds other files ({others[0]}, …); give a network a folder of its own.")
    if present and not overwrite:
        raise MggcError(f"{folder} holds a network already. Allow overwriting, or choose another folder.")


def _check_belongs(network: nn.Module, spec: NetworkSpec, layers: LayerShapes | None) -> None:
    misfit = f"The network is not the one of its specification ({spec.kind})"
    expected = build_empty(spec)
    try:
        reshape(expected, layers or {})
    except ValueError as error:
        raise ValueError(f"{misfit}: {error}") from error
    wanted = {key: value.shape for key, value in expected.state_dict().items()}
    found = {key: value.shape for key, value in network.state_dict().items()}
    for key in [*found, *wanted]:
        if wanted.get(key) != found.get(key):
            raise ValueError(f"{misfit}: {key} differs.")


def _preprocessing(spec: NetworkSpec) -> dict[str, Any]:
    channels = {1: "grey", 3: "RGB"}.get(spec.input_channels, spec.input_channels)
    return {"range": [-1, 1], "channels": channels, "size_multiple": size_multiple(spec)}


def _move_into_place(partial: Path, folder: Path) -> None:
    if not folder.exists():
        partial.rename(folder)
        return
    # A folder with content cannot be replaced in one step: the old one is set aside, and put back if that fails.
    old = partial.with_suffix(".old")
    folder.rename(old)
    try:
        partial.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    shutil.rmtree(old)
