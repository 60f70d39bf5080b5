from pathlib import Path

import numpy as np
import pytest
import torch
from import_toys import Ears
from PIL import Image

from mggc.config import Model
from mggc.networks.build import build, initialize
from mggc.networks.files import save_network
from mggc.networks.specs import UnetSpec
from mggc.stages.compress import compress_run
from mggc.stages.source import GeneratorSource
from pipeline_toys import tiny_config


def noisy(level: int, seed: int) -> np.ndarray:
    """A noisy flat picture."""
    noise = np.random.default_rng(seed).integers(0, 60, (40, 40, 3))
    return (level + noise).astype(np.uint8)


def domains(root: Path, model: Model) -> Path:
    """A is dark, B is bright."""
    for number in range(14):
        phase = "train" if number < 12 else "test"
        pair = [noisy(level, 10 * number + level) for level in (10, 190)]
        if model == "pix2pix":
            (root / phase).mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.hstack(pair)).save(root / phase / f"{number}.png")
        else:
            for domain, pixels in zip("AB", pair, strict=True):
                (root / f"{phase}{domain}").mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(root / f"{phase}{domain}" / f"{number}.png")
    return root


def brightener(folder: Path, *, inputs: int = 3) -> Path:
    """A generator of bright images, whatever it sees."""
    spec = UnetSpec(input_channels=inputs, output_channels=3, downs=5, ngf=2)
    network = initialize(build(spec), torch.Generator().manual_seed(0))
    bias = network.get_parameter("model.model.3.bias")
    bias.data.fill_(1.0)
    save_network(folder, network, spec=spec)
    return folder


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
@pytest.mark.parametrize(("model", "inputs"), [("pix2pix", 1), ("cyclegan", 3)])
def test_only_swapped_domains_are_warned_about(
    tmp_path: Path, model: Model, direction: str, inputs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = domains(tmp_path / "data", model)
    ears = Ears()
    reading = {"direction": direction, "input_channels": inputs}
    config = tiny_config(model, data, data=reading, network={"generator_name": None})
    source = GeneratorSource(str(brightener(tmp_path / "generator", inputs=inputs)))
    monkeypatch.setattr("mggc.stages.compress.prune", _enough)
    with pytest.raises(EnoughError):
        compress_run(config, tmp_path / "run", generator=source, reporter=ears)
    assert ears.heard("Are the domains swapped?") == (direction == "BtoA")


class EnoughError(Exception):
    pass


def _enough(_: object) -> None:
    raise EnoughError
