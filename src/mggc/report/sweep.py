"""A sweep's results file: the game's curves for several values of a setting (Figure 4)."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from mggc.report.comparison import parse
from mggc.report.curves import Curves, curves_of
from mggc.runs.atomic import read_json


class SweepCurve(BaseModel):
    """The log of one game, column by column."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    value: float
    """Of the setting that was varied."""
    step: list[float]
    generator_loss: list[float | None] = []
    discriminator_loss: list[float | None] = []
    budget_penalty: list[float | None] = []
    generator_kept: list[float | None] = []
    discriminator_kept: list[float | None] = []
    macs_share: list[float | None] = []


class Sweep(BaseModel):
    """The content of ``sweep.json``."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    curves: list[SweepCurve]
    data: str = ""
    model: str = ""


def read_sweep(path: Path) -> Sweep:
    """A sweep's results file.

    Raises:
        MggcError: It is damaged or holds something else.
    """
    return parse(Sweep, read_json(path), source=path)


def sweep_curves(sweep: Sweep) -> dict[str, Curves]:
    """Thinned curves by what the page calls them: ``λ1 = 3``."""
    return {f"λ1 = {curve.value:g}": curves_of(curve.model_dump()) for curve in sweep.curves}
