"""Images of any size through a generator, from a folder to a folder."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from PIL import Image

from mggc.data.images import list_images
from mggc.data.pillow import Channels, decode, from_pillow, to_pillow
from mggc.deploy.any_size import translate
from mggc.errors import MggcError
from mggc.runs.atomic import write_atomically
from mggc.stages.context import Progress, Reporter
from mggc.stages.import_gan import generator_spec_of
from mggc.stages.load import load_any_generator


def translate_folder(
    source: Path,
    inputs: Path,
    outputs: Path,
    *,
    tile: int | None = None,
    force: bool = False,
    reporter: Reporter | None = None,
) -> Iterator[Path]:
    """Translate every image below a folder, yielding each file as it is written.

    Args:
        source: A run, a network's folder or a weights file.
        inputs: Folder of images, of any size.
        outputs: Where PNG files of the same names go.
        tile: Side of the tiles that larger images are translated in, in pixels; absent: at once.
        force: Replace files that are there already.
        reporter: Where progress goes.

    Raises:
        MggcError: No images, an image that does not decode, or files that would be replaced.
    """
    loaded = load_any_generator(source)
    spec = generator_spec_of(loaded)
    channels: Channels = 1 if spec.input_channels == 1 else 3
    paths = list_images(inputs) if inputs.is_dir() else ()
    if not paths:
        raise MggcError(f"A folder of images was wanted; {inputs} holds none.")
    targets = {path: (outputs / path.relative_to(inputs)).with_suffix(".png") for path in paths}
    if len(set(targets.values())) < len(paths):
        raise MggcError(
            f"{inputs} holds files that differ in their suffix alone; their results would share a name."
        )
    present = [target for target in targets.values() if target.exists()]
    if present and not force:
        raise MggcError(
            f"{present[0]} is there already (and {len(present) - 1} more). Allow replacing with --force."
        )
    for number, (path, target) in enumerate(targets.items(), start=1):
        image = from_pillow(decode(path, channels=channels))
        picture = to_pillow(translate(loaded.network, loaded.spec, image, tile=tile))
        write_atomically(target, partial(_save_png, picture))
        if reporter is not None:
            reporter.progress(Progress("translate", number, len(targets), {}))
        yield target


def _save_png(picture: Image.Image, path: Path) -> None:
    picture.save(path, format="PNG")
