"""Published SwAV weights as an encoder."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mggc.errors import MggcError
from mggc.manifold.encoder import Encoder, EncoderSpec, build_encoder

IGNORED_PREFIXES = ("projection_head.", "prototypes.", "fc.")
EXPECTED = "a SwAV ResNet-50 checkpoint (such as swav_800ep_pretrain.pth.tar)"


def load_swav_checkpoint(path: Path, *, image_size: int = 224) -> Encoder:
    """The encoder in a SwAV ResNet-50 file of the published format (github.com/facebookresearch/swav).

    The published weights are under CC BY-NC 4.0: no commercial use. They are the user's to fetch; nothing is
    downloaded here. Keys may begin with ``module.``, the weights may sit under ``state_dict``, and the projection head
    and prototypes are ignored. The file is read without running any code in it.

    Args:
        path: The file.
        image_size: Side that images are resized to, in pixels; the weights were trained at 224.

    Raises:
        MggcError: The file is missing, unreadable or something else.
    """
    spec = EncoderSpec(
        name="swav-r50-imagenet", depth=50, width=64, image_size=image_size, small_images=False
    )
    encoder = build_encoder(spec)
    found = _backbone_weights(_read(path))
    wanted = encoder.backbone.state_dict()
    # Some synchronized batch norms do not count their batches; nothing reads the count in eval mode.
    absent = [name for name in wanted if name not in found and not name.endswith("num_batches_tracked")]
    unlike = [name for name in found if name not in wanted or found[name].shape != wanted[name].shape]
    if absent or unlike:
        detail = f"it lacks {absent[0]}" if absent else f"it holds {unlike[0]} of another name or shape"
        raise MggcError(f"--encode.weights wants {EXPECTED}. Found {path}: {detail}.")
    encoder.backbone.load_state_dict(found, strict=False)
    return encoder


def _read(path: Path) -> Mapping[Any, Any]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise MggcError(f"--encode.weights wants {EXPECTED}. There is no file {path}.") from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise MggcError(
            f"--encode.weights wants {EXPECTED}. Found {path}, which torch.load does not read as weights."
        ) from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise MggcError(
            f"--encode.weights wants {EXPECTED}. Found {path}, which holds no dictionary of weights."
        )
    return content


def _backbone_weights(content: Mapping[Any, Any]) -> dict[str, Tensor]:
    named = {str(name).removeprefix("module."): value for name, value in content.items()}
    return {
        name: value
        for name, value in named.items()
        if isinstance(value, Tensor) and not name.startswith(IGNORED_PREFIXES)
    }
