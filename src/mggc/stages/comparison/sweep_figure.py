"""The game's curves, one line for each value of the swept setting."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mggc.stages.comparison.curves import CURVES, running_mean

TITLES = {
    "generator_loss": "L_G (running mean)",
    "discriminator_loss": "L_D (running mean)",
    "budget_penalty": "R",
    "macs_share": "MACs, share of the original's",
    "generator_kept": "channels kept in G, share",
    "discriminator_kept": "channels kept in D, share",
}
SMOOTHED = {"generator_loss", "discriminator_loss"}
WINDOWS = 20
"""A running mean is over so many-th of a curve."""
COLUMNS = 3


def game_curves(games: Sequence[dict[str, Any]], setting: str) -> Figure:
    """A panel for each curve over the iterations; games of one value share a colour.

    Args:
        games: The curves in ``sweep.json``.
        setting: What was varied.
    """
    figure = Figure(figsize=(12.6, 6.8), layout="constrained")
    panels = figure.subplots(len(CURVES) // COLUMNS, COLUMNS, squeeze=False).flat
    values = list(dict.fromkeys(game["value"] for game in games))
    for panel, name in zip(panels, CURVES, strict=True):
        for game in games:
            _line(panel, game, name, color=f"C{values.index(game['value']) % 10}")
        panel.set_title(TITLES[name], fontsize="medium")
        panel.set_xlabel("iteration")
        panel.grid(alpha=0.3)
    lines = dict(zip(*reversed(figure.axes[0].get_legend_handles_labels()), strict=True))
    if lines:
        figure.legend(
            lines.values(),
            lines.keys(),
            title=setting,
            loc="outside lower center",
            ncols=min(8, len(lines)),
            frameon=False,
        )
    return figure


def _line(panel: Axes, game: dict[str, Any], name: str, *, color: str) -> None:
    if name in game:
        curve = game[name]
        shown = running_mean(curve, max(1, len(curve) // WINDOWS)) if name in SMOOTHED else curve
        panel.plot(game["step"], shown, color=color, linewidth=1, label=str(game["value"]))
