"""A generator from whatever a user has: a run, a network's folder, or a weights file."""

from pathlib import Path

from mggc.errors import MggcError
from mggc.networks.files import CONFIG_NAME, WEIGHTS_NAME, LoadedNetwork, load_network
from mggc.networks.legacy import ConcatOrder, load_checkpoint
from mggc.networks.partners import find_checkpoint
from mggc.networks.specs import PatchSpec, PixelSpec
from mggc.runs.rundir import RunDir, is_run


def load_any_generator(
    path: Path, *, unet_dropout: bool | None = None, concat_order: ConcatOrder = "skip_first"
) -> LoadedNetwork:
    """The generator that a path means, in eval mode on the CPU.

    Args:
        path: A run (its compressed generator, or the original while there is none), a folder written by this package,
            or a checkpoint of pytorch-CycleGAN-and-pix2pix (a file, or a folder of them).
        unet_dropout: For such a checkpoint: whether its U-Net was trained with dropout.
        concat_order: For such a checkpoint: ``decoder_first`` for U-Nets trained before 22 September 2017.

    Raises:
        MggcError: There is nothing of the kind, or it is a discriminator.
    """
    loaded = load_any_network(path, unet_dropout=unet_dropout, concat_order=concat_order)
    if isinstance(loaded.spec, PatchSpec | PixelSpec):
        raise MggcError(f"A generator was wanted; {path} holds a discriminator ({loaded.spec.kind}).")
    return loaded


def load_any_network(
    path: Path, *, unet_dropout: bool | None = None, concat_order: ConcatOrder = "skip_first"
) -> LoadedNetwork:
    """Like :func:`load_any_generator`, but a discriminator is welcome too."""
    if is_run(path):
        run = RunDir.open(path)
        return load_network(
            run.compressed if run.compressed.is_dir() else run.stage("original").path / "generator"
        )
    if (path / CONFIG_NAME).is_file():
        return load_network(path)
    if path.name == WEIGHTS_NAME and (path.parent / CONFIG_NAME).is_file():
        return load_network(path.parent)
    return load_checkpoint(find_checkpoint(path), unet_dropout=unet_dropout, concat_order=concat_order)
