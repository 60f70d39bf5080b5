"""Stage ``original``, when there is a generator already: take it over, with the partners that can be found."""

import hashlib
from pathlib import Path

from mggc.errors import MggcError
from mggc.networks.files import WEIGHTS_NAME, LoadedNetwork, load_network
from mggc.networks.legacy import load_checkpoint
from mggc.networks.partners import find_checkpoint, find_partners
from mggc.networks.sizes import check_image_size
from mggc.networks.specs import FactorySpec, GeneratorSpec, PatchSpec, PixelSpec
from mggc.runs.rundir import RunDir, digest_of, is_run
from mggc.stages.context import Context, data_digest
from mggc.stages.load import load_any_generator
from mggc.stages.networks import ROLES, Role, save_original

# In that repository D_A judges the images of G_A, which are of domain B.
PARTNERS: dict[str, dict[Role, str]] = {
    "G": {"discriminator": "D"},
    "G_A": {"discriminator": "D_A", "backward_generator": "G_B", "source_discriminator": "D_B"},
    "G_B": {"discriminator": "D_B", "backward_generator": "G_A", "source_discriminator": "D_A"},
}


def import_gan(context: Context, source: str) -> None:
    """Copy a trained generator and its partners into the run.

    Args:
        context: The run at work.
        source: A run, a network's folder, or a checkpoint of pytorch-CycleGAN-and-pix2pix.

    Raises:
        MggcError: A network cannot be read or does not fit the data.
    """
    stage, path = context.run.stage("original"), Path(source)
    digest = digest_of("import", data_digest(context), _weights_digest(path))
    if not context.pending(stage, digest):
        return
    networks = find_networks(path)
    check_fit(networks["generator"], context)
    _check_discriminator(networks, context)
    if context.leader:
        for role, loaded in networks.items():
            save_original(context.run, role, loaded.network, loaded.spec, f"imported from {path.name}")
        stage.finish(digest, source=path.name, found=sorted(networks))
    context.reporter.message(f"Imported {', '.join(networks)} from {path}.")
    context.fabric.barrier()


def find_networks(path: Path) -> dict[Role, LoadedNetwork]:
    """The generator that a path means, and the networks trained with it that lie beside it.

    Raises:
        MggcError: The generator cannot be read.
    """
    if is_run(path):
        folder = RunDir.open(path).stage("original").path
        return {role: load_network(folder / role) for role in ROLES if (folder / role).is_dir()}
    networks: dict[Role, LoadedNetwork] = {"generator": load_any_generator(path)}
    if not (path / WEIGHTS_NAME).is_file():
        file = find_checkpoint(path)
        beside = find_partners(file)
        own = next((name for name, partner in beside.items() if partner == file), "G")
        for role, name in PARTNERS.get(own, {}).items():
            if name in beside:
                networks[role] = load_checkpoint(beside[name])
    return networks


def generator_spec_of(loaded: LoadedNetwork) -> GeneratorSpec:
    """The specification of a loaded generator.

    Raises:
        MggcError: It is a discriminator.
    """
    if isinstance(loaded.spec, PatchSpec | PixelSpec):
        raise MggcError("A generator was wanted; the file holds a discriminator.")
    return loaded.spec


def check_fit(generator: LoadedNetwork, context: Context) -> None:
    """Refuse a generator that the data does not fit.

    Raises:
        MggcError: Image size or channels differ.
    """
    spec = generator_spec_of(generator)
    check_image_size(spec, context.config.data.image_size)
    wanted = (spec.input_channels, spec.output_channels)
    found = (context.dataset.input_channels, context.dataset.output_channels)
    if wanted != found and not isinstance(spec, FactorySpec):
        raise MggcError(
            f"The generator reads {wanted[0]} and writes {wanted[1]} channels; the data is read with {found[0]} and "
            f"{found[1]}. Set --input-channels {wanted[0]} --output-channels {wanted[1]}."
        )


def _check_discriminator(networks: dict[Role, LoadedNetwork], context: Context) -> None:
    """Refuse a discriminator of the other model: it would see images of other channels."""
    if "discriminator" not in networks:
        return
    dataset = context.dataset
    wanted = dataset.output_channels + (dataset.input_channels if context.conditional else 0)
    found = networks["discriminator"].spec.input_channels
    if found != wanted:
        raise MggcError(
            f"The discriminator beside the generator reads {found} channels; {context.config.model} judges {wanted}. "
            "Set --model to what the generator was trained as, or move the discriminator away to have one recovered."
        )


def _weights_digest(path: Path) -> str:
    """A digest of the file that holds the generator's weights."""
    if is_run(path):
        path = path / "original" / "generator" / WEIGHTS_NAME
    elif (path / WEIGHTS_NAME).is_file():
        path = path / WEIGHTS_NAME
    else:
        path = find_checkpoint(path)
    if not path.is_file():
        raise MggcError(f"A trained generator was wanted at {path}; there is none yet.")
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
