"""Stage ``original``, when there is a generator already: take it over, with the partners that can be found."""

from mggc.errors import MggcError
from mggc.networks.files import LoadedNetwork
from mggc.networks.sizes import check_image_size
from mggc.networks.specs import FactorySpec, GeneratorSpec, PatchSpec, PixelSpec
from mggc.runs.rundir import digest_of
from mggc.stages.context import Context, data_digest
from mggc.stages.networks import Role, save_original
from mggc.stages.source import GeneratorSource


def import_gan(context: Context, source: GeneratorSource) -> None:
    """Copy a trained generator and its partners into the run.

    Args:
        context: The run at work.
        source: What the user named.

    Raises:
        MggcError: A network cannot be read or does not fit the data.
    """
    stage = context.run.stage("original")
    digest = digest_of("import", data_digest(context), source.digest())
    if not context.pending(stage, digest):
        return
    networks = source.networks()
    check_fit(networks["generator"], context)
    _check_discriminator(networks, context)
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
