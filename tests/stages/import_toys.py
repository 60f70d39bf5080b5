"""Checkpoints as pytorch-CycleGAN-and-pix2pix leaves them, written without this package's networks."""

from pathlib import Path

import torch

from functional_reference import (
    Layout,
    patchgan_layout,
    random_weights,
    resnet_layout,
    unet_forward,
    unet_layout,
)
from mggc.stages.context import Progress

__all__ = [
    "CYCLE",
    "JUDGE",
    "PAIR_JUDGE",
    "RESNET",
    "UNET",
    "Ears",
    "random_weights",
    "unet_forward",
    "write_checkpoints",
]

UNET = unet_layout(downs=5, ngf=4, norm="batch")
RESNET = resnet_layout(blocks=6, ngf=4, norm="instance", dropout=False)
PAIR_JUDGE = patchgan_layout(layers=3, ndf=4, norm="batch", inputs=6)
JUDGE = patchgan_layout(layers=3, ndf=4, norm="instance", inputs=3)
CYCLE = {"G_A": RESNET, "G_B": RESNET, "D_A": JUDGE, "D_B": JUDGE}


def write_checkpoints(
    folder: Path, layouts: dict[str, Layout], options: dict[str, object] | None = None
) -> Path:
    """``latest_net_G.pth`` and so on; with options, ``train_opt.txt`` beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (name, layout) in enumerate(layouts.items()):
        torch.save(random_weights(layout, seed=seed), folder / f"latest_net_{name}.pth")
    if options is not None:
        lines = [f"{name:>25}: {value}" for name, value in options.items()]
        text = "\n".join(["----------------- Options ---------------", *lines, "----------------- End -----"])
        (folder / "train_opt.txt").write_text(text)
    return folder


class Ears:
    """A reporter that remembers what it was told."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def progress(self, progress: Progress) -> None:
        pass

    def message(self, text: str) -> None:
        self.messages.append(text)

    def heard(self, text: str) -> bool:
        return any(text in message for message in self.messages)
