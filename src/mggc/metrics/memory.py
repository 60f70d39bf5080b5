"""Peak memory of a forward pass."""

from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mggc.runtime import evaluating
from mggc.shapes import Images

Counted = Literal["live tensors", "allocator"]


class PeakMemory(NamedTuple):
    """The most memory that a forward pass held at once, beyond the weights and the input."""

    bytes: int
    counted: Counted
    """``live tensors``: activations, exactly, without what a kernel takes for itself; ``allocator``: all of CUDA's."""


def peak_memory(network: nn.Module, example: Images) -> PeakMemory:
    """Peak memory of one forward pass without gradients, in bytes; weights and input are not counted.

    On a GPU this is the allocator's peak over what it held before. A process's own memory says little on a CPU (the
    allocator keeps what is freed, and its pages come late), so there the storages of all live tensors are followed from
    operation to operation: a function of network and image size, equal on every machine.

    Args:
        network: Runs in eval mode and keeps its own mode.
        example: The batch, on the device where the network is.
    """
    with evaluating(network), torch.no_grad():
        if example.device.type == "cuda":
            return PeakMemory(_allocator_peak(network, example), "allocator")
        return PeakMemory(_tensor_peak(network, example), "live tensors")


def _allocator_peak(network: nn.Module, example: Images) -> int:
    torch.cuda.synchronize(example.device)
    torch.cuda.reset_peak_memory_stats(example.device)
    before: int = torch.cuda.memory_allocated(example.device)
    network(example)
    torch.cuda.synchronize(example.device)
    return int(torch.cuda.max_memory_allocated(example.device)) - before


def _tensor_peak(network: nn.Module, example: Images) -> int:
    known = [*network.parameters(), *network.buffers(), example]
    live = _LiveTensors(known)
    with live:
        network(example)
    return live.peak


class _LiveTensors(TorchDispatchMode):  # type: ignore[no-untyped-call]  # PyTorch leaves these untyped
    """Follows which storages are alive after each operation, apart from those that were there before."""

    def __init__(self, known: list[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        # References to the tensors keep their storages, and with them the addresses that tell storages apart.
        self._known = {tensor.untyped_storage()._cdata: tensor for tensor in known}
        self._alive: dict[int, tuple[StorageWeakRef, int]] = {}
        self.peak = 0

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = operation(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self._add(tensor.untyped_storage())
        self.peak = max(self.peak, self._total())
        return result

    def _add(self, storage: torch.UntypedStorage) -> None:
        if storage._cdata not in self._known:
            self._alive[storage._cdata] = (
                StorageWeakRef(storage),  # type: ignore[no-untyped-call]
                storage.nbytes(),
            )

    def _total(self) -> int:
        self._alive = {
            key: entry
            for key, entry in self._alive.items()
            if not entry[0].expired()  # type: ignore[no-untyped-call]
        }
        return sum(size for _, size in self._alive.values())
