"""The bare network as an ONNX graph of one fixed size, for measurements."""

import contextlib
import logging
import warnings
from collections.abc import Iterator

import torch
from torch import nn

from mggc.deploy.graph import faster
from mggc.errors import MggcError
from mggc.networks.resnet import ResnetGenerator
from mggc.networks.unet import UnetGenerator
from mggc.runtime import evaluating
from mggc.shapes import Images


def to_onnx_bytes(network: nn.Module, example: Images) -> bytes:
    """The network's graph for batches of exactly this shape, float32, made as fast as `mggc export` makes it.

    Args:
        network: On the CPU; exported as it computes in eval mode, and left as it was.
        example: A batch of the shape that the graph will take.

    Raises:
        MggcError: The exporter cannot follow the network.
    """
    with evaluating(network), torch.no_grad(), _quiet():
        # As `mggc export` delivers it; the exporter folds batch norms of other designs by itself.
        known = isinstance(network, UnetGenerator | ResnetGenerator)
        module = faster(network).eval() if known else network
        try:
            program = torch.onnx.export(module, (example,), dynamo=True, verbose=False)
        except torch.onnx.OnnxExporterError as error:
            reason = (str(error.__cause__ or error).strip().splitlines() or ["no reason given"])[0]
            raise MggcError(
                f"A {type(network).__name__} does not become an ONNX graph ({reason:.200}). "
                "Measure it in PyTorch alone: backend eager."
            ) from error
    if program is None:
        raise ValueError("The exporter returned no program.")
    content: bytes = program.model_proto.SerializeToString()
    return content


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of its own deprecations and of packages that are not there."""
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        exporter.setLevel(level)
