"""Folders in the layout of pytorch-CycleGAN-and-pix2pix, as data sets."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from mggc.config import DataConfig
from mggc.data.dataset import Dataset, Split
from mggc.data.images import FolderImages, PairHalf, list_images
from mggc.data.pillow import Channels
from mggc.errors import MggcError


class _Files(NamedTuple):
    """The files of one split, and the folder that their names are relative to."""

    folder: Path
    paths: tuple[Path, ...]


class _Phases(NamedTuple):
    train: _Files
    val: _Files
    test: _Files


def open_aligned(root: Path | str, config: DataConfig) -> Dataset:
    """Paired data: ``train``, ``val`` and ``test`` hold files with A and B side by side.

    Where there is no ``val``, a share of ``train`` is held out; where there is no ``test``, ``val`` takes its place.

    Raises:
        MggcError: A folder is missing or empty, or the data is unpaired.
    """
    root = Path(root)
    _check_layout(root, needed=("train",), others=("trainA", "trainB"), kind="unpaired", model="cyclegan")
    (files,), rule = _find_phases(root, ("",), val_share=config.val_share)
    input_channels, output_channels = _channels(config)
    source, target = _domains(config)

    def split(phase: _Files) -> Split:
        folder, paths = phase
        return Split(
            PairHalf(paths, source, channels=input_channels, folder=folder),
            PairHalf(paths, target, channels=output_channels, folder=folder),
            paired=True,
        )

    return _dataset(root, config, [split(phase) for phase in files], rule)


def open_unaligned(root: Path | str, config: DataConfig) -> Dataset:
    """Unpaired data: one folder for each split and domain, ``trainA``, ``trainB``, ``testA``, ``testB`` and so on.

    Where there is no ``val``, a share of ``train`` is held out; where there is no ``test``, ``val`` takes its place.

    Raises:
        MggcError: A folder is missing or empty, or the data is paired.
    """
    root = Path(root)
    _check_layout(root, needed=("trainA", "trainB"), others=("train",), kind="paired", model="pix2pix")
    (sources, targets), rule = _find_phases(root, _domains(config), val_share=config.val_share)
    input_channels, output_channels = _channels(config)

    def split(source: _Files, target: _Files) -> Split:
        return Split(
            FolderImages(source.paths, channels=input_channels, folder=source.folder),
            FolderImages(target.paths, channels=output_channels, folder=target.folder),
            paired=False,
        )

    return _dataset(root, config, [split(*phases) for phases in zip(sources, targets, strict=True)], rule)


def _dataset(root: Path, config: DataConfig, splits: list[Split], rule: str) -> Dataset:
    train, val, test = splits
    input_channels, output_channels = _channels(config)
    return Dataset(
        train,
        val,
        test,
        split_rule=rule,
        input_channels=input_channels,
        output_channels=output_channels,
        name=root.resolve().name,
        augment=True,
    )


def _channels(config: DataConfig) -> tuple[Channels, Channels]:
    return config.input_channels or 3, config.output_channels or 3


def _domains(config: DataConfig) -> tuple[Literal["A", "B"], Literal["A", "B"]]:
    """The domains of source and target."""
    return ("A", "B") if config.direction == "AtoB" else ("B", "A")


def _check_layout(root: Path, *, needed: Sequence[str], others: Sequence[str], kind: str, model: str) -> None:
    """Refuse a folder that is missing, or laid out for the other kind of model."""
    if not root.is_dir():
        raise MggcError(f"--data should be glyphs or a folder of images. Found no folder {root}.")
    if all((root / name).is_dir() for name in needed):
        return
    if all((root / name).is_dir() for name in others):
        held = " and ".join(f"{name}/" for name in others)
        raise MggcError(f"{root} holds {held}: that is {kind} data; use --model {model}.")
    wanted = ", ".join(f"{name}/" for name in (*needed, *(name.replace("train", "test") for name in needed)))
    found = ", ".join(sorted(f"{path.name}/" for path in root.iterdir() if path.is_dir())) or "no folders"
    raise MggcError(f"{root} should hold {wanted}. Found {found}. Rename or add folders.")


def _find_phases(root: Path, domains: Sequence[str], *, val_share: float) -> tuple[list[_Phases], str]:
    """The files of every domain, and the rule that splits them.

    Args:
        root: The data set's folder.
        domains: What folder names end in: ``A`` and ``B``, or nothing for paired data.
        val_share: Share of ``train`` to hold out.
    """
    has_val, has_test = (_has_folders(root, phase, domains) for phase in ("val", "test"))
    if not has_val and not has_test:
        raise MggcError(f"{root} should hold test{domains[0]}/ (or val{domains[0]}/). Found neither; add it.")
    holds_out = not (has_val and has_test)
    phases = []
    for domain in domains:
        train = _find(root / f"train{domain}")
        test = _find(root / f"{'test' if has_test else 'val'}{domain}")
        train, val = _hold_out(train, val_share) if holds_out else (train, _find(root / f"val{domain}"))
        phases.append(_Phases(train, val, test))
    return phases, _rule(has_test=has_test, holds_out=holds_out, val_share=val_share)


def _has_folders(root: Path, phase: str, domains: Sequence[str]) -> bool:
    present = [domain for domain in domains if (root / f"{phase}{domain}").is_dir()]
    if present and len(present) < len(domains):
        names = " and ".join(f"{phase}{domain}/" for domain in sorted(domains))
        raise MggcError(f"{root} should hold {names} or neither. Found {phase}{present[0]}/; add the other.")
    return bool(present)


def _find(folder: Path) -> _Files:
    paths = list_images(folder)
    if not paths:
        raise MggcError(
            f"{folder} should hold images (jpg, png, ...). Found none; fill or remove the folder."
        )
    return _Files(folder, paths)


def _hold_out(files: _Files, share: float) -> tuple[_Files, _Files]:
    """Training and validation files; which is which depends on their names only, not on order or other files' dates.

    Raises:
        MggcError: A single file cannot be both.
    """
    folder, paths = files
    if len(paths) < 2:
        raise MggcError(f"{folder} should hold at least 2 images, one for validation. Found {paths[0].name}.")
    count = min(max(round(share * len(paths)), 1), len(paths) - 1)
    ranked = sorted(paths, key=lambda path: hashlib.sha256(_name(path, folder)).digest())
    val = set(ranked[:count])
    train = tuple(path for path in paths if path not in val)
    return _Files(folder, train), _Files(folder, tuple(sorted(val)))


def _name(path: Path, folder: Path) -> bytes:
    return path.relative_to(folder).as_posix().encode()


def _rule(*, has_test: bool, holds_out: bool, val_share: float) -> str:
    held_out = f"val: the {100 * val_share:g} % of train whose SHA-256 of the file name is smallest"
    if not has_test:
        return f"train and test: the folders train and val (there is no test); {held_out}"
    if holds_out:
        return f"train and test: the folders of that name; {held_out}"
    return "train, val and test: the folders of that name"
