"""The generators of runs as ONNX files for the browser: written once, compared with PyTorch, and kept in the run."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mggc.deploy.extras import require
from mggc.deploy.facts import Cost, architecture
from mggc.deploy.graph import deployable
from mggc.deploy.interface import Interface
from mggc.deploy.onnx_file import OPSET, OnnxGenerator, describe_onnx, write_onnx
from mggc.deploy.parity import measure_difference, refuse_difference, tolerance_of
from mggc.deploy.program import trace
from mggc.networks.files import CONFIG_NAME, WEIGHTS_NAME, LoadedNetwork
from mggc.networks.specs import FactorySpec
from mggc.runs.atomic import write_atomically
from mggc.runs.rundir import RunDir
from mggc.stages.export_pictures import Pictures, find_pictures
from mggc.stages.export_subject import Subject, open_subject
from mggc.stages.networks import original_folder

FORMAT = "mggc/web/1"
KEPT = Path("export") / "web"
"""Where a run keeps the files."""


@dataclass(frozen=True)
class WebModel:
    """One generator on the page."""

    name: str
    """What the page calls it."""
    role: str
    """``original`` or ``compressed``."""
    path: Path
    """Its ONNX file."""
    digest: str
    """Changes with its weights, its design, and the way it is written."""
    cost: Cost
    architecture: str


@dataclass(frozen=True)
class WebRun:
    """A run's generators, and what is known about the images that they read."""

    run: RunDir
    interface: Interface
    image_size: int
    pictures: Pictures
    models: tuple[WebModel, ...]
    """The original, where the run has it, then the compressed one."""

    @property
    def name(self) -> str:
        """The run's name."""
        return self.run.path.resolve().name


def prepare_run(path: Path, report: Callable[[str], None]) -> WebRun:
    """Write what the page needs of a run, as far as it is not there from an earlier time.

    Args:
        path: The run.
        report: Is told in words what takes time.

    Raises:
        MggcError: It is no run, has compressed nothing yet, does not export, or packages are missing.
    """
    require("onnx")
    RunDir.open(path)  # a generator's folder is no run
    subject = open_subject(path)
    run = subject.run or RunDir.open(path)
    pictures, interface = find_pictures(subject, None), subject.interface("uint8")
    models = []
    if subject.original is not None and subject.facts.original is not None:
        folder = original_folder(run, "generator")
        made = _file(subject, subject.original, folder, "original", pictures, interface, report)
        models.append(
            WebModel(
                "original", "original", *made, subject.facts.original, architecture(subject.original.spec)
            )
        )
    made = _file(subject, subject.loaded, run.compressed, "compressed", pictures, interface, report)
    share = ""
    if subject.facts.original is not None:
        share = f", {subject.facts.cost.macs / subject.facts.original.macs:.0%} of its multiply-adds"
    kind = architecture(subject.loaded.spec) + share
    models.append(WebModel("compressed", "compressed", *made, subject.facts.cost, kind))
    return WebRun(run, interface, subject.facts.image_size, pictures, tuple(models))


def _file(
    subject: Subject,
    loaded: LoadedNetwork,
    folder: Path,
    role: str,
    pictures: Pictures,
    interface: Interface,
    report: Callable[[str], None],
) -> tuple[Path, str]:
    """The ONNX file of a network, and its digest."""
    digest = _digest(folder, interface)
    path = subject.source / KEPT / f"{role}-{digest}.onnx"
    # What a network of the user's own computes is also up to its code, which the digest does not see.
    if path.is_file() and not path.is_symlink() and not isinstance(loaded.spec, FactorySpec):
        return path, digest
    report(f"Writing {path} and comparing it with PyTorch.")

    def write(partial: Path) -> None:
        write_onnx(trace(deployable(loaded.network, loaded.spec, interface)), partial)
        describe_onnx(partial, {"format": FORMAT, "title": subject.facts.title, "role": role})
        difference = measure_difference(
            OnnxGenerator(partial), loaded.network, interface, pictures.to_compare()
        )
        refuse_difference(difference, tolerance_of("fp32", interface), what=f"The {role} generator in ONNX")

    write_atomically(path, write)
    for older in path.parent.glob(f"{role}-*.onnx"):
        if older != path:
            older.unlink()
    return path, digest


def _digest(folder: Path, interface: Interface) -> str:
    digest = hashlib.sha256(json.dumps([FORMAT, OPSET, interface.to_json()]).encode())
    for name in (CONFIG_NAME, WEIGHTS_NAME):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()[:12]
