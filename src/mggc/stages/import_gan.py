"""Stage ``original``, when there is a generator already: take it over, with the partners that can be found."""

from typing import get_args

from mggc.config import CompressConfig
from mggc.data.dataset import Dataset
from mggc.data.pillow import Channels
from mggc.errors import MggcError
from mggc.networks.files import LoadedNetwork
from mggc.networks.sizes import check_image_size
from mggc.networks.specs import GeneratorSpec, PatchSpec, PixelSpec
from mggc.runs.rundir import digest_of
from mggc.stages.context import Context, data_digest
from mggc.stages.networks import Role, save_original
from mggc.stages.source import GeneratorSource

NEEDS_DISTILLATION = (
    "A generator that came without its way back is finetuned towards the original's images; that needs distillation. "
    "Leave --finetune.no-distillation out, or import both generators."
)


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
    """Refuse trained networks that the data or the settings do not fit.

    Raises:
        MggcError: Image size or channels differ; or finetuning would have nothing to hold on to.
    """
    _check_generator(generator_spec_of(networks["generator"]), config, dataset)
    inputs, outputs = dataset.input_channels, dataset.output_channels
    if config.model == "pix2pix":
        if "backward_generator" in networks:
            raise MggcError(
                "A generator for the way back lies beside it, as CycleGAN has it. Set --model cyclegan."
            )
        _check_discriminator(networks, "discriminator", inputs + outputs, config)
        return
    _check_discriminator(networks, "discriminator", outputs, config)
    _check_discriminator(networks, "source_discriminator", inputs, config)
    if "backward_generator" not in networks and not config.finetune.distillation:
        raise MggcError(NEEDS_DISTILLATION)


def _check_generator(spec: GeneratorSpec, config: CompressConfig, dataset: Dataset) -> None:
    check_image_size(spec, config.data.image_size)
    wanted = (spec.input_channels, spec.output_channels)
    found = (dataset.input_channels, dataset.output_channels)
    if wanted == found:
        return
    if not set(wanted) <= set(get_args(Channels)):
        raise MggcError(
            f"The generator reads {wanted[0]} and writes {wanted[1]} channels; images have 1 (grey) or 3 (colour)."
        )
    raise MggcError(
        f"The generator reads {wanted[0]} and writes {wanted[1]} channels; the data is read with {found[0]} and "
        f"{found[1]}. Set --input-channels {wanted[0]} --output-channels {wanted[1]}."
    )


def _check_discriminator(
    networks: dict[Role, LoadedNetwork], role: Role, wanted: int, config: CompressConfig
) -> None:
    """Refuse a discriminator of the other model: it would see images of other channels."""
    if role not in networks:
        return
    found = networks[role].spec.input_channels
    if found != wanted:
        raise MggcError(
            f"The discriminator beside the generator reads {found} channels; {config.model} judges {wanted}. "
            "Set --model to what the generator was trained as, or move the discriminator away to have one recovered."
        )
