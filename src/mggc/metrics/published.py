"""Reading published weights into networks that were written here."""

from pathlib import Path

import torch
from torch import Tensor, nn

from mggc.errors import MggcError


def read_state_dict(path: Path, *, what: str, wanted: str) -> object:
    """What a file of weights holds, on the CPU; read without running any code in it.

    Args:
        path: The file.
        what: Whose weights they should be, for messages.
        wanted: The published file, for messages.

    Raises:
        MggcError: The file is missing, or is not a file of weights.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise MggcError(f"No {what} weights at {path}. Put {wanted} there.") from None
    except Exception as error:  # the unpickler has another error for each kind of garbage
        raise MggcError(f"{path} cannot be read as a file of weights. Use {wanted}.") from error


def fill(network: nn.Module, state: object, *, path: Path, wanted: str) -> None:
    """Load a state dict that has to fit exactly, apart from the batch norms' counters, which some copies lack.

    Raises:
        MggcError: It is another network's; the message names the first difference.
    """
    expected = network.state_dict()
    if not isinstance(state, dict) or (found := difference(expected, state)) is not None:
        reason = found if isinstance(state, dict) else "it is not a state dict"
        raise MggcError(f"{path} holds another network's weights: {reason}. Use {wanted}.")
    network.load_state_dict(state, strict=False)


def difference(expected: dict[str, Tensor], found: dict[object, object]) -> str | None:
    """In words, the first way in which a loaded dictionary does not fit the expected state dict; None where it fits."""
    tensors = {str(name): value for name, value in found.items() if isinstance(value, Tensor)}
    if len(tensors) < len(found):
        return "it is not a state dict"
    expected, tensors = _without_counters(expected), _without_counters(tensors)
    if missing := expected.keys() - tensors.keys():
        return f"it lacks {min(missing)}"
    if unknown := tensors.keys() - expected.keys():
        return f"it has an unknown {min(unknown)}"
    for name, value in expected.items():
        if value.shape != tensors[name].shape:
            return f"{name} has shape {tuple(tensors[name].shape)} instead of {tuple(value.shape)}"
    return None


def _without_counters(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
