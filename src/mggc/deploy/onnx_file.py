"""ONNX files: written from a traced program, checked, described, and run with ONNX Runtime."""

import json
import logging
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from mggc.deploy.extras import require
from mggc.deploy.interface import INPUT_NAME, OUTPUT_NAME
from mggc.deploy.program import blame, without_remarks
from mggc.errors import MggcError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import ModelProto

OPSET = 20
"""The exporter's own choice; later ones add nothing that these graphs use, and fewer runtimes read them."""
QUIET = 3
"""ONNX Runtime's log level for errors only."""


def write_onnx(program: ExportedProgram, path: Path) -> None:
    """Write a program as one ONNX file, weights included, that `onnx.checker` finds whole.

    Raises:
        MggcError: An operation has no counterpart in ONNX; the message names it and its layer. Or packages are missing.
    """
    require("onnx")
    import onnx

    try:
        with _quiet():
            converted = torch.onnx.export(
                program,
                dynamo=True,
                opset_version=OPSET,
                input_names=[INPUT_NAME],
                output_names=[OUTPUT_NAME],
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        raise MggcError(
            f"The generator does not export to ONNX: it lacks a counterpart of {blame(program, error)}."
        ) from error
    if converted is None:
        raise MggcError("The generator does not export to ONNX; PyTorch gave no reason.")
    model = converted.model_proto
    _name_axes(model)
    onnx.save_model(model, path)
    onnx.checker.check_model(path, full_check=True)


def describe_onnx(path: Path, description: Mapping[str, Any]) -> None:
    """Write metadata into an ONNX file: text as it is, everything else as JSON."""
    import onnx

    model = onnx.load_model(path)
    model.producer_name, model.producer_version = "mggc", str(description.get("versions", {}).get("mggc", ""))
    model.doc_string = str(description.get("title", ""))
    del model.metadata_props[:]
    for key, value in description.items():
        model.metadata_props.add(key=key, value=value if isinstance(value, str) else json.dumps(value))
    onnx.save_model(model, path)


class OnnxGenerator:
    """An exported generator in ONNX Runtime, on the CPU.

    Args:
        path: The file.
        threads: Threads of one operation; absent: as PyTorch uses here.
    """

    def __init__(self, path: Path, *, threads: int | None = None) -> None:
        require("onnx")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or torch.get_num_threads()
        options.log_severity_level = QUIET
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def __call__(self, images: Tensor) -> Tensor:
        """Translate a batch in the form that the file was written for."""
        (output,) = self._session.run(None, {INPUT_NAME: images.numpy()})
        return torch.from_numpy(output)

    @property
    def metadata(self) -> dict[str, str]:
        """What the file says about itself."""
        return dict(self._session.get_modelmeta().custom_metadata_map)


def _name_axes(model: "ModelProto") -> None:
    """Give the open axes names for people, and leave out the tracer's notes about where each node came from."""
    names: dict[str, str] = {}
    for value in (*model.graph.input, *model.graph.output):
        wanted = iter(("batch", "height", "width"))
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_param:
                names[axis.dim_param] = axis.dim_param = next(wanted)
    # Notes about shapes in between, in symbols of the tracer's, which runtimes derive themselves.
    del model.graph.value_info[:]
    for part in (*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""


@contextmanager
def _quiet() -> "Iterator[None]":
    """Without the exporter's remarks, also those in the log, such as that torchvision is absent."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with without_remarks():
            yield
    finally:
        logger.setLevel(level)
