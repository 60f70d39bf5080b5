"""Checkpoints of pytorch-CycleGAN-and-pix2pix, of every era, to and from our networks."""

from collections import OrderedDict
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from mggc.config import Norm
from mggc.errors import MggcError, naming
from mggc.networks.checkpoints import read_state_dict
from mggc.networks.files import LoadedNetwork
from mggc.networks.inference import infer_spec
from mggc.networks.loading import put_weights
from mggc.networks.reshape import build_empty, cut_shapes
from mggc.networks.specs import FactorySpec, NetworkSpec, UnetSpec
from mggc.networks.train_options import OptionValue, read_train_options

ConcatOrder: TypeAlias = Literal["skip_first", "decoder_first"]


def load_checkpoint(
    path: Path,
    *,
    entry: str | None = None,
    unet_dropout: bool | None = None,
    norm: Norm | None = None,
    concat_order: ConcatOrder = "skip_first",
) -> LoadedNetwork:
    """The network of a checkpoint, with exactly its weights, in float32, in eval mode on the CPU.

    What the weights do not tell is taken from the arguments, else from ``train_opt.txt`` beside the file, else it is
    what that repository does by default.

    Args:
        path: A ``.pth`` or ``.safetensors`` file with one network.
        entry: Which dictionary to take, where the file holds several; see `read_state_dict`.
        unet_dropout: Whether a U-Net was trained with dropout; by default it was.
        norm: ``none`` for hidden convolutions with a bias and no normalization; by default that is instance norm.
        concat_order: ``decoder_first`` for U-Nets trained before 22 September 2017, whose keys look no different.

    Raises:
        MggcError: The file cannot be read, or is of another network; see `read_state_dict` and `infer_spec`.
    """
    weights = {key: _single_precision(tensor) for key, tensor in read_state_dict(path, entry=entry).items()}
    options = read_train_options(path.parent)
    if unet_dropout is None:
        unet_dropout = options.get("no_dropout") is not True
    spec = infer_spec(
        weights, source=path, unet_dropout=unet_dropout, norm=norm or _weightless_norm(options.get("norm"))
    )
    network = build_empty(spec)
    fitted, dropped = _without_instance_statistics(weights, spec)
    fitted = _with_batch_counters(fitted)
    if concat_order == "decoder_first":
        fitted = _skip_first(fitted, spec, source=path)
    put_weights(network, fitted, source=path)
    provenance: dict[str, Any] = {
        "imported_from": path.name,
        "concat_order": concat_order,
        "dropped_instance_norm_statistics": dropped,
        "train_options": options,
    }
    return LoadedNetwork(network.eval(), spec, None, provenance)


def export_legacy(path: Path, network: nn.Module, *, spec: NetworkSpec) -> None:
    """Save an uncut network's weights as pytorch-CycleGAN-and-pix2pix saves them: a bare state dict on the CPU.

    Raises:
        MggcError: That repository could not build the network.
    """
    if isinstance(spec, FactorySpec) or spec.bias is not None:
        raise MggcError(
            f"pytorch-CycleGAN-and-pix2pix has no such network ({spec.kind}); it cannot be written for it."
        )
    if cut_shapes(network, spec) is not None:
        raise MggcError("pytorch-CycleGAN-and-pix2pix cannot build a cut network. Export it to ONNX instead.")
    weights = OrderedDict((key, value.detach().cpu()) for key, value in network.state_dict().items())
    content = BytesIO()  # written to a file by PyTorch, a full disk would look like an error of its format
    torch.save(weights, content)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with naming(path):
            partial.write_bytes(content.getbuffer())
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _single_precision(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _weightless_norm(option: OptionValue) -> Norm | None:
    """What ``--norm`` said, where it settles what the weights leave open."""
    match option:
        case "instance" | "none":
            return option
    return None


def _without_instance_statistics(
    weights: dict[str, Tensor], spec: NetworkSpec
) -> tuple[dict[str, Tensor], bool]:
    """Drop the running statistics that instance norms kept in 2018 and under early PyTorch: nothing reads them."""
    if isinstance(spec, FactorySpec) or spec.norm == "batch":
        return weights, False
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    kept = {key: value for key, value in weights.items() if key.rpartition(".")[2] not in statistics}
    return kept, len(kept) < len(weights)


def _with_batch_counters(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Add the batch norms' counters, which PyTorch before 0.4.1 did not write."""
    counters = {
        key.replace("running_mean", "num_batches_tracked"): torch.tensor(0)
        for key in weights
        if key.endswith(".running_mean")
    }
    return counters | weights


def _skip_first(weights: dict[str, Tensor], spec: NetworkSpec, *, source: Path) -> dict[str, Tensor]:
    """Swap the halves that a U-Net's transposed convolutions read, from [decoder, skip] to [skip, decoder]."""
    if not isinstance(spec, UnetSpec):
        raise MggcError(f"{source} is no U-Net, so it has no order of concatenation.")
    swapped, block = dict(weights), "model.model"
    for level in range(spec.downs - 1):  # the innermost level reads no concatenation
        key = f"{block}.{3 if level == 0 else 5}.weight"
        swapped[key] = torch.cat(weights[key].chunk(2)[::-1])
        block = f"{block}.{1 if level == 0 else 3}.model"
    return swapped
