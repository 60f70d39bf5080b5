"""A generator as a traced program whose batch, height and width are open: what both ONNX and ``.pt2`` files hold."""

import re
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any

import torch
from torch import nn
from torch.export import Dim, ExportedProgram
from torch.utils._sympy.value_ranges import ValueRanges

from mggc.deploy.graph import DeployableGenerator
from mggc.errors import MggcError

EXAMPLE_SIZE = (45, 51)
"""Height and width that are traced with: odd, and of different multiples."""


def trace(deployable: DeployableGenerator) -> ExportedProgram:
    """The program of a generator, with dynamic batch, height and width.

    Raises:
        MggcError: An operation's shape or flow depends on values; the message names it and its layer.
    """
    interface, dynamic = deployable.interface, Dim.DYNAMIC
    example = interface.feed(torch.zeros(2, interface.input_channels, *EXAMPLE_SIZE, dtype=torch.uint8))
    axes = (0, 1, 2) if interface.kind == "uint8" else (0, 2, 3)
    with _tracked(deployable) as layers, without_remarks():
        try:
            program = torch.export.export(
                deployable, (example,), dynamic_shapes=(dict.fromkeys(axes, dynamic),)
            )
        except Exception as error:  # whatever a network's own code raises under tracing
            raise MggcError(
                f"The generator does not export: {_line(error)} in layer {_readable(layers)} cannot be traced "
                f"({_first_line(error)})."
            ) from error
    return _open(program)


def blame(program: ExportedProgram, error: BaseException) -> str:
    """The operation that an error of a later conversion is about, and its layer: ``aten.erfinv in layer model.3``."""
    operation = _operation(error)
    for node in program.graph.nodes:
        # The converter names what it has taken the operation apart into: prims.bessel_j0 of aten.special_bessel_j0.
        if node.op == "call_function" and operation.split(".")[-1] in str(node.target):
            stack = list(node.meta.get("nn_module_stack", {}).values())
            own = ".".join(str(node.target).split(".")[:2])
            return f"{own} in layer {_readable([stack[-1][0]] if stack else [])}"
    return f"{operation} in an unknown layer"


@contextmanager
def without_remarks() -> Iterator[None]:
    """Without what PyTorch's exporters print, such as the graph so far, and warn of, such as classes of their own."""
    with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        warnings.filterwarnings(
            "ignore", message=r"`isinstance\(treespec, LeafSpec\)`", category=FutureWarning
        )
        yield


def _open(program: ExportedProgram) -> ExportedProgram:
    """Drop what the tracer has noted down about the example's sizes.

    PyTorch asks of every intermediate image whether a side is 1, to choose strides, and turns the answer into a condition
    on the input: a U-Net traced with 2 pixels at its bottom would refuse the size that it was made for. The program
    itself does not depend on it; the comparison by value, at several sizes, is the proof.
    """
    for symbol, sizes in program.range_constraints.items():
        program.range_constraints[symbol] = ValueRanges(1, sizes.upper)
    getattr(program, "_guards_code", []).clear()
    return program


@contextmanager
def _tracked(network: nn.Module) -> Iterator[list[str]]:
    """The names of the layers that are at work, outermost first; after an error, where it happened."""
    at_work: list[str] = []

    def track(name: str, module: nn.Module) -> list[Any]:
        def enter(*_: Any) -> None:
            at_work.append(name)

        def leave(*_: Any) -> None:
            at_work.pop()

        return [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]

    handles = [handle for name, module in network.named_modules() for handle in track(name, module)]
    try:
        yield at_work
    finally:
        for handle in handles:
            handle.remove()


def _line(error: BaseException) -> str:
    """The line of a layer's ``forward`` that an error happened in."""
    lines = [frame.line for frame in traceback.extract_tb(error.__traceback__) if frame.name == "forward"]
    return f"`{lines[-1]}`" if lines and lines[-1] else _operation(error)


def _operation(error: BaseException) -> str:
    """The operation named deepest in a chain of errors."""
    found = "an operation"
    cause: BaseException | None = error
    while cause is not None:
        named = re.search(r"(?:torch\.ops\.|op=')(\w+(?:\.|::)\w+)", str(cause))
        found = named[1].replace("::", ".") if named else found
        cause = cause.__cause__ or cause.__context__
    return found


def _readable(layers: list[str]) -> str:
    name = re.sub(r"^(?:L\['self'\]\.)?generator\.?", "", layers[-1]) if layers else ""
    return name or "(the network itself)"


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
