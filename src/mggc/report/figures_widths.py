"""Bars: the channels that each layer keeps, against the original's."""

import matplotlib as mpl
from markupsafe import Markup

from mggc.report.figures import COMPRESSED, INK, MUTED, STYLE, TRACK, new_axes, to_svg
from mggc.report.widths import LayerWidth

ROW = 21
LABEL_WIDTH, NUMBER_WIDTH = 62, 84


def width_bars(widths: list[LayerWidth], *, network: str, key: str) -> Markup:
    """One bar for each channel group: kept channels in colour over the original's width in grey."""
    rows = range(len(widths))
    short = max(len(width.label) for width in widths) <= 10
    left = LABEL_WIDTH if short else 150
    with mpl.rc_context(STYLE):
        figure, axes = new_axes(380, ROW * len(widths) + 12, left=left, bottom=6, right=NUMBER_WIDTH, top=6)
        axes.barh(rows, [width.total for width in widths], height=0.62, color=TRACK)
        axes.barh(rows, [width.kept for width in widths], height=0.62, color=COMPRESSED)
        widest = max(width.total for width in widths)
        axes.set_xlim(0, widest)
        axes.set_ylim(len(widths) - 0.5, -0.5)
        axes.set_yticks(list(rows), [_shorten(width.label) for width in widths], color=INK)
        axes.set_xticks([])
        axes.tick_params(length=0)
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
        for row, width in enumerate(widths):
            axes.annotate(
                f"{width.kept} of {width.total}",
                (1, row),
                xycoords=("axes fraction", "data"),
                xytext=(8, 0),
                textcoords="offset points",
                va="center",
                fontsize=11,
                color=MUTED,
            )
        return to_svg(figure, key=key, description=_describe(widths, network))


def _shorten(label: str) -> str:
    return label if len(label) <= 20 else f"…{label[-19:]}"


def _describe(widths: list[LayerWidth], network: str) -> str:
    parts = ", ".join(f"{width.label} {width.kept} of {width.total}" for width in widths)
    return f"Channels that the {network} keeps, by layer: {parts}."
