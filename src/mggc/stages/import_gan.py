"""Stage ``original``, when there is a generator already: take it over, with the partners that can be found."""

from mggc.config import CompressConfig
from mggc.data.dataset import Dataset
from mggc.errors import MggcError
from mggc.networks.files import LoadedNetwork
from mggc.networks.sizes import check_image_size
from mggc.networks.specs import FactorySpec, GeneratorSpec, PatchSpec, PixelSpec
from mggc.runs.rundir import digest_of
from mggc.stages.context import Context, data_digest
from mggc.stages.networks import Role, save_original
from mggc.stages.source import GeneratorSource


def import_gan(context: Context, source: GeneratorSource) -> None:
    """Copy a trained generator and its partners, which fit the data (see `check_fit`), into the run.

    Args:
        context: The run at work.
        source: What the user named.

    Raises:
        MggcError: A network cannot be read.
    """
    stage = context.run.stage("original")
    digest = digest_of("import", data_digest(context), source.digest())
    if not context.pending(stage, digest):
        return
    networks = source.networks()
    if context.leader:
        for role, loaded in networks.items():
            save_original(context.run, role, loaded.network, loaded.spec, f"imported from {source.path.name}")
        stage.finish(digest, source=source.path.name, found=sorted(networks))
    context.reporter.message(f"Imported {', '.join(networks)} from {source.name}.")
    context.fabric.barrier()


def generator_spec_of(loaded: LoadedNetwork) -> GeneratorSpec:
    """The specification of a loaded generator.

    Raises:
        MggcError: It is a discriminator.
    """
    if isinstance(loaded.spec, PatchSpec | PixelSpec):
        raise MggcError("A generator was wanted; the file holds a discriminator.")
    return loaded.spec


def check_fit(networks: dict[Role, LoadedNetwork], config: CompressConfig, dataset: Dataset) -> None:
    """Refuse trained networks that the data does not fit.

    Raises:
        MggcError: Image size or channels differ.
    """
    _check_generator(generator_spec_of(networks["generator"]), config, dataset)
    if "discriminator" in networks:
        _check_discriminator(networks["discriminator"], config, dataset)


def _check_generator(spec: GeneratorSpec, config: CompressConfig, dataset: Dataset) -> None:
    check_image_size(spec, config.data.image_size)
    wanted = (spec.input_channels, spec.output_channels)
    found = (dataset.input_channels, dataset.output_channels)
    if wanted != found and not isinstance(spec, FactorySpec):
        raise MggcError(
            f"The generator reads {wanted[0]} and writes {wanted[1]} channels; the data is read with {found[0]} and "
            f"{found[1]}. Set --input-channels {wanted[0]} --output-channels {wanted[1]}."
        )


def _check_discriminator(discriminator: LoadedNetwork, config: CompressConfig, dataset: Dataset) -> None:
    """Refuse a discriminator of the other model: it would see images of other channels."""
    wanted = dataset.output_channels + (dataset.input_channels if config.model == "pix2pix" else 0)
    found = discriminator.spec.input_channels
    if found != wanted:
        raise MggcError(
            f"The discriminator beside the generator reads {found} channels; {config.model} judges {wanted}. "
            "Set --model to what the generator was trained as, or move the discriminator away to have one recovered."
        )
