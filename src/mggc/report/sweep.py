"""A sweep's results file: the game's curves for several values of a setting (Figure 4)."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from mggc.report.comparison import parse
from mggc.report.curves import Curves, curves_of
from mggc.runs.atomic import read_json

SYMBOLS = {"prune.lambda1": "λ1", "prune.lambda2": "λ2", "prune.tau": "τ", "prune.neighbors": "k"}
"""The paper's letters for settings."""


class SweepCurve(BaseModel):
    """The log of one game, column by column; empty where nothing was logged."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    value: bool | float | str | None
    """Of the setting that was varied."""
    seed: int = 0
    step: list[float] = []
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
    setting: str = "prune.lambda1"

    @property
    def symbol(self) -> str:
        """What the page calls the setting."""
        return SYMBOLS.get(self.setting, self.setting.removeprefix("prune."))


def read_sweep(path: Path) -> Sweep:
    """A sweep's results file.

    Raises:
        MggcError: It is damaged or holds something else.
    """
    return parse(Sweep, read_json(path), source=path)


def sweep_curves(sweep: Sweep) -> dict[str, Curves]:
    """Thinned curves by what the page calls them: ``λ1 = 3``, with the seed where there are several."""
    several = len({curve.seed for curve in sweep.curves}) > 1
    return {
        f"{sweep.symbol} = {_text(curve.value)}{f', seed {curve.seed}' if several else ''}": curves_of(
            curve.model_dump()
        )
        for curve in sweep.curves
        if curve.step
    }


def _text(value: bool | float | str | None) -> str:
    return f"{value:g}" if isinstance(value, float) and not isinstance(value, bool) else str(value)
