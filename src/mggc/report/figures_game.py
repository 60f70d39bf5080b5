"""The game by iteration: L_G, L_D, R, and what both networks keep (Figure 4)."""

from typing import NamedTuple

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from mggc.report.curves import Curves
from mggc.report.figures import GRID, MUTED, SERIES, STYLE, new_axes, to_svg

PANELS = (
    ("generator_loss", "LG", "generator's loss"),
    ("discriminator_loss", "LD", "discriminator's loss"),
    ("budget_penalty", "R", "budget penalty"),
    ("generator_kept", "", "Generator's channels kept"),
    ("discriminator_kept", "", "Discriminator's channels kept"),
    ("macs_share", "", "Multiply-adds left"),
)
"""Quantity, the paper's symbol, and title."""
SHARES = {"generator_kept", "discriminator_kept", "macs_share"}


class Panel(NamedTuple):
    """A plot and what it shows."""

    title: str
    svg: Markup
    symbol: str = ""
    """The paper's: a letter and its index."""


class LegendEntry(NamedTuple):
    """A series by the number of its colour."""

    label: str
    color: int
    dashed: bool = False
    marker: str = ""
    """The sign that stands at its points."""


def game_panels(games: dict[str, Curves], *, key: str) -> list[Panel]:
    """One plot for each quantity that was logged, with one line for each game.

    Args:
        games: Curves by label; one game alone shows how far its values spread within a bin of iterations.
        key: Unique in the page.
    """
    return [
        Panel(title, _panel(quantity, title, games, key=f"{key}-{quantity}"), symbol)
        for quantity, symbol, title in PANELS
        if any(quantity in curves for curves in games.values())
    ]


def game_legend(games: dict[str, Curves]) -> list[LegendEntry]:
    """Colours by game; nothing where there is one game."""
    if len(games) < 2:
        return []
    return [
        LegendEntry(label, _color(place) + 1, dashed=place >= len(SERIES))
        for place, label in enumerate(games)
    ]


def _color(place: int) -> int:
    return place % len(SERIES)


def _panel(quantity: str, title: str, games: dict[str, Curves], *, key: str) -> Markup:
    with mpl.rc_context(STYLE):
        figure, axes = new_axes(360, 200, left=48, bottom=40)
        for place, curves in enumerate(games.values()):
            if quantity in curves:
                _draw(axes, curves, quantity, place, spread=len(games) == 1)
        axes.set_xlabel("iteration")
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.grid(axis="y", linewidth=0.8)
        axes.set_axisbelow(True)
        if quantity in SHARES:
            axes.set_ylim(0, 1.03)
        elif quantity == "budget_penalty":
            axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
        else:
            axes.axhline(0, color=MUTED, linewidth=0.8, linestyle=(0, (2, 3)))
        return to_svg(figure, key=key, description=_describe(quantity, title, games))


def _draw(axes: Axes, curves: Curves, quantity: str, place: int, *, spread: bool) -> None:
    curve, color = curves[quantity], SERIES[_color(place)]
    if spread and quantity not in SHARES:
        axes.fill_between(curve.steps, curve.low, curve.high, color=color, alpha=0.22, linewidth=0)
    style = (0, (4, 2)) if place >= len(SERIES) else "solid"
    axes.plot(curve.steps, curve.mean, color=color, linewidth=1.6, linestyle=style, solid_capstyle="round")
    if len(curve.steps) == 1:
        axes.plot(curve.steps, curve.mean, color=color, marker="o", markeredgecolor=GRID)


def _describe(quantity: str, title: str, games: dict[str, Curves]) -> str:
    ends = [
        f"{label}: {curves[quantity].mean[0]:.3g} to {curves[quantity].mean[-1]:.3g}"
        for label, curves in games.items()
        if quantity in curves
    ]
    return f"{title[0].upper()}{title[1:]}, by iteration. From first to last: {'; '.join(ends)}."
