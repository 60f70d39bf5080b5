"""A generator with all that stands around it in use: bytes to floats, padding, cropping, and back to bytes."""

import copy

import torch
from jaxtyping import Int64
from torch import Tensor, nn

from mggc.deploy.folding import fold_batch_norms
from mggc.deploy.interface import Interface
from mggc.deploy.strided import stride_last_convolution
from mggc.networks.specs import FactorySpec, NetworkSpec


class DeployableGenerator(nn.Module):
    """Images in, images out, in the form of an `Interface`, of any size; written to be traced with dynamic shapes.

    Args:
        generator: In eval mode. Its parameters' dtype is the one that it computes in.
        interface: The form of the images.
    """

    def __init__(self, generator: nn.Module, interface: Interface) -> None:
        super().__init__()
        self.generator, self.interface = generator, interface

    def forward(self, images: Tensor) -> Tensor:
        """Translate a batch of any size."""
        # Bytes are padded before they become floats, and cropped as bytes again: a quarter of the memory.
        rows = 1 if self.interface.kind == "uint8" else 2
        height, width = images.shape[rows], images.shape[rows + 1]
        images = images.index_select(rows, self._reflected(height, images.device))
        images = images.index_select(rows + 1, self._reflected(width, images.device))
        output = self._from_bytes(images) if self.interface.kind == "uint8" else self._generate(images)
        # A slice would make the tracer ask whether anything is cropped, and write the example's answer down as a rule.
        output = output.index_select(rows, torch.arange(height, device=images.device))
        return output.index_select(rows + 1, torch.arange(width, device=images.device))

    def _from_bytes(self, images: Tensor) -> Tensor:
        """The arithmetic of `to_float` and `to_bytes`, step by step, for equal roundings."""
        output = self._generate(images.permute(0, 3, 1, 2).float().div(255).sub(0.5).div(0.5))
        return ((output + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)

    def _generate(self, images: Tensor) -> Tensor:
        output: Tensor = self.generator(images.to(next(self.generator.parameters()).dtype))
        return output.float()

    def _reflected(self, size: int | torch.SymInt, device: torch.device) -> Int64[Tensor, " padded"]:
        """Where each pixel of the padded side comes from: 0 1 2 3 2 1 0 1 2 … for a side of four.

        Reflecting again and again, as `pad_to_multiple` does, is this wave; a single pixel is repeated.
        """
        multiple, minimum = self.interface.multiple, self.interface.minimum
        # Rounding up by adding first: ONNX divides towards zero, so the division of a negative number would differ.
        padded = (size + multiple - 1) // multiple * multiple
        if minimum > multiple:
            padded = torch.sym_max(padded, minimum)  # type: ignore[no-untyped-call]
        wave = torch.sym_max(2 * (size - 1), 1)  # type: ignore[no-untyped-call]
        # A tensor: the exporter knows no remainder by an open number.
        period = torch.full((1,), wave, dtype=torch.int64, device=device)
        position = torch.arange(padded, device=device) % period
        return torch.minimum(position, period - position)


def faster(generator: nn.Module) -> nn.Module:
    """A copy of a generator of this package's design that computes the same, in eval mode, in less time."""
    return stride_last_convolution(fold_batch_norms(generator))


def deployable(
    generator: nn.Module, spec: NetworkSpec, interface: Interface, *, half: bool = False
) -> DeployableGenerator:
    """What is exported of a generator: batch norms folded and outputs strided where its design is known, without gradients.

    Args:
        generator: In eval mode on the CPU; left as it is.
        spec: Its specification. In a network of the user's own the order of layers is not ours to assume; ONNX
            export folds there too, in the traced graph.
        interface: The form of the images.
        half: Compute in float16; images keep their type.
    """
    core = copy.deepcopy(generator) if isinstance(spec, FactorySpec) else faster(generator)
    core.eval().requires_grad_(False)
    return DeployableGenerator(core.half() if half else core, interface).eval()
