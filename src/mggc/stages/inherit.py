"""Settings that a generator brings with it, so that nobody has to remember the flags it was trained with."""

from typing import Any

from mggc.config import Direction
from mggc.networks.specs import DISCRIMINATORS, FactorySpec, NetworkSpec, ResnetSpec, UnetSpec
from mggc.networks.train_options import OptionValue, read_train_options
from mggc.runs.rundir import RunDir, is_run
from mggc.runs.settings import merge
from mggc.stages.source import GeneratorSource

MODELS = {"pix2pix": "pix2pix", "cycle_gan": "cyclegan"}
GAN_MODES = ("lsgan", "vanilla")
RESIZE_AND_CROP = "resize_and_crop"
FLIPPED: dict[Any, Direction] = {"AtoB": "BtoA", "BtoA": "AtoB"}


def inherited_settings(source: GeneratorSource | None) -> dict[str, Any]:
    """Nested settings, as in a configuration file, that hold unless the user says otherwise.

    A run brings its model, the way its data is read, and its networks. Any other network brings its channels and width;
    a checkpoint, where ``train_opt.txt`` lies beside it, also its model, direction, sizes, discriminator and loss. A file
    called ``..._net_G_A.pth`` is CycleGAN's, and ``..._net_G_B.pth`` works in the other direction.

    Raises:
        MggcError: There is no generator at the path.
    """
    if source is None:
        return {}
    if is_run(source.path):
        config = RunDir.open(source.path).config
        data = config.data.model_dump(exclude={"data", "extra_sources"})
        if source.way_back:
            data["direction"] = FLIPPED[data["direction"]]
            data["input_channels"], data["output_channels"] = data["output_channels"], data["input_channels"]
        return {
            "model": config.model,
            "data": data,
            "network": config.network.model_dump(),
            "train": {"gan_mode": config.train.gan_mode},
        }
    settings = _anatomy(source.generator().spec)
    file, own = source.checkpoint(), source.checkpoint_name()
    if file is None:
        return settings
    options = read_train_options(file.parent)
    settings = merge(settings, _from_options(options))
    if "model" not in settings and own in ("G_A", "G_B"):
        settings["model"] = "cyclegan"
    if (own == "G_B") != source.way_back:  # G_B works against the direction that the pair was trained in
        settings["data"]["direction"] = FLIPPED[settings["data"].get("direction", "AtoB")]
    return settings


def trained_direction(source: GeneratorSource) -> Direction | None:
    """The direction in which a CycleGAN generator is known to translate; None where nothing tells.

    Raises:
        MggcError: There is no generator at the path.
    """
    if is_run(source.path) or source.checkpoint_name() in ("G_A", "G_B"):
        direction: Direction = inherited_settings(source)["data"].get("direction", "AtoB")
        return direction
    return None


def _from_options(options: dict[str, OptionValue]) -> dict[str, Any]:
    """What ``train_opt.txt`` says that has a name here: model, reading of the data, discriminator and loss."""
    data: dict[str, Any] = {}
    network: dict[str, Any] = {}
    if options.get("direction") in FLIPPED:
        data["direction"] = options["direction"]
    if isinstance(options.get("crop_size"), int):
        data["image_size"] = options["crop_size"]
    if options.get("preprocess", RESIZE_AND_CROP) == RESIZE_AND_CROP and isinstance(
        options.get("load_size"), int
    ):
        data["load_size"] = options["load_size"]
    if isinstance(options.get("no_flip"), bool):
        data["flip"] = not options["no_flip"]
    if options.get("netD") in DISCRIMINATORS:
        network["discriminator_name"] = options["netD"]
    for option, name in (("ndf", "ndf"), ("n_layers_D", "discriminator_layers")):
        if isinstance(options.get(option), int):
            network[name] = options[option]
    settings: dict[str, Any] = {"data": data, "network": network}
    if options.get("model") in MODELS:
        settings["model"] = MODELS[str(options["model"])]
    if options.get("gan_mode") in GAN_MODES:
        settings["train"] = {"gan_mode": options["gan_mode"]}
    return settings


def _anatomy(spec: NetworkSpec) -> dict[str, Any]:
    """Channels of the images, and the width and norm that a discriminator beside the generator would have."""
    # Its own name: the usual generator of a model would ask for image sizes that this one does not need.
    settings: dict[str, Any] = {"data": {}, "network": {"generator_name": _name(spec)}}
    if isinstance(spec, UnetSpec | ResnetSpec):
        settings["network"] |= {"ngf": spec.ngf, "norm": spec.norm}
    if isinstance(spec, UnetSpec | ResnetSpec | FactorySpec):
        channels = {"input_channels": spec.input_channels, "output_channels": spec.output_channels}
        settings["data"] = {name: count for name, count in channels.items() if count in (1, 3)}
    return settings


def _name(spec: NetworkSpec) -> str:
    match spec:
        case UnetSpec():
            return f"unet_{2**spec.downs}"
        case ResnetSpec():
            return f"resnet_{spec.blocks}blocks"
        case FactorySpec():
            return spec.factory
    return spec.kind
