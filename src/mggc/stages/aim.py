"""Which of CycleGAN's two generators is compressed."""

from dataclasses import replace

from mggc.config import CompressConfig, Direction
from mggc.errors import MggcError
from mggc.stages.inherit import inherited_settings, trained_direction
from mggc.stages.source import GeneratorSource


def aimed(
    config: CompressConfig, generator: GeneratorSource | None
) -> tuple[CompressConfig, GeneratorSource | None]:
    """Configuration and generator for the one direction that ``compress`` names, if it names one.

    Raises:
        MggcError: The data is paired, ``direction`` contradicts, or the wanted generator is not there.
    """
    if config.compress is None:
        return config, generator
    if config.compress == "both":
        raise MggcError(
            "Both directions are two runs; one was wanted. Use mggc.compress_both, or choose one."
        )
    return toward(config.compress, config, generator)


def toward(
    direction: Direction,
    config: CompressConfig,
    generator: GeneratorSource | None,
    *,
    pair: bool = False,
) -> tuple[CompressConfig, GeneratorSource | None]:
    """Configuration and generator for one direction.

    Args:
        direction: From which domain to which.
        config: What the user set.
        generator: What the user named; if it is known to translate the other way, its partner is taken.
        pair: Refuse a generator of unknown direction, whose partner cannot be found.

    Raises:
        MggcError: The data is paired, ``direction`` contradicts, or the wanted generator is not there.
    """
    model = config.model
    if generator is not None and "model" not in config.model_fields_set:
        model = inherited_settings(generator).get("model", "cyclegan")
    if model != "cyclegan":
        raise MggcError(
            "--compress chooses among CycleGAN's two generators; Pix2Pix has one. Use --direction instead, or set "
            "--model cyclegan."
        )
    if "direction" in config.data.model_fields_set and config.data.direction != direction and not pair:
        raise MggcError(
            f"--compress {direction} and --direction {config.data.direction} contradict each other. Leave one out."
        )
    known = None if generator is None else trained_direction(generator)
    if generator is not None and known is None and pair:
        raise MggcError(
            f"Both directions need both generators. {generator.name} came alone: compress the direction that it "
            "translates in, or name it as latest_net_G_A.pth beside latest_net_G_B.pth."
        )
    if generator is not None and known not in (None, direction):
        generator = replace(generator, way_back=not generator.way_back)
    data = config.data.model_copy(update={"direction": direction})
    return config.model_copy(update={"model": "cyclegan", "compress": None, "data": data}), generator
