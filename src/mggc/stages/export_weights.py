"""Export as weights and description: ``config.json`` and ``model.safetensors``, for this package or for the hub."""

from pathlib import Path

from mggc.deploy.card import model_card
from mggc.deploy.extras import require
from mggc.errors import MggcError
from mggc.networks.files import CONFIG_NAME, WEIGHTS_NAME, save_network
from mggc.networks.specs import FactorySpec
from mggc.runs.atomic import write_text
from mggc.stages.export_folder import CARD_NAME, check_folder, fill_folder
from mggc.stages.export_subject import Subject, open_subject

NAMES = (CONFIG_NAME, WEIGHTS_NAME, CARD_NAME)
USAGE = """```python
import mggc

generator = mggc.load_generator("path/to/this/folder")
images = generator(batch)  # float, [batch, channels, height, width], in [-1, 1]
```

`mggc translate FOLDER INPUTS OUTPUTS` translates image files of any size."""


def export_weights(source: Path, folder: Path, *, force: bool = False) -> list[Path]:
    """Write a generator's ``config.json``, ``model.safetensors`` and model card.

    Args:
        source: A run with a compressed generator, or a generator's folder or weights file.
        folder: Where to.
        force: Replace an earlier export.

    Returns:
        The files written.

    Raises:
        MggcError: There is nothing to export, or the folder is taken. Nothing is written then.
    """
    subject = open_subject(source)
    check_folder(folder, NAMES, force=force)

    def write(made: Path) -> None:
        _save(subject, made)
        write_text(made / CARD_NAME, model_card(subject.facts, usage=USAGE))

    return fill_folder(folder, write)


def export_hub(source: Path, folder: Path, *, push: str | None = None, force: bool = False) -> list[Path]:
    """Write a generator as a Hugging Face repository, and push it where that is asked for.

    Args:
        source: A run with a compressed generator, or a generator's folder or weights file.
        folder: Where to.
        push: ``user/model`` to push to; absent: nothing leaves the machine.
        force: Replace an earlier export.

    Returns:
        The files written.

    Raises:
        MggcError: As above; or ``huggingface_hub`` is missing, or the hub cannot be reached or refuses. The folder stays
            then, to be pushed later.
    """
    require("hub")
    from mggc.deploy.hub import USAGE as HUB_USAGE
    from mggc.deploy.hub import HubGenerator

    subject = open_subject(source)
    check_folder(folder, NAMES, force=force)
    if push is not None and isinstance(subject.loaded.spec, FactorySpec):
        raise MggcError(
            f"{subject.loaded.spec.factory} builds this network, and its code would not be pushed with it. Export it to ONNX."
        )
    usage = HUB_USAGE.format(repository=push or f"user/{subject.facts.name}")
    generator = HubGenerator.from_loaded(subject.loaded, card=model_card(subject.facts, usage=usage))

    def write(made: Path) -> None:
        generator.save_pretrained(made)

    files = fill_folder(folder, write)
    if push is not None:
        generator.push_to_hub(push)
    return files


def _save(subject: Subject, folder: Path) -> None:
    loaded = subject.loaded
    save_network(folder, loaded.network, spec=loaded.spec, provenance=loaded.provenance, overwrite=True)
