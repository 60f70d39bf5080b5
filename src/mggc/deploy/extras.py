"""Packages that only some users need, and what to install where one is missing."""

from importlib.metadata import version
from importlib.util import find_spec
from typing import Literal

from mggc.errors import MggcError

Extra = Literal["onnx", "openvino", "hub"]
MODULES: dict[Extra, tuple[str, ...]] = {
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "openvino": ("openvino",),
    "hub": ("huggingface_hub",),
}


def require(extra: Extra) -> None:
    """Refuse to go on without the packages of an extra.

    Raises:
        MggcError: One is not installed.
    """
    missing = [module for module in MODULES[extra] if find_spec(module) is None]
    if missing:
        raise MggcError(
            f"This needs {missing[0]}, which is not installed. Install it with pip install 'mggc[{extra}]'."
        )


def versions(*extras: Extra) -> dict[str, str]:
    """The versions of this package, of PyTorch, and of the packages of these extras, which are installed."""
    names = ["mggc", "torch", *(module for extra in extras for module in MODULES[extra])]
    return {name: version(name) for name in names}
