"""Reading checkpoint files of other programs: tensors only, whatever they are wrapped in."""

import pickle
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mggc.errors import MggcError
from mggc.networks.loading import read_safetensors

PREFERRED_ENTRIES = ("state_dict", "model", "netG", "net_G", "G", "generator", "params_ema", "params")
WRAPPERS = {"module", "_orig_mod"}  # added to keys by DataParallel and by torch.compile
COUNTERS = {"total_ops", "total_params"}  # buffers that thop leaves behind


def read_state_dict(path: Path, *, entry: str | None = None) -> dict[str, Tensor]:
    """The weights in a ``.pth`` or ``.safetensors`` file, on the CPU, without what wrappers and counters added.

    Nothing in the file is executed. A dictionary inside a dictionary is found where there is only one; of several,
    that with a usual name (``state_dict``, ``model``, ``netG``, ``G``, …) is taken.

    Args:
        path: The file.
        entry: The name of the dictionary to take, with dots between nested names; absent: by the rule above.

    Raises:
        MggcError: The file is missing, damaged, holds anything but tensors and plain values, or no or several networks.
    """
    content = read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    found = dict(_tensor_mappings(content))
    weights = found[_choose(list(found), entry, path)]
    return {_plain(key): tensor for key, tensor in weights.items() if key.rpartition(".")[2] not in COUNTERS}


def _read_torch(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickle protocols; what cannot be read raises
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise MggcError(f"There is no file {path}.") from error
    except IsADirectoryError as error:
        raise MggcError(f"{path} is a folder; a checkpoint is a file.") from error
    except pickle.UnpicklingError as error:
        raise MggcError(_why_refused(path, str(error))) from error
    except Exception as error:  # a damaged file makes PyTorch's reader fail in any way
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise MggcError(f"{path} is cut short or not a PyTorch checkpoint ({first_line:.100}).") from error


def _why_refused(path: Path, message: str) -> str:
    stored = re.search(r"GLOBAL ([\w.]+)", message)
    if stored is None:
        return f"{path} is not a PyTorch checkpoint; was it downloaded completely?"
    return (
        f"{path} holds more than tensors ({stored[1]}), and reading that would execute code from the file. "
        "Save the network's state_dict() alone with torch.save."
    )


def _tensor_mappings(content: Any, name: str = "") -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Every innermost dictionary with tensors, by its dotted name.

    Keys have to be strings: an optimizer's states are numbered, and are no network.
    """
    if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
        return
    inner = [
        found
        for key, value in content.items()
        for found in _tensor_mappings(value, f"{name}.{key}" if name else key)
    ]
    tensors = {key: value.detach() for key, value in content.items() if isinstance(value, Tensor)}
    if inner:
        yield from inner
    elif tensors:
        yield name, tensors


def _choose(found: list[str], entry: str | None, path: Path) -> str:
    if entry is not None and entry not in found:
        raise MggcError(f"{path} has no weights under {entry!r}. It has {', '.join(found) or 'none at all'}.")
    if not found:
        raise MggcError(f"{path} holds no tensors; a network's checkpoint is wanted.")
    preferred = [name for name in PREFERRED_ENTRIES if name in found]
    if entry is None and len(found) > 1 and not preferred:
        raise MggcError(f"{path} holds several networks ({', '.join(found)}). Say which one.")
    return entry or (found[0] if len(found) == 1 else preferred[0])


def _plain(key: str) -> str:
    return ".".join(part for part in key.split(".") if part not in WRAPPERS)
