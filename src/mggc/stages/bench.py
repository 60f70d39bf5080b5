"""Measure networks side by side: those of runs, of files, and named ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch

from mggc.budget import parse_budget
from mggc.config import Backend
from mggc.deploy.bench import Plan, Row, Subject, bench, costs
from mggc.deploy.bench_machine import busy, machine
from mggc.deploy.bench_runners import check_backends, usual_backends
from mggc.errors import MggcError
from mggc.networks.build import build
from mggc.networks.files import load_network
from mggc.networks.sizes import check_image_size
from mggc.networks.specs import PatchSpec, PixelSpec, named_spec
from mggc.pruning.channels import trace_channels
from mggc.pruning.cut import cut
from mggc.pruning.macs import MacsCounter
from mggc.pruning.plan import uniform_plan
from mggc.runs.rundir import RunDir, is_run
from mggc.stages.context import Reporter, Silence
from mggc.stages.load import load_any_generator

USUAL_SIZE = 256
COMPILED_AT_ONCE = 8
"""Variants of one network's code that PyTorch compiles before it gives up."""


class BenchRequest(NamedTuple):
    """What to measure; what is absent follows from the networks and the machine."""

    networks: tuple[str, ...]
    """Runs, folders, weights files or names; the first is what all ratios refer to."""
    image_size: int | None = None
    """Absent: that of the first run, or 256."""
    ngf: int = 64
    """Width of named networks."""
    uniform: tuple[str, ...] = ()
    """Budgets: the first network is measured cut to uniform width for each, too."""
    backends: tuple[Backend, ...] | None = None
    """Absent: everything installed but ``compiled``."""
    threads: tuple[int, ...] | None = None
    """Absent: as many as PyTorch takes."""
    batch_sizes: tuple[int, ...] = (1,)
    rounds: int = 20
    cold_start: bool = True


@dataclass(frozen=True)
class BenchResult:
    """Measurements, and what they were taken of and on."""

    image_size: int
    machine: dict[str, Any]
    networks: dict[str, dict[str, int]]
    """MACs in both conventions and parameters by network."""
    rows: list[Row]

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return {**self.__dict__, "rows": [row.to_json() for row in self.rows]}


def bench_networks(request: BenchRequest, reporter: Reporter | None = None) -> BenchResult:
    """Measure networks side by side on this machine's CPU.

    Args:
        request: What to measure.
        reporter: Where messages go.

    Raises:
        MggcError: A network or backend is not there, or a network does not take images of the size.
    """
    reporter = reporter or Silence()
    backends = request.backends or usual_backends()
    check_backends(backends)
    image_size = request.image_size or _usual_size(request.networks)
    subjects = _subjects(request, image_size)
    if "compiled" in backends and len(subjects) > COMPILED_AT_ONCE:
        raise MggcError(
            f"The backend compiled takes up to {COMPILED_AT_ONCE} networks at once. Found {len(subjects)}; leave some out."
        )
    plan = Plan(
        image_size,
        backends,
        threads=request.threads or (torch.get_num_threads(),),
        batch_sizes=request.batch_sizes,
        rounds=request.rounds,
        cold_start=request.cold_start,
    )
    where = machine(backends)
    if (warning := busy(where)) is not None:
        reporter.message(warning)
    with TemporaryDirectory(prefix="mggc-bench-") as folder:
        rows = bench(subjects, plan, Path(folder), report=reporter.message)
    return BenchResult(
        image_size, where, {name: costs(subject, image_size) for name, subject in subjects.items()}, rows
    )


def _usual_size(networks: Sequence[str]) -> int:
    runs = [Path(name) for name in networks if is_run(Path(name))]
    return RunDir.open(runs[0]).config.data.image_size if runs else USUAL_SIZE


def _subjects(request: BenchRequest, image_size: int) -> dict[str, Subject]:
    """All networks by name, each checked to take images of the size."""
    subjects: dict[str, Subject] = {}
    for name in request.networks:
        for label, subject in _subjects_of(name, request.ngf, alone=len(request.networks) == 1).items():
            check_image_size(subject.spec, image_size)
            subjects[_unused(label, subjects)] = subject
    first = next(iter(subjects.values()))
    for budget in request.uniform:
        subjects[_unused(f"uniform {budget}", subjects)] = _uniform(first, budget, image_size)
    return subjects


def _subjects_of(name: str, ngf: int, *, alone: bool) -> dict[str, Subject]:
    """What a name means: of a run, both generators."""
    path = Path(name)
    if is_run(path):
        prefix = "" if alone else f"{name} "
        return {f"{prefix}{role}": subject for role, subject in _of_run(path).items()}
    if path.exists():
        loaded = load_any_generator(path)
        return {name: Subject(loaded.network, loaded.spec)}
    spec = named_spec(name, ngf=ngf)
    if isinstance(spec, PatchSpec | PixelSpec):
        raise MggcError(f"Generators are measured; {name} is a discriminator.")
    return {name: Subject(build(spec).eval(), spec)}


def _of_run(path: Path) -> dict[str, Subject]:
    run = RunDir.open(path)
    folders = {"original": run.stage("original").path / "generator", "compressed": run.compressed}
    found = {role: load_network(folder) for role, folder in folders.items() if folder.is_dir()}
    if not found:
        raise MggcError(f"The run {path} has no generator yet. Finish mggc train or mggc import first.")
    return {role: Subject(loaded.network, loaded.spec) for role, loaded in found.items()}


def _uniform(subject: Subject, budget: str, image_size: int) -> Subject:
    """The network with every channel group at the same share, for a budget of exact MACs."""
    table = trace_channels(subject.network, image_size=image_size)
    counter = MacsCounter(table)
    try:
        macs = parse_budget(budget, total_macs=counter.total)
    except ValueError as error:
        raise MggcError(f"--uniform {budget}: {error}") from error
    plan = uniform_plan(torch.zeros(table.prunable), counter, budget=macs)
    return Subject(cut(subject.network, table, plan).eval(), subject.spec)


def _unused(label: str, taken: dict[str, Subject]) -> str:
    """The label, with a number where it is given twice: the same network twice shows the machine's noise."""
    number, name = 1, label
    while name in taken:
        number += 1
        name = f"{label} ({number})"
    return name
