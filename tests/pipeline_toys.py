"""A pipeline small enough for tests: letters, folders and settings under which a whole run takes a second or two."""

import json
from pathlib import Path
from string import ascii_letters
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mggc.config import CompressConfig, Model
from mggc.networks.build import build, initialize
from mggc.networks.files import save_network
from mggc.networks.specs import named_spec

TINY: dict[str, Any] = {
    "budget": "30%",
    "data": {"image_size": 32},
    "network": {"ngf": 4},
    "runtime": {"device": "cpu"},
    "train": {"updates": 5, "batch_size": 2, "checkpoint_every": 2, "pool_size": 3},
    "recover": {"updates": 4, "check_every": 2, "batch_size": 2},
    "encode": {
        "width": 4,
        "updates": 5,
        "batch_size": 4,
        "local_crops": 1,
        "prototypes": 4,
        "queue_batches": 1,
        "checkpoint_every": 2,
    },
    "prune": {"updates": 5, "batch_size": 2, "neighbors": 2, "checkpoint_every": 2},
    "finetune": {
        "updates": 5,
        "batch_size": 2,
        "checkpoint_every": 2,
        "pool_size": 3,
        "recalibration_images": 6,
    },
    "evaluate": {"latency_rounds": 1, "pictures": 2, "neighbors": 2},
}


def tiny_settings(model: Model, folder: Path | str = "glyphs", **sections: dict[str, Any]) -> dict[str, Any]:
    """Nested settings of a tiny run, with further settings by section."""
    network = {"generator_name": "unet_32"} if model == "pix2pix" else {"generator_name": "resnet_6blocks"}
    settings = {**TINY, "model": model, "data": {**TINY["data"], "data": str(folder)}}
    settings["network"] = {**TINY["network"], **network}
    for section, changes in sections.items():
        settings[section] = {**settings.get(section, {}), **changes}
    return settings


def tiny_config(model: Model, folder: Path | str = "glyphs", **sections: dict[str, Any]) -> CompressConfig:
    """The configuration of a tiny run."""
    return CompressConfig.model_validate(tiny_settings(model, folder, **sections))


def few_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the embedded data set consist of the English alphabet."""
    monkeypatch.setattr("mggc.data.glyphs.distinct_letters", lambda: tuple(ascii_letters))


def draw(size: tuple[int, int], seed: int, *, mode: str = "RGB") -> Image.Image:
    """A picture of the given width and height: a coloured disc on a gradient, other for every seed."""
    random = np.random.default_rng(seed)
    width, height = size
    rows, columns = np.mgrid[:height, :width]
    centre = random.uniform(0.3, 0.7, 2) * (height, width)
    disc = np.hypot(rows - centre[0], columns - centre[1]) < min(size) / 4
    gradient = (rows / height)[..., None] * random.uniform(0, 255, 3)
    pixels = np.where(disc[..., None], random.uniform(0, 255, 3), gradient)
    return Image.fromarray(pixels.astype(np.uint8)).convert(mode)


def write_pairs(root: Path, *, train: int = 8, test: int = 4, size: int = 40) -> Path:
    """An aligned data set: source and target side by side."""
    for phase, count in (("train", train), ("test", test)):
        (root / phase).mkdir(parents=True)
        for number in range(count):
            draw((2 * size, size), number + 100 * len(phase)).save(root / phase / f"{number}.png")
    return root


def write_domains(root: Path, *, train: int = 8, test: int = 4, size: int = 40) -> Path:
    """An unaligned data set: a folder for each domain."""
    for phase, count in (("train", train), ("test", test)):
        for domain in "AB":
            (root / f"{phase}{domain}").mkdir(parents=True)
            for number in range(count):
                picture = draw((size, size), number + 100 * ord(domain) + 1000 * len(phase))
                picture.save(root / f"{phase}{domain}" / f"{number}.png")
    return root


def write_generator(folder: Path, *, channels: int = 1, seed: int = 0) -> Path:
    """An untrained U-Net for 32 pixels in a folder of its own."""
    spec = named_spec("unet_32", input_channels=channels, output_channels=channels, ngf=4)
    generator = torch.Generator().manual_seed(seed)
    save_network(folder, initialize(build(spec), generator), spec=spec)
    return folder


def results(run: Path) -> dict[str, Any]:
    """Everything that a finished run has computed, by file; times of day and of the clock are left out."""
    found: dict[str, Any] = {}
    for path in sorted(path for path in run.rglob("*") if path.is_file()):
        name = path.relative_to(run).as_posix()
        found[name] = json.loads(path.read_text()) if path.suffix == ".json" else path.read_bytes()
        if name == "evaluate/metrics.json":
            for figures in found[name].values():
                del figures["latency"]
    return found


def leftovers(folder: Path) -> list[Path]:
    """Half-written files."""
    return [path for path in folder.rglob("*") if path.name.endswith((".partial", ".old", ".tmp"))]
