"""Settings that a generator brings with it, so that nobody has to remember the flags it was trained with."""

from pathlib import Path
from typing import Any

from mggc.networks.partners import find_checkpoint, find_partners
from mggc.networks.specs import PatchSpec, PixelSpec
from mggc.networks.train_options import read_train_options
from mggc.runs.rundir import RunDir, is_run
from mggc.stages.load import load_any_generator

MODELS = {"pix2pix": "pix2pix", "cycle_gan": "cyclegan"}


def inherited_settings(generator: str | None) -> dict[str, Any]:
    """Nested settings, as in a configuration file, that hold unless the user says otherwise.

    A run brings its model, the way its data is read, and its networks. A checkpoint brings its channels, and, where
    ``train_opt.txt`` lies beside it, its model, direction and sizes; a file called ``..._net_G_A.pth`` is CycleGAN's.

    Raises:
        MggcError: There is no generator at the path.
    """
    if generator is None:
        return {}
    path = Path(generator)
    if is_run(path):
        config = RunDir.open(path).config
        data = config.data.model_dump(exclude={"data", "extra_sources"})
        return {"model": config.model, "data": data, "network": config.network.model_dump()}
    spec = load_any_generator(path).spec
    data = (
        {}
        if isinstance(spec, PatchSpec | PixelSpec)
        else _channels(spec.input_channels, spec.output_channels)
    )
    if path.is_dir() and (path / "config.json").is_file():
        return {"data": data}
    file = find_checkpoint(path)
    options = read_train_options(file.parent)
    settings: dict[str, Any] = {"data": data}
    own = next((name for name, partner in find_partners(file).items() if partner == file), "G")
    if options.get("model") in MODELS:
        settings["model"] = MODELS[str(options["model"])]
    elif own != "G":
        settings["model"] = "cyclegan"
    for option, name in (("direction", "direction"), ("crop_size", "image_size"), ("load_size", "load_size")):
        if option in options:
            data[name] = options[option]
    return settings


def _channels(inputs: int, outputs: int) -> dict[str, Any]:
    named = {"input_channels": inputs, "output_channels": outputs}
    return {name: channels for name, channels in named.items() if channels in (1, 3)}
