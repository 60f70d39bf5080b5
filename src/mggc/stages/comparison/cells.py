"""One run of a grid, and what is known of it afterwards."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mggc.config import CompressConfig
from mggc.data.dataset import Dataset
from mggc.errors import MggcError
from mggc.metrics.results import Measurement
from mggc.runs.rundir import RunDir, StageName
from mggc.stages.comparison.grid import Cell, cell_config
from mggc.stages.comparison.sharing import SHARED, SharedRuns, lend_segmenter, link_stages
from mggc.stages.comparison.timing import stage_seconds, timed
from mggc.stages.context import Reporter, make_context
from mggc.stages.evaluate import run_metrics
from mggc.stages.find_neighbors import find_neighbors
from mggc.stages.finetune import finetuning_kind
from mggc.stages.import_gan import NEEDS_DISTILLATION
from mggc.stages.single import STAGES

CELLS = "cells"
LINKED: tuple[StageName, ...] = ("original", "recover", "encode", "neighbors")
LONGEST_ERROR = 300
ALL_STAGES: tuple[StageName, ...] = ("prune", "finetune", "evaluate")


@dataclass(frozen=True)
class CellResult:
    """How a run of the grid ended."""

    cell: Cell
    run: str
    """Its folder, relative to the grid's."""
    error: str | None = None
    """What it failed with, in one line; None when it is done."""
    macs: dict[str, int] | None = None
    """MACs of ``original`` and ``compressed`` in the budget's convention; None when no channels were chosen."""
    metrics: dict[str, dict[str, Measurement]] = field(default_factory=dict)
    """Figures by network (``original``, ``compressed``) and metric; empty when it was not evaluated."""
    seconds: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The cell's entry in a results file; of the metrics, the compressed network's."""
        compressed = self.metrics.get("compressed", {})
        return {
            "method": self.cell.row.name,
            "budget": self.cell.budget,
            "seed": self.cell.seed,
            "run": self.run,
            "status": "done" if self.error is None else "failed",
            "error": self.error,
            "macs": self.macs,
            "metrics": {name: figure.to_json() for name, figure in compressed.items()},
            "seconds": self.seconds,
        }


def run_cell(
    cell: Cell,
    shared: SharedRuns,
    config: CompressConfig,
    out: Path,
    *,
    dataset: Dataset,
    reporter: Reporter,
    force: bool = False,
    stages: tuple[StageName, ...] = ALL_STAGES,
) -> CellResult:
    """Run what is left of a cell's stages; what goes wrong becomes part of the result.

    Args:
        cell: Which run.
        shared: The stages that come before.
        config: The grid's shared configuration.
        out: The grid's folder.
        dataset: The data, open.
        reporter: Where progress goes.
        force: Take over a run that was made with another configuration.
        stages: What to run after the shared stages.

    Raises:
        RuntimeError: Another process of the same run has ended or is out of step.
    """
    name = f"{CELLS}/{cell.name}"
    try:
        own = cell_config(config, cell)
        earlier = shared.with_neighbors(own.prune.neighbors)
        run = RunDir.create(out / name, own, force=force)
        context = make_context(run, reporter, force=force, dataset=dataset)
        link_stages(context, earlier, LINKED)
        find_neighbors(context)  # refuses what was linked, should it not be what the run needs
        if "finetune" in stages:
            _check_finetuning(run)
        if context.leader:
            lend_segmenter(out / SHARED, run.path)
        for stage in stages:
            timed(context, stage, STAGES[stage])
        if context.leader:
            lend_segmenter(run.path, out / SHARED)
    except (MggcError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and config.runtime.devices > 1:
            raise  # the other processes wait for this one: there is no going on
        return CellResult(cell, name, error=describe(error), seconds=stage_seconds(out / name))
    done = run.stage("prune").require(f"mggc prune {run.path}")
    return CellResult(
        cell,
        name,
        macs={"original": done["total_macs"], "compressed": done["macs"]},
        metrics=run_metrics(run) if "evaluate" in stages else {},
        seconds=stage_seconds(run.path),
    )


def describe(error: Exception) -> str:
    """An error in one line; those that are not ours with their kind."""
    text = " ".join(str(error).split())
    kind = "" if isinstance(error, MggcError) else f"{type(error).__name__}: "
    return f"{kind}{text}"[:LONGEST_ERROR]


def _check_finetuning(run: RunDir) -> None:
    """Refuse before the choice of channels, which may take hours, what finetuning will refuse after it."""
    if finetuning_kind(run) == "one direction" and not run.config.finetune.distillation:
        raise MggcError(NEEDS_DISTILLATION)
