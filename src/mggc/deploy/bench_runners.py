"""What runs a network that lies on disk: PyTorch eager or compiled, ONNX Runtime, OpenVINO.

Nothing heavy is imported before a runner is loaded, so that a process that measures one runtime holds no other.
"""

import os
import shutil
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from mggc.config.latency import Backend
from mggc.errors import MggcError

BACKENDS: tuple[Backend, ...] = get_args(Backend)
Runner = Callable[[NDArray[np.float32]], object]
"""One forward pass of a batch of images, float32 NCHW in [-1, 1]."""

NEEDS: dict[Backend, tuple[str, ...]] = {
    "eager": (),
    "compiled": (),
    "onnxruntime": ("onnx", "onnxscript", "onnxruntime"),
    "openvino": ("onnx", "onnxscript", "openvino"),
}
EXTRAS: dict[Backend, str] = {"onnxruntime": "onnx", "openvino": "openvino"}
NETWORK_FOLDER = "network"
COMPILERS = ("g++", "clang++", "c++", "cl")


def missing_for(backend: Backend) -> list[str]:
    """Packages that a backend needs and this environment lacks."""
    return [name for name in NEEDS[backend] if find_spec(name) is None]


def check_backends(backends: Iterable[Backend]) -> None:
    """Refuse what cannot run here.

    Raises:
        MggcError: A package is missing, and the message names its extra; or compiling lacks a C++ compiler.
    """
    for backend in backends:
        missing = missing_for(backend)
        if missing:
            raise MggcError(
                f"The backend {backend} needs {', '.join(missing)}, which is not installed here. "
                f"Install it with pip install 'mggc[{EXTRAS[backend]}]'."
            )
        if backend == "compiled" and not any(
            shutil.which(compiler) for compiler in (os.environ.get("CXX", ""), *COMPILERS)
        ):
            raise MggcError("The backend compiled needs a C++ compiler; found none. Install g++ or set CXX.")


def usual_backends() -> tuple[Backend, ...]:
    """Everything installed but ``compiled``, which takes tens of seconds for each network."""
    return tuple(backend for backend in BACKENDS if backend != "compiled" and not missing_for(backend))


def onnx_path(folder: Path, batch_size: int) -> Path:
    """Where the graph for a batch of this size lies beside a network."""
    return folder / f"batch-{batch_size}.onnx"


def load_runner(backend: Backend, folder: Path, *, batch_size: int, threads: int) -> Runner:
    """Load what `write_artefacts` wrote into the folder.

    Args:
        backend: What runs it. PyTorch's threads are set for the whole process, at once.
        folder: The network's folder of artefacts.
        batch_size: Images in one pass; graphs are fixed to it.
        threads: Threads of one pass.
    """
    match backend:
        case "eager" | "compiled":
            return _pytorch(folder / NETWORK_FOLDER, threads, compiled=backend == "compiled")
        case "onnxruntime":
            return _onnxruntime(onnx_path(folder, batch_size), threads)
        case "openvino":
            return _openvino(onnx_path(folder, batch_size), threads)


def import_runtime(backend: Backend) -> None:
    """Import what the backend needs to run, and nothing else."""
    match backend:
        case "eager" | "compiled":
            import mggc.networks.files  # noqa: F401
        case "onnxruntime":
            import onnxruntime  # noqa: F401
        case "openvino":
            import openvino  # noqa: F401


def version_of(backend: Backend) -> str:
    """The runtime's version."""
    from importlib.metadata import version

    return version({"onnxruntime": "onnxruntime", "openvino": "openvino"}.get(backend, "torch"))


def _pytorch(folder: Path, threads: int, *, compiled: bool) -> Runner:
    import torch

    from mggc.networks.files import load_network

    torch.set_num_threads(threads)
    network: Callable[[torch.Tensor], object] = load_network(folder).network.requires_grad_(False)
    if compiled:
        # A network that cannot be compiled whole, or one too many of them, is an error and not a slower pass.
        network = torch.compile(network, fullgraph=True, dynamic=False, options={"freezing": True})

    def run(images: NDArray[np.float32]) -> object:
        with torch.no_grad():
            return network(torch.from_numpy(images))

    return run


def _onnxruntime(path: Path, threads: int) -> Runner:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Otherwise idle threads would spin on while the next network, in its turn, is timed.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: session.run(None, {name: images})


def _openvino(path: Path, threads: int) -> Runner:
    import openvino

    settings: dict[str, Any] = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",  # newer CPUs would take bfloat16 and not say so
    }
    compiled = openvino.Core().compile_model(str(path), "CPU", settings)
    request = compiled.create_infer_request()
    return lambda images: request.infer([images])
