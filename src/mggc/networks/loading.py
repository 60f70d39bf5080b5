"""Weights into a network, strictly, with the first misfit named: the last step of every import."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from mggc.errors import MggcError


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors in a ``.safetensors`` file, in memory of their own.

    Raises:
        MggcError: The file is missing, damaged, or of another format.
    """
    try:
        # Tensors come back mapped from the file: they would follow its later changes, and are not aligned as PyTorch's.
        return {key: tensor.clone() for key, tensor in load_file(path).items()}
    except FileNotFoundError as error:
        raise MggcError(f"There is no file {path}.") from error
    except (SafetensorError, OSError) as error:
        raise MggcError(f"{path} is damaged or cut short ({error}). Copy or write it again.") from error


def put_weights(network: nn.Module, weights: Mapping[str, Tensor], *, source: Path) -> None:
    """Load weights that fit exactly and are finite; the network takes over these tensors, with their dtype.

    Raises:
        MggcError: A key is missing or unexpected, a size differs, or a weight is NaN or infinite.
    """
    wanted = network.state_dict()
    for key in weights:
        if key not in wanted:
            raise MggcError(
                f"{source}: unexpected key {key}; a {type(network).__name__} has no such weights."
            )
    for key, tensor in wanted.items():
        if key not in weights:
            raise MggcError(f"{source}: key {key} is missing; a {type(network).__name__} needs it.")
        if weights[key].shape != tensor.shape:
            raise MggcError(
                f"{source}: {key} has the shape {list(weights[key].shape)}; "
                f"this {type(network).__name__} needs {list(tensor.shape)}."
            )
    check_finite(weights, source=source)
    network.load_state_dict(dict(weights), strict=True, assign=True)


def check_finite(weights: Mapping[str, Tensor], *, source: Path) -> None:
    """Refuse weights of a training that diverged.

    Raises:
        MggcError: A weight is NaN or infinite.
    """
    for key, tensor in weights.items():
        if not torch.isfinite(tensor).all():
            raise MggcError(
                f"{source}: {key} holds NaN or infinite values. Use a checkpoint from before that."
            )
