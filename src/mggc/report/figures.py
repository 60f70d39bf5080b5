"""Plots as inline SVG that takes its colours and its type from the page, so that it reads in light and in dark."""

import re
import warnings
from io import StringIO

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Colours that no plot uses otherwise; on their way into the page they become the page's own.
INK, MUTED, GRID, TRACK, PAPER = "#010a01", "#010a02", "#010a03", "#010a04", "#010a05"
SERIES = tuple(f"#020b{number:02x}" for number in range(1, 9))
ORIGINAL, COMPRESSED = "#030c01", "#030c02"
VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--rule",
    TRACK: "--track",
    PAPER: "--paper",
    ORIGINAL: "--original",
    COMPRESSED: "--compressed",
} | {color: f"--series-{number}" for number, color in enumerate(SERIES, start=1)}

STYLE = {
    "svg.fonttype": "none",  # text stays text: legible at any size, searchable, in the page's type
    "text.parse_math": False,  # a run may be called $x$
    "font.family": ["DejaVu Sans"],
    "font.size": 12.0,
    "axes.titlesize": 12.0,
    "axes.labelsize": 12.0,
    "xtick.labelsize": 11.0,
    "ytick.labelsize": 11.0,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "text.color": INK,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "axes.formatter.limits": (-4, 5),
    "axes.unicode_minus": True,
}
POINTS_PER_INCH = 72


def new_axes(
    width: int, height: int, *, left: int, bottom: int, right: int = 12, top: int = 12
) -> tuple[Figure, Axes]:
    """A figure of this size with one set of axes inside the given margins, all in pixels of the page."""
    figure = Figure(figsize=(width / POINTS_PER_INCH, height / POINTS_PER_INCH))
    box = (left / width, bottom / height, (width - left - right) / width, (height - bottom - top) / height)
    axes: Axes = figure.add_axes(box)
    axes.patch.set_visible(False)
    figure.patch.set_visible(False)
    return figure, axes


def to_svg(figure: Figure, *, key: str, description: str) -> Markup:
    """The figure for inside a page.

    Args:
        figure: Drawn within ``mpl.rc_context(STYLE)`` in the colours above.
        key: Unique in the page; references within the figure are made of it.
        description: What a person hears who does not see it.
    """
    content = StringIO()
    with mpl.rc_context({**STYLE, "svg.hashsalt": key}), warnings.catch_warnings():
        # Letters that matplotlib's own font lacks are drawn by the browser.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    return _inline(content.getvalue(), description)


def _inline(svg: str, description: str) -> Markup:
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->\s*", "", body, flags=re.DOTALL)
    # Ids of groups say nothing and would repeat from figure to figure; those of definitions are unique by their salt.
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    box = re.search(r'viewBox="([^"]*)"', body)
    attributes = "" if box is None else f'viewBox="{box[1]}" '
    width = "" if box is None else f'style="max-width:{1.25 * float(box[1].split()[2]):.0f}px" '
    head = f'<svg {attributes}{width}role="img" aria-label="{escape(description)}">'
    body = head + body[body.index(">") + 1 :]
    for color, variable in VARIABLES.items():
        body = body.replace(color, f"var({variable})")
    return Markup(body.strip())  # matplotlib has escaped every text in it
