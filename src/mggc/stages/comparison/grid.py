"""The grid of runs: what varies (rows, budgets, seeds), read from the command line's words."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import product
from typing import Any, NamedTuple, get_args

from mggc.budget import parse_budget
from mggc.config import CompressConfig, Distiller, PlanMethod
from mggc.errors import MggcError
from mggc.runs.settings import merge, validate_config
from mggc.stages.resolve import resolve

METHODS: tuple[str, ...] = get_args(PlanMethod)
DISTILLERS: tuple[str, ...] = ("none", *get_args(Distiller))
"""What may follow a method after a colon: a way of finetuning that differs from the shared one."""


class Row(NamedTuple):
    """One row of a table: a method, or a setting of an ablation."""

    name: str
    """As tables call it."""
    overrides: dict[str, Any]
    """Nested settings that make the row; everything else is the same for all."""


class Cell(NamedTuple):
    """One run of the grid."""

    row: Row
    budget: str
    seed: int

    @property
    def name(self) -> str:
        """The run's folder below ``cells/``: row, budget and seed."""
        return f"{_slug(self.row.name)}-{_slug(self.budget)}-s{self.seed}"


@dataclass(frozen=True)
class Grid:
    """Every row at every budget with every seed."""

    rows: tuple[Row, ...]
    budgets: tuple[str, ...]
    """As :func:`mggc.budget.parse_budget` reads them."""
    seeds: tuple[int, ...]
    """Of the choice of channels and of finetuning."""

    def cells(self) -> list[Cell]:
        """All runs, one whole table after the other: seeds vary slowest."""
        ordered = product(self.seeds, self.budgets, self.rows)
        return [Cell(row, budget, seed) for seed, budget, row in ordered]


def method_rows(text: str) -> tuple[Row, ...]:
    """Rows for a list of methods such as ``uniform,game,game:none``: ways of choosing channels, and of distillation.

    Raises:
        MggcError: There is no such method, or one is given twice.
    """
    rows = []
    for name in _parts(text, "--methods"):
        method, colon, distiller = name.partition(":")
        _refuse_unknown(method, METHODS, "--methods are some of")
        overrides: dict[str, Any] = {"prune": {"method": method}}
        if colon:
            _refuse_unknown(distiller, DISTILLERS, f"What follows the colon in {name} is one of")
            overrides["finetune"] = (
                {"distillation": False}
                if distiller == "none"
                else {"distillation": True, "distiller": distiller}
            )
        rows.append(Row(name, overrides))
    return tuple(rows)


def parse_budgets(text: str) -> tuple[str, ...]:
    """A list of budgets such as ``20%,0.1,3.05G``.

    Raises:
        MggcError: One is no budget, or is given twice.
    """
    budgets = _parts(text, "--budgets")
    try:
        for budget in budgets:
            parse_budget(budget, total_macs=1)
    except ValueError as error:
        raise MggcError(f"--budgets: {error}") from error
    return budgets


def parse_seeds(text: str) -> tuple[int, ...]:
    """Seeds: a number says how many (``3`` is 0, 1, 2), a list says which (``4,7``, or ``4,`` for one).

    Raises:
        MggcError: It is neither, or there is none.
    """
    if re.fullmatch(r"\d+", text.strip()) and int(text) > 0:
        return tuple(range(int(text)))
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if "," not in text or not parts or not all(re.fullmatch(r"\d+", part) for part in parts):
        raise MggcError(
            f"--seeds is their number, at least 1, or a list of them such as 4,7. Found {text!r}."
        )
    _refuse_twice(parts, "--seeds")
    return tuple(int(part) for part in parts)


def shared_config(config: CompressConfig) -> CompressConfig:
    """A resolved configuration without what the grid varies, so that two grids over one folder share what they can."""
    default = CompressConfig()
    return config.model_copy(
        update={
            "budget": default.budget,
            "prune": config.prune.model_copy(update={"method": default.prune.method, "seed": None}),
            "finetune": config.finetune.model_copy(update={"seed": None}),
        }
    )


def cell_config(shared: CompressConfig, cell: Cell) -> CompressConfig:
    """The configuration of one run: the shared one, its row's overrides, its budget, and its seed after the shared stages.

    Raises:
        MggcError: The row's overrides do not fit.
    """
    own = {"budget": cell.budget, "prune": {"seed": cell.seed}, "finetune": {"seed": cell.seed}}
    merged = merge(shared.model_dump(), cell.row.overrides, own)
    return resolve(validate_config(merged, source=cell.row.name))


def _parts(text: str, option: str) -> tuple[str, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise MggcError(f"{option} is a list such as a,b,c. Found {text!r}.")
    _refuse_twice(parts, option)
    return tuple(parts)


def _refuse_unknown(name: str, known: tuple[str, ...], wanted: str) -> None:
    if name not in known:
        close = get_close_matches(name, known, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise MggcError(f"{wanted} {', '.join(known)}. Found {name!r}.{hint}")


def _refuse_twice(parts: list[str], option: str) -> None:
    twice = [part for number, part in enumerate(parts) if part in parts[:number]]
    if twice:
        raise MggcError(f"{option} names each once. Found {twice[0]} twice.")


def _slug(name: str) -> str:
    """A name as part of a folder's."""
    return re.sub(r"[^\w.]+", "-", name.replace("%", "pct")).strip("-").lower()
