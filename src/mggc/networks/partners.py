"""Which files belong together in a folder of checkpoints: ``{epoch}_net_{network}.pth``.

CycleGAN's G_A translates A to B and is judged by D_A; G_B and D_B work in the other direction.
"""

import re
from pathlib import Path

from mggc.errors import MggcError

NAME = re.compile(r"(?P<epoch>.+)_net_(?P<network>G|D|G_A|G_B|D_A|D_B)\.pth")
GENERATORS = ("G", "G_A")


def find_partners(path: Path) -> dict[str, Path]:
    """The checkpoints of the same epoch beside a file, itself among them, by network (``G_A``, ``D_A``, …).

    Empty where the file's name does not follow the convention.
    """
    match = NAME.fullmatch(path.name)
    if match is None:
        return {}
    return {
        network: file
        for (epoch, network), file in _checkpoints(path.parent).items()
        if epoch == match["epoch"]
    }


def find_checkpoint(path: Path) -> Path:
    """The generator's checkpoint that a path means: the file itself, or the latest in a folder.

    Of a CycleGAN's two generators it is G_A.

    Raises:
        MggcError: Nothing is there, or several files could be meant.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise MggcError(f"There is no file or folder {path}.")
    generators = {key: file for key, file in _checkpoints(path).items() if key[1] in GENERATORS}
    if not generators:
        return _only_file(path)
    newest = max(_age(epoch) for epoch, _ in generators)
    candidates = [file for (epoch, _), file in generators.items() if _age(epoch) == newest]
    return _only(candidates, path)


def _checkpoints(folder: Path) -> dict[tuple[str, str], Path]:
    matches = [(NAME.fullmatch(file.name), file) for file in sorted(folder.iterdir()) if file.is_file()]
    return {(match["epoch"], match["network"]): file for match, file in matches if match}


def _age(epoch: str) -> tuple[int, int]:
    """Sorts ``latest`` last, then epochs, then iterations, then any other label."""
    if epoch == "latest":
        return (3, 0)
    if epoch.isdecimal():
        return (2, int(epoch))
    iteration = epoch.removeprefix("iter_")
    return (1, int(iteration)) if iteration.isdecimal() else (0, 0)


def _only_file(folder: Path) -> Path:
    files = [file for suffix in ("*.pth", "*.pt", "*.safetensors") for file in sorted(folder.glob(suffix))]
    if not files:
        raise MggcError(f"{folder} holds no checkpoint: no file is called like latest_net_G.pth.")
    return _only(files, folder)


def _only(candidates: list[Path], folder: Path) -> Path:
    if len(candidates) > 1:
        names = ", ".join(file.name for file in candidates[:8])
        raise MggcError(
            f"{folder} holds several checkpoints that could be meant ({names}). Name one of them."
        )
    return candidates[0]
