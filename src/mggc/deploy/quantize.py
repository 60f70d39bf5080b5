"""Static int8 quantization of an exported ONNX file."""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mggc.deploy.extras import require
from mggc.deploy.interface import INPUT_NAME, Interface
from mggc.shapes import ByteImages

SHUFFLES = ("DepthToSpace", "Reshape", "Transpose")
"""What a pixel shuffle becomes in a graph."""


def quantize_onnx(source: Path, target: Path, interface: Interface, batches: Iterable[ByteImages]) -> None:
    """Write a copy whose convolutions compute in int8, with ranges of activations seen on training images.

    Weights are quantized for each output channel, activations by the smallest and largest value seen. Transposed
    convolutions stay in fp32, for which ONNX Runtime has no faster kernel, and so do the convolutions that read and write
    pictures, where few channels carry all that a viewer sees.

    Args:
        source: The fp32 file.
        target: Where to.
        interface: The form of its images.
        batches: Calibration images.

    Raises:
        MggcError: Packages are missing.
    """
    require("onnx")
    import onnx
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime is untyped
        """The images, one batch after another."""

        def __init__(self) -> None:
            self._batches = iter(batches)

        def get_next(self) -> dict[str, Any] | None:
            """The next batch by input name; None at the end."""
            batch = next(self._batches, None)
            return None if batch is None else {INPUT_NAME: interface.feed(batch).numpy()}

    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)  # a remark that the file could be optimized first, at every call
    try:
        quantize_static(
            source,
            target,
            Reader(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=_outermost(onnx.load_model(source, load_external_data=False).graph.node),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    finally:
        logger.setLevel(level)


def _outermost(nodes: Iterable[Any]) -> list[str]:
    """The convolution that reads pictures, and the one that feeds the final tanh, directly or by way of a pixel shuffle."""
    nodes = list(nodes)
    makers = {name: node for node in nodes for name in node.output}
    convolutions = [node for node in nodes if node.op_type == "Conv"]
    found = {convolutions[0].name} if convolutions else set()
    for node in nodes:
        if node.op_type == "Tanh":
            maker = makers.get(node.input[0])
            while maker is not None and maker.op_type in SHUFFLES:
                maker = makers.get(maker.input[0])
            if maker is not None and maker.op_type == "Conv":
                found.add(maker.name)
    return sorted(found)
