"""Static int8 quantization of an exported ONNX file."""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mggc.deploy.extras import require
from mggc.deploy.interface import INPUT_NAME, Interface
from mggc.shapes import ByteImages


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
    """The convolution that reads pictures, and the one whose output the final tanh takes."""
    nodes = list(nodes)
    squashed = {name for node in nodes if node.op_type == "Tanh" for name in node.input}
    convolutions = [node for node in nodes if node.op_type == "Conv"]
    return [
        node.name
        for number, node in enumerate(convolutions)
        if number == 0 or not squashed.isdisjoint(node.output)
    ]
