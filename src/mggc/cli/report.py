"""``mggc report``: runs as one HTML file."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from mggc.cli.options import ForceOption, JsonOption
from mggc.config import PositiveInt


def report_command(
    runs: Annotated[
        list[Path],
        Parameter(help="Runs, or folders with the results of a comparison, an ablation or a sweep."),
    ],
    /,
    *,
    out: Annotated[
        Path | None,
        Parameter(
            help="The HTML file; absent: report.html in the run's folder, or in the current one for several runs."
        ),
    ] = None,
    pictures: Annotated[PositiveInt, Parameter(help="Test images shown side by side.")] = 8,
    map_images: Annotated[
        PositiveInt,
        Parameter(help="Test images that neighbourhoods and the map of the manifold are made of."),
    ] = 200,
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Write one HTML file, for any browser and without a network, on what runs came to.

    It shows original and compressed side by side on test images, what the compression costs and saves, the metrics with
    their protocol, the channels that each layer keeps, the game's curves, neighbourhoods and a map of the manifold, and
    all settings. An unfinished run is shown as far as it came. An earlier report is replaced.
    """
    from mggc.cli.console import ConsoleReporter, print_json, show
    from mggc.report.render import write_report

    with ConsoleReporter() as reporter:
        written = write_report(
            runs, out, pictures=pictures, map_images=map_images, force=force, reporter=reporter
        )
    show(f"Report: {written}", as_json=json)
    if json:
        print_json({"out": str(written)})
