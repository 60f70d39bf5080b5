"""The options that a checkpoint of pytorch-CycleGAN-and-pix2pix was trained with, from the text file beside it."""

import re
from pathlib import Path
from typing import TypeAlias

OptionValue: TypeAlias = str | int | float | bool | None

FILE_NAMES = ("train_opt.txt", "opt.txt")  # the second is the name before 2018
LINE = re.compile(r"\s*(?P<name>\w+):\s?(?P<value>.*?)\s*(\[default: .*\])?\s*")
RENAMED = {
    "which_model_netG": "netG",
    "which_model_netD": "netD",
    "which_direction": "direction",
    "loadSize": "load_size",
    "fineSize": "crop_size",
    "resize_or_crop": "preprocess",
    "niter": "n_epochs",
    "niter_decay": "n_epochs_decay",
}


def read_train_options(folder: Path) -> dict[str, OptionValue]:
    """The options in ``train_opt.txt``, under their present names and with Python's types; none if there is no file."""
    for name in FILE_NAMES:
        if (folder / name).is_file():
            text = (folder / name).read_text(encoding="utf-8", errors="replace")
            matches = [LINE.fullmatch(line) for line in text.splitlines()]
            pairs = [(match["name"], match["value"]) for match in matches if match]
            return {RENAMED.get(name, name): _value(text) for name, text in pairs}
    return {}


def _value(text: str) -> OptionValue:
    if text in ("True", "False", "None"):
        return {"True": True, "False": False, "None": None}[text]
    if re.fullmatch(r"-?(0|[1-9]\d*)", text):
        return int(text)
    if re.fullmatch(r"-?(\d*\.\d+|\d+(?=e))(e[-+]?\d+)?", text):
        return float(text)
    return text
