"""Settings that a generator brings with it, so that nobody has to remember the flags it was trained with."""

from typing import Any

from mggc.networks.partners import find_checkpoint
from mggc.networks.specs import FactorySpec, NetworkSpec, ResnetSpec, UnetSpec
from mggc.networks.train_options import read_train_options
from mggc.runs.rundir import RunDir, is_run
from mggc.stages.source import GeneratorSource

MODELS = {"pix2pix": "pix2pix", "cycle_gan": "cyclegan"}
OPTIONS = {"direction": "direction", "crop_size": "image_size", "load_size": "load_size"}


def inherited_settings(source: GeneratorSource | None) -> dict[str, Any]:
    """Nested settings, as in a configuration file, that hold unless the user says otherwise.

    A run brings its model, the way its data is read, and its networks. Any other network brings its channels and width;
    a checkpoint, where ``train_opt.txt`` lies beside it, also its model, direction and sizes, and a file called
    ``..._net_G_A.pth`` is CycleGAN's.

    Raises:
        MggcError: There is no generator at the path.
    """
    if source is None:
        return {}
    if is_run(source.path):
        config = RunDir.open(source.path).config
        data = config.data.model_dump(exclude={"data", "extra_sources"})
        return {"model": config.model, "data": data, "network": config.network.model_dump()}
    settings = _anatomy(source.generator().spec)
    own = source.checkpoint_name()
    if source.is_factory or (own is None and source.path.is_dir()):
        return settings
    options = read_train_options(find_checkpoint(source.path).parent)
    if options.get("model") in MODELS:
        settings["model"] = MODELS[str(options["model"])]
    elif own in ("G_A", "G_B"):
        settings["model"] = "cyclegan"
    for option, name in OPTIONS.items():
        if option in options:
            settings["data"][name] = options[option]
    return settings


def _anatomy(spec: NetworkSpec) -> dict[str, Any]:
    """Channels of the images, and the width and norm that a discriminator beside the generator would have."""
    settings: dict[str, Any] = {"data": {}, "network": {}}
    if isinstance(spec, UnetSpec | ResnetSpec):
        settings["network"] = {"ngf": spec.ngf, "norm": spec.norm}
    if isinstance(spec, UnetSpec | ResnetSpec | FactorySpec):
        channels = {"input_channels": spec.input_channels, "output_channels": spec.output_channels}
        settings["data"] = {name: count for name, count in channels.items() if count in (1, 3)}
    return settings
