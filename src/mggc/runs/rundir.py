"""A run is a directory: its configuration, and one folder for each stage, closed by ``done.json``."""

import hashlib
import json
import os
import shutil
import weakref
from pathlib import Path
from typing import Any, Literal, get_args

from mggc.config import CompressConfig
from mggc.errors import MggcError
from mggc.runs.atomic import (
    is_partial,
    load_checkpoint,
    read_json,
    remove_partials,
    save_checkpoint,
    write_json,
    write_text,
)
from mggc.runs.lock import LOCK_NAME, lock_folder
from mggc.runs.settings import differences, load_config, to_toml

StageName = Literal["original", "recover", "encode", "neighbors", "prune", "finetune", "evaluate"]

CONFIG_NAME = "config.toml"
DONE_NAME = "done.json"
CHECKPOINT_NAME = "checkpoint.pt"
COMPRESSED = "compressed"
"""Folder of the compressed generator."""
WHEREABOUTS = {"runtime.device", "runtime.devices"}
"""Settings that may change between a run and its continuation."""


class RunDir:
    """A run's directory.

    Attributes:
        path: Where it is.
        config: The resolved configuration it was made with.
    """

    def __init__(self, path: Path, config: CompressConfig) -> None:
        self.path, self.config = path, config

    @classmethod
    def open(cls, path: Path) -> "RunDir":
        """An existing run.

        Raises:
            MggcError: The folder is no run.
        """
        if not (path / CONFIG_NAME).is_file():
            raise MggcError(
                f"A run was wanted, but {path} holds no {CONFIG_NAME}. Start one with mggc compress or train."
            )
        return cls(path, load_config(path / CONFIG_NAME))

    @classmethod
    def create(cls, path: Path, config: CompressConfig, *, force: bool = False) -> "RunDir":
        """A new run, or the continuation of one that was made with the same configuration.

        A run in which no stage has begun takes on another configuration too: there is nothing yet to protect.

        Args:
            path: Where to; its parents are made.
            config: The resolved configuration.
            force: Take over a run made with another configuration; its stages are redone as far as they depend on it.

        Raises:
            MggcError: The folder holds something else, or a run made with another configuration.
        """
        if (path / CONFIG_NAME).is_file():
            run = cls.open(path)
            if not force and run.has_begun:
                _refuse_differences(path, differences(run.config, config))
        elif path.exists() and not _is_empty(path):
            raise MggcError(
                f"A new or empty folder was wanted for the run; {path} holds something else. Choose another."
            )
        run = cls(path, config)
        run.save_config(config)
        return run

    def save_config(self, config: CompressConfig) -> None:
        """Replace the run's configuration."""
        self.config = config
        write_text(self.path / CONFIG_NAME, to_toml(config))

    def take(self) -> None:
        """Keep other processes out while this object lives, and remove what a killed one left half-written.

        Raises:
            MggcError: Another process works in the run.
        """
        weakref.finalize(self, os.close, lock_folder(self.path))
        remove_partials(self.path)

    @property
    def has_begun(self) -> bool:
        """Whether any stage has left something."""
        return any((self.path / name).exists() for name in get_args(StageName))

    def stage(self, name: StageName) -> "StageDir":
        """A stage's folder, which need not exist yet."""
        return StageDir(self.path / name, name)

    @property
    def compressed(self) -> Path:
        """Folder of the compressed generator."""
        return self.path / COMPRESSED


def _is_empty(path: Path) -> bool:
    """Whether a folder holds nothing but what a killed process had begun to write."""
    return path.is_dir() and all(is_partial(child) or child.name == LOCK_NAME for child in path.iterdir())


def what_matters(found: dict[str, tuple[Any, Any]]) -> dict[str, tuple[Any, Any]]:
    """The differences between two configurations without those that may change within a run."""
    return {name: values for name, values in found.items() if name not in WHEREABOUTS}


def _refuse_differences(path: Path, found: dict[str, tuple[Any, Any]]) -> None:
    changed = what_matters(found)
    if changed:
        listed = ", ".join(f"{name} was {old!r} and is {new!r}" for name, (old, new) in changed.items())
        raise MggcError(
            f"The run {path} was made with another configuration: {listed}. "
            "Give the same one, choose another --out, or redo what depends on it with --force."
        )


class StageDir:
    """One stage's folder."""

    def __init__(self, path: Path, name: StageName) -> None:
        self.path, self.name = path, name

    @property
    def log_path(self) -> Path:
        """The stage's JSON-lines log."""
        return self.path / "log.jsonl"

    def done(self) -> dict[str, Any] | None:
        """What the finished stage recorded, or None while it is unfinished."""
        path = self.path / DONE_NAME
        return read_json(path) if path.is_file() else None

    def made_for(self) -> str | None:
        """The digest of what the finished stage, or else its checkpoint, depended on; None where there is neither.

        Raises:
            MggcError: The checkpoint is damaged.
        """
        done = self.done()
        if done is not None:
            return str(done["digest"])
        path = self.path / CHECKPOINT_NAME
        return str(load_checkpoint(path, lazy=True)["digest"]) if path.is_file() else None

    def require(self, command: str) -> dict[str, Any]:
        """What the finished stage recorded.

        Raises:
            MggcError: It is not finished; the message names the command that does it.
        """
        done = self.done()
        if done is None:
            raise MggcError(
                f"The stage {self.name} of {self.path.parent} was wanted, but is not finished. Run {command}."
            )
        return done

    def finish(self, digest: str, **record: Any) -> None:
        """Close the stage; written last, when all its results are whole."""
        write_json(self.path / DONE_NAME, {"digest": digest, **record})
        (self.path / CHECKPOINT_NAME).unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove all that an earlier attempt with other dependencies has left."""
        if self.path.exists():
            shutil.rmtree(self.path)

    def save(self, digest: str, step: int, state: dict[str, Any]) -> None:
        """Replace the checkpoint."""
        save_checkpoint(self.path / CHECKPOINT_NAME, {"digest": digest, "step": step, "state": state})

    def load(self, digest: str) -> tuple[int, dict[str, Any]] | None:
        """The latest checkpoint's step and state; None where there is none for what the stage depends on now."""
        path = self.path / CHECKPOINT_NAME
        if not path.is_file():
            return None
        checkpoint = load_checkpoint(path)
        if checkpoint["digest"] != digest:
            return None
        return checkpoint["step"], checkpoint["state"]


def digest_of(*dependencies: Any) -> str:
    """Sixteen hexadecimal digits that change with anything a stage depends on."""
    text = json.dumps(dependencies, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def is_run(path: Path) -> bool:
    """Whether a folder is a run."""
    return (path / CONFIG_NAME).is_file()
