"""Mean and standard deviation over seeds, and a grid's results as one object."""

from collections.abc import Iterable, Sequence
from statistics import fmean, stdev
from typing import Any, NamedTuple

from mggc.metrics.results import Measurement
from mggc.stages.comparison.cells import CellResult
from mggc.stages.comparison.grid import Grid


class Statistic(NamedTuple):
    """A figure over the seeds of one row at one budget."""

    mean: float
    sd: float | None
    """Standard deviation with n - 1 in the denominator; None of a single seed."""
    n: int
    """Seeds with this figure."""


class Group(NamedTuple):
    """One row of the grid at one budget, over the seeds that are done."""

    row: str
    budget: str
    metrics: dict[str, Statistic]
    """By metric, of the compressed network."""
    macs_share: Statistic | None
    """MACs left, as a share of the original's, in the budget's convention; None when no seed is done."""
    failed: int
    """Seeds that failed."""


def summarize(grid: Grid, results: Sequence[CellResult]) -> list[Group]:
    """A group for each row at each budget, in the grid's order."""
    groups = []
    for budget in grid.budgets:
        for row in grid.rows:
            cells = [found for found in results if (found.cell.row, found.cell.budget) == (row, budget)]
            done = [found for found in cells if found.error is None]
            shares = [found.macs["compressed"] / found.macs["original"] for found in done if found.macs]
            groups.append(
                Group(
                    row.name,
                    budget,
                    _over_seeds(found.metrics.get("compressed", {}) for found in done),
                    statistic(shares) if shares else None,
                    len(cells) - len(done),
                )
            )
    return groups


def statistic(values: Sequence[float]) -> Statistic:
    """Mean and standard deviation of at least one value."""
    return Statistic(fmean(values), stdev(values) if len(values) > 1 else None, len(values))


def results_object(
    grid: Grid, results: Sequence[CellResult], *, data: str, model: str, split: str
) -> dict[str, Any]:
    """A grid's results as plain values for a JSON file; docs/compare.md lists the keys."""
    in_order = sorted(results, key=lambda found: _place(grid, found))
    return {
        "data": data,
        "model": model,
        "split": split,
        "budgets": list(grid.budgets),
        "seeds": list(grid.seeds),
        "methods": [row.name for row in grid.rows],
        "original": {name: figure.to_json() for name, figure in original_figures(results).items()},
        "cells": [found.to_json() for found in in_order],
        "summary": [
            {
                "method": group.row,
                "budget": group.budget,
                "metrics": {name: figure._asdict() for name, figure in group.metrics.items()},
            }
            for group in summarize(grid, results)
        ],
    }


def original_figures(results: Iterable[CellResult]) -> dict[str, Measurement]:
    """The original's figures: it is one for all cells, so those of any that has them."""
    return next((found.metrics["original"] for found in results if "original" in found.metrics), {})


def _over_seeds(runs: Iterable[dict[str, Measurement]]) -> dict[str, Statistic]:
    values: dict[str, list[float]] = {}
    for figures in runs:
        for name, figure in figures.items():
            if figure.value is not None:
                values.setdefault(name, []).append(float(figure.value))
    return {name: statistic(numbers) for name, numbers in values.items()}


def _place(grid: Grid, found: CellResult) -> tuple[int, int, int]:
    """Rows first, then budgets, then seeds."""
    cell = found.cell
    return grid.rows.index(cell.row), grid.budgets.index(cell.budget), grid.seeds.index(cell.seed)
