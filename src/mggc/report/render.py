"""From the page's content to one HTML file that needs nothing else."""

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mggc.errors import MggcError
from mggc.report.labels import percent
from mggc.report.page import Page, build_page, sort_out
from mggc.runs.atomic import write_text
from mggc.stages.context import Reporter, Silence

MARK = '<meta name="generator" content="mggc report">'
REPORT_NAME = "report.html"


def write_report(
    paths: Sequence[Path],
    out: Path | None = None,
    *,
    pictures: int = 8,
    map_images: int = 200,
    force: bool = False,
    reporter: Reporter | None = None,
) -> Path:
    """Write a report on some runs and comparisons; the file that was written.

    Args:
        paths: Runs, or folders with a ``compare.json``, ``ablate.json`` or ``sweep.json``, or such files.
        out: The HTML file; absent: ``report.html`` in the one folder given, or in the current one for several.
        pictures: Test images shown side by side.
        map_images: Test images that neighbourhoods and the map of the manifold are made of.
        force: Replace a file that is no report.
        reporter: Where progress goes.

    Raises:
        MggcError: A path is no run and no comparison, nothing was compressed in it yet, or the file is someone else's.
    """
    if not paths:
        raise MggcError("A report is about at least one run; none was given. Name one: mggc report RUN.")
    target = out or default_out(paths)
    _refuse_to_replace(target, force=force)
    page = build_page(paths, pictures=pictures, map_images=map_images, reporter=reporter or Silence())
    write_text(target, render(page))
    return target


def default_out(paths: Sequence[Path]) -> Path:
    """Where a report goes when nobody says."""
    first = paths[0]
    runs, _ = sort_out(paths)
    # A folder of two directions holds them and nothing else, or it could not be continued.
    if len(paths) > 1 or (runs and runs != [first]):
        return Path(REPORT_NAME)
    return (first.parent if first.is_file() else first) / REPORT_NAME


def render(page: Page) -> str:
    """The page as HTML, with style, script, plots and pictures inside."""
    environment = Environment(
        loader=PackageLoader("mggc.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    style, script = (Markup(_template(name)) for name in ("style.css", "script.js"))  # our own files
    html = environment.get_template("report.html").render(
        page=page, style=style, script=script, mark=Markup(MARK)
    )
    return f"{html}\n"


def _template(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")


def _refuse_to_replace(target: Path, *, force: bool) -> None:
    if target.is_dir():
        raise MggcError(f"--out is an HTML file; {target} is a folder. Name a file in it.")
    if force or not target.exists():
        return
    with target.open(encoding="utf-8", errors="replace") as file:
        if MARK not in file.read(1000):
            raise MggcError(
                f"{target} is there already and is no report. Choose another --out, or replace it with --force."
            )
