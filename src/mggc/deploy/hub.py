"""Generators in Hugging Face's conventions: ``save_pretrained``, ``from_pretrained``, ``push_to_hub``.

The files are those of every network here, ``config.json`` and ``model.safetensors``, so `mggc.load_generator` reads a
downloaded folder, and `HubGenerator` reads the ``compressed`` folder of a run. Importing this needs the extra ``hub``.
"""

import uuid
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelHubMixin, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from mggc.deploy.any_size import translate
from mggc.deploy.card import LIBRARY, TASK, model_card
from mggc.deploy.facts import Facts, cost_of
from mggc.deploy.sizes import smallest_size
from mggc.errors import MggcError
from mggc.networks.files import (
    CONFIG_NAME,
    WEIGHTS_NAME,
    LoadedNetwork,
    load_network,
    read_config,
    save_network,
)
from mggc.networks.specs import FactorySpec, NetworkSpec, PatchSpec, PixelSpec
from mggc.shapes import ByteImage

CARD_NAME = "README.md"
FILES = (CONFIG_NAME, WEIGHTS_NAME, CARD_NAME)
HUB_ERRORS: tuple[type[Exception], ...] = (HFValidationError, OSError, *HfHubHTTPError.__bases__)
"""Refused names, what an operating system or the cache says, and every error of the HTTP package that the hub's client
uses, which differs between its versions."""

USAGE = """```sh
pip install 'mggc[hub]'
```

```python
import mggc

generator = mggc.HubGenerator.from_pretrained("{repository}")
images = generator(batch)  # float, [batch, channels, height, width], in [-1, 1]
```

`mggc translate FOLDER INPUTS OUTPUTS` translates image files of any size with a downloaded folder."""


class HubGenerator(nn.Module, ModelHubMixin, library_name=LIBRARY, pipeline_tag=TASK, tags=["mggc"]):
    """A generator that can be saved for, loaded from and pushed to the Hugging Face Hub.

    Args:
        generator: The network, cut or not, in whichever mode.
        spec: The specification of the uncut network.
        origin: Where it came from: anything that JSON can hold.
        card: The text of its model card; absent, one is written from what the network itself tells.
    """

    def __init__(
        self,
        generator: nn.Module,
        spec: NetworkSpec,
        *,
        origin: dict[str, Any] | None = None,
        card: str | None = None,
    ) -> None:
        super().__init__()
        self.generator, self.spec, self.origin, self.card = generator, spec, origin or {}, card
        self.training = generator.training

    def forward(
        self, images: Float[Tensor, "batch in_channels height width"]
    ) -> Float[Tensor, "batch out_channels height width"]:
        """Translate images in [-1, 1], of a size that the network takes."""
        return self.generator(images)  # type: ignore[no-any-return]

    def translate(
        self, image: ByteImage, *, tile: int | None = None
    ) -> UInt8[Tensor, "target_channels height width"]:
        """Translate one uint8 image of any size; see `mggc.deploy.any_size.translate`."""
        return translate(self.generator, self.spec, image, tile=tile)

    @classmethod
    def from_loaded(cls, loaded: LoadedNetwork, *, card: str | None = None) -> "HubGenerator":
        """Wrap a network that has been read from a file."""
        return cls(loaded.network, loaded.spec, origin=loaded.provenance, card=card)

    @classmethod
    def from_pretrained(  # type: ignore[override]  # the mixin's further arguments set up networks that need it
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        force_download: bool = False,
        local_files_only: bool = False,
    ) -> "HubGenerator":
        """A generator in eval mode, from a folder, or from the hub by a name such as ``user/model``.

        Raises:
            MggcError: There is no such model, no connection, or it is damaged; or a downloaded one names a factory, which
                would run code of its author's choice.
        """
        folder = Path(pretrained_model_name_or_path)
        if not folder.is_dir():
            folder = _download(
                str(pretrained_model_name_or_path),
                revision=revision,
                token=token,
                cache_dir=cache_dir,
                force_download=force_download,
                local_files_only=local_files_only,
            )
        loaded = load_network(folder)
        if isinstance(loaded.spec, PatchSpec | PixelSpec):
            raise MggcError(f"A generator was wanted; {folder} holds a discriminator ({loaded.spec.kind}).")
        card = folder / CARD_NAME
        return cls.from_loaded(loaded, card=card.read_text(encoding="utf-8") if card.is_file() else None)

    def push_to_hub(self, repo_id: str, **options: Any) -> str:
        """Upload the generator and its card to the hub, and return the address of the commit.

        Args:
            repo_id: ``user/model``; made when it does not exist.
            options: Those of `huggingface_hub.ModelHubMixin.push_to_hub`: private, token, branch, commit_message.

        Raises:
            MggcError: No connection, no permission, or a name that the hub refuses.
        """
        options = {"commit_message": "Add a generator compressed with mggc", **options}
        try:
            return str(super().push_to_hub(repo_id, **options))
        except HUB_ERRORS as error:
            raise MggcError(
                f"{repo_id} could not be pushed to the Hugging Face Hub ({_first_line(error)}). Check the connection and the "
                "name, and log in with hf auth login or set HF_TOKEN."
            ) from error

    def generate_model_card(self, *_: Any, **__: Any) -> ModelCard:
        """The card that came with the generator, or one of what the network itself tells."""
        if self.card is not None:
            return ModelCard(self.card)
        size = smallest_size(self.spec, at_least=256)
        loaded = LoadedNetwork(self.generator, self.spec)
        facts = Facts("generator", self.spec, size, cost_of(loaded, size))
        return ModelCard(model_card(facts, usage=USAGE.format(repository="user/model")))

    def _save_pretrained(self, save_directory: Path) -> None:
        """Write the network's two files; others in the folder stay."""
        aside = save_directory / f".{uuid.uuid4().hex[:8]}.partial"
        save_network(aside, self.generator, spec=self.spec, provenance=self.origin)
        for name in (WEIGHTS_NAME, CONFIG_NAME):
            (aside / name).replace(save_directory / name)
        aside.rmdir()


def _download(name: str, **options: Any) -> Path:
    """A model's files from the hub, or from the local cache of earlier downloads."""
    try:
        folder = Path(snapshot_download(name, allow_patterns=list(FILES), **options))
    except HUB_ERRORS as error:
        raise MggcError(
            f"{name} is no folder here and could not be downloaded from the Hugging Face Hub ({_first_line(error)}). Check the "
            "name and the connection."
        ) from error
    spec = read_config(folder).network
    if isinstance(spec, FactorySpec):
        raise MggcError(
            f"{name} is built by the code {spec.factory}, which a download may not name. If you trust it, install that module "
            f"and load the folder itself: {folder}."
        )
    return folder


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
