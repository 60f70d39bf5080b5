"""Whether an exported file computes what the PyTorch network does: a comparison by value, on pictures."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from mggc.data.transforms import to_bytes, to_float
from mggc.deploy.any_size import pad_to_multiple
from mggc.deploy.interface import LEVELS, Interface
from mggc.errors import MggcError
from mggc.shapes import ByteImages

Precision = Literal["fp32", "fp16", "int8"]
PictureBatch: TypeAlias = UInt8[Tensor, "_ channels _ _"]
"""One of several batches, which need not have one size."""
Runner = Callable[[Tensor], Tensor]
"""An exported generator at work, in the form of its interface."""


class Difference(NamedTuple):
    """How far an exported generator's images lie from PyTorch's, in grey levels of 0 to 255."""

    max_levels: float
    mean_levels: float
    images: int


class Tolerance(NamedTuple):
    """What is refused: a largest or a mean difference above so many grey levels."""

    measure: Literal["max", "mean"]
    levels: float

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return self._asdict()


def tolerance_of(precision: Precision, interface: Interface, levels: float | None = None) -> Tolerance:
    """The usual tolerance of a precision, with another limit where one is given.

    In fp32 no pixel may differ by more than 1e-4 of [-1, 1], or, once rounded to bytes, by more than one level. Fewer
    bits may move single pixels at edges by a lot, so there the mean counts.
    """
    if precision == "fp32":
        usual = 1.0 if interface.kind == "uint8" else 1e-4 * LEVELS
        return Tolerance("max", usual if levels is None else levels)
    return Tolerance("mean", {"fp16": 0.5, "int8": 8.0}[precision] if levels is None else levels)


@torch.inference_mode()
def expected_levels(
    generator: nn.Module, interface: Interface, images: ByteImages
) -> Float[Tensor, "batch target_channels height width"]:
    """What PyTorch makes of pictures: padded, translated, cropped, and rounded where the file answers in bytes."""
    height, width = images.shape[-2:]
    padded = pad_to_multiple(to_float(images), multiple=interface.multiple, minimum=interface.minimum)
    output: Tensor = generator(padded)[..., :height, :width]
    return to_bytes(output).float() if interface.kind == "uint8" else (output + 1) * LEVELS


def measure_difference(
    runner: Runner, generator: nn.Module, interface: Interface, batches: Sequence[PictureBatch]
) -> Difference:
    """The difference between an exported generator and the PyTorch network, over batches of pictures.

    Args:
        runner: The exported generator.
        generator: The network, in eval mode on the CPU.
        interface: The form of the exported generator's images.
        batches: PictureBatch, one size for each batch.
    """
    found: list[Tensor] = []
    images = 0
    for batch in batches:
        levels = interface.levels(runner(interface.feed(batch)))
        found.append((levels - expected_levels(generator, interface, batch)).abs().flatten())
        images += len(batch)
    differences = torch.cat(found)
    # Of tensors: Python's own max passes over what is no number.
    return Difference(differences.max().item(), differences.double().mean().item(), images)


def refuse_difference(difference: Difference, tolerance: Tolerance, *, what: str) -> None:
    """Refuse an exported generator that computes something else.

    Raises:
        MggcError: The difference is above the tolerance, or not a number.
    """
    found = difference.max_levels if tolerance.measure == "max" else difference.mean_levels
    if not found <= tolerance.levels:
        raise MggcError(
            f"{what} differs from PyTorch by {difference.max_levels:.4g} grey levels at most and {difference.mean_levels:.4g} "
            f"on average over {difference.images} images; the {tolerance.measure} may be {tolerance.levels:.4g}. Nothing "
            "was written. Allow more with --tolerance, or choose another --precision."
        )
