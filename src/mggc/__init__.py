"""Compress image-to-image GANs: prune on the learned manifold, distil, and deliver a small generator with evidence.

Importing this package is cheap; PyTorch is loaded when a function is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mggc import metrics as metrics
    from mggc.api import compress as compress
    from mggc.api import compress_both as compress_both
    from mggc.api import count_macs as count_macs
    from mggc.api import load_discriminator as load_discriminator
    from mggc.api import load_generator as load_generator
    from mggc.deploy.hub import HubGenerator as HubGenerator

from mggc.errors import MggcError as MggcError

__version__ = "0.1.0.dev0"
__all__ = [
    "MggcError",
    "compress",
    "compress_both",
    "count_macs",
    "load_discriminator",
    "load_generator",
    "metrics",
]


def __getattr__(name: str) -> Any:
    if name == "metrics":
        return import_module("mggc.metrics")
    if name == "HubGenerator":
        # Not in __all__: `from mggc import *` has to work without the extra that this needs.
        import_module("mggc.deploy.extras").require("hub")
        return import_module("mggc.deploy.hub").HubGenerator
    if name in __all__:
        return getattr(import_module("mggc.api"), name)
    raise AttributeError(f"module 'mggc' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "HubGenerator"])
