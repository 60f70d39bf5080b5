"""``mggc neighbors``: teacher images and their neighbourhoods."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from mggc.cli.options import ForceOption, JsonOption, RunArg
from mggc.config import NonNegativeInt, PositiveInt, RuntimeConfig


def neighbors_command(
    run: RunArg,
    /,
    *,
    neighbors: Annotated[
        NonNegativeInt | None,
        Parameter(name=["--neighbors", "-k"], help="k of Eq. 1; the run's when absent."),
    ] = None,
    show: Annotated[
        PositiveInt | None,
        Parameter(help="Draw so many neighbourhoods: centre in red, neighbours in blue (Figure 2)."),
    ] = None,
    runtime: Annotated[RuntimeConfig, Parameter(name="*")] = RuntimeConfig(),
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Run the original generator over all source images and find each result's nearest (Eq. 1)."""
    from mggc.cli.console import show as show_text
    from mggc.cli.running import stage_and_show

    overrides = {
        "prune": {} if neighbors is None else {"neighbors": neighbors},
        "runtime": runtime.model_dump(exclude_unset=True),
    }
    stage_and_show(run, "neighbors", overrides, force=force, as_json=json)
    if show is not None:
        show_text(f"Pictures: {_draw(run, show)}", as_json=json)


def _draw(path: Path, count: int) -> Path:
    from mggc.runs.rundir import RunDir
    from mggc.stages.find_neighbors import draw_neighborhoods

    return draw_neighborhoods(RunDir.open(path), count)
