"""A comparison's or an ablation's results file: tables like the paper's Table 1 and Table 2."""

from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from mggc.errors import MggcError
from mggc.metrics.names import better
from mggc.report.labels import headings_of, number, percent, quantity
from mggc.runs.atomic import read_json
from mggc.stages.comparison.metrics import main_metrics

AnyModel = TypeVar("AnyModel", bound=BaseModel)
KINDS = {"compare": "Comparison", "ablate": "Ablation"}
"""Names of results files, and what they hold."""


class _Lenient(BaseModel):
    """What the page does not know is left alone: the file may be of a later version."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Statistic(_Lenient):
    """A figure over seeds."""

    mean: float
    sd: float | None = None
    n: int = 1


class Group(_Lenient):
    """One method (or row of an ablation) at one budget, over seeds."""

    method: str
    budget: str
    metrics: dict[str, Statistic]


class Figure(_Lenient):
    """A single figure; its protocol stands in the runs."""

    value: float | None
    unit: str = ""


class CellResult(_Lenient):
    """One run of the grid."""

    method: str
    budget: str
    seed: int
    run: str | None = None
    status: str
    error: str | None = None
    macs: dict[str, float] | None = None
    seconds: dict[str, float] | None = None

    @property
    def macs_share(self) -> float | None:
        """MACs left, as a share of the original's."""
        if not self.macs or not self.macs.get("original") or "compressed" not in self.macs:
            return None
        return self.macs["compressed"] / self.macs["original"]


class Comparison(_Lenient):
    """The content of ``compare.json`` or ``ablate.json``."""

    data: str
    model: str
    split: str = "test"
    budgets: list[str]
    seeds: list[int]
    methods: list[str]
    original: dict[str, Figure]
    cells: list[CellResult]
    summary: list[Group]

    def group(self, method: str, budget: str) -> Group | None:
        """What is known of a method at a budget."""
        return next((g for g in self.summary if (g.method, g.budget) == (method, budget)), None)

    def macs_share(self, method: str, budget: str) -> float | None:
        """Mean share of the MACs that a method leaves at a budget."""
        shares = [
            cell.macs_share
            for cell in self.cells
            if (cell.method, cell.budget) == (method, budget) and cell.macs_share is not None
        ]
        return sum(shares) / len(shares) if shares else None

    @property
    def metrics(self) -> list[str]:
        """The metrics that tables and plots show."""
        return main_metrics(name for group in self.summary for name in group.metrics)

    @property
    def failed(self) -> list[CellResult]:
        """Runs that did not come to their end."""
        return [cell for cell in self.cells if cell.error is not None]


class TableCell(NamedTuple):
    """An entry of a table."""

    text: str
    best: bool = False
    spread: str = ""
    """What follows in smaller type: ± a standard deviation."""


class TableOfMethods(NamedTuple):
    """Methods at one budget, one metric a column."""

    budget: str
    columns: list[str]
    rows: list[tuple[str, list[TableCell]]]
    features: str = ""
    """Of all distances, where they share them; the columns' names leave them out then."""


def read_comparison(path: Path) -> Comparison:
    """A results file.

    Raises:
        MggcError: It is damaged or holds something else.
    """
    return parse(Comparison, read_json(path), source=path)


def parse(model: type[AnyModel], content: Any, *, source: Path) -> AnyModel:
    """A file's content as an object of a pydantic model.

    Raises:
        MggcError: It does not fit; the message names the first thing that does not.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "its content"
        raise MggcError(
            f"{source} is no results file of this version: {where}: {first['msg']}. Make it again."
        ) from error


def tables_of(comparison: Comparison) -> list[TableOfMethods]:
    """A table for each budget: mean ± standard deviation over seeds, the best of each column marked."""
    return [_table(comparison, budget) for budget in comparison.budgets]


def _table(comparison: Comparison, budget: str) -> TableOfMethods:
    metrics = comparison.metrics
    rows: list[tuple[str, list[TableCell]]] = [
        ("original", [TableCell("100 %"), TableCell(""), *(_original(comparison, name) for name in metrics)])
    ]
    best = {name: _best(comparison, budget, name) for name in metrics}
    for method in comparison.methods:
        group = comparison.group(method, budget)
        share = comparison.macs_share(method, budget)
        statistics = {} if group is None else group.metrics
        cells = [_statistic(statistics.get(name), best[name]) for name in metrics]
        seeds = max((statistic.n for statistic in statistics.values()), default=0)
        rows.append(
            (method, [TableCell("–" if share is None else percent(share)), TableCell(str(seeds)), *cells])
        )
    headings, features = headings_of(metrics)
    return TableOfMethods(budget, ["multiply-adds", "seeds", *headings], rows, features)


def _original(comparison: Comparison, metric: str) -> TableCell:
    figure = comparison.original.get(metric)
    return TableCell("–" if figure is None else quantity(figure.value, figure.unit))


def _best(comparison: Comparison, budget: str, metric: str) -> float | None:
    """The best mean of a column, where there is more than one and it is known which way is better."""
    groups = [comparison.group(method, budget) for method in comparison.methods]
    means = [group.metrics[metric].mean for group in groups if group is not None and metric in group.metrics]
    if len(means) < 2 or not better(metric):
        return None
    return max(means) if better(metric) > 0 else min(means)


def _statistic(statistic: Statistic | None, best: float | None) -> TableCell:
    if statistic is None:
        return TableCell("–")
    spread = "" if statistic.sd is None else f"± {number(statistic.sd, digits=2)}"
    return TableCell(number(statistic.mean), statistic.mean == best, spread)
