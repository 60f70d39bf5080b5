"""``mggc sweep``: the game under several values of one setting."""

import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from mggc.cli.compare import SEEDS, GridOutOption, SeedsOption
from mggc.cli.options import (
    ConcatOrderOption,
    ConfigOption,
    DataArg,
    ForceOption,
    GeneratorOption,
    JsonOption,
    UnetDropoutOption,
    WeightsOption,
)
from mggc.config import CompressConfig
from mggc.errors import MggcError


def sweep_command(
    data: DataArg,
    /,
    *,
    lambda1: Annotated[str | None, Parameter(help="Values of --prune.lambda1, for example 1,3,10.")] = None,
    vary: Annotated[
        str | None, Parameter(help="Another setting of the game and its values: prune.tau=0.2,0.4,0.8.")
    ] = None,
    seeds: SeedsOption = "1",
    with_finetuning: Annotated[
        bool, Parameter(negative="", help="Finetune and evaluate too, instead of stopping after the game.")
    ] = False,
    settings: Annotated[CompressConfig, Parameter(name="*")] = CompressConfig(),
    generator: GeneratorOption = None,
    weights: WeightsOption = None,
    unet_dropout: UnetDropoutOption = None,
    concat_order: ConcatOrderOption = "skip_first",
    out: GridOutOption = Path("runs/sweep"),
    config: ConfigOption = None,
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Play the game with several values of a setting and draw its curves, as Figure 4 does for λ1.

    The same command continues an interrupted sweep and tries failed runs again.
    """
    from mggc.cli.console import ConsoleReporter, print_json, show, table_of
    from mggc.cli.grids import read_settings, source_of
    from mggc.stages.comparison.grid import parse_seeds
    from mggc.stages.comparison.sweep import sweep

    setting, values = _varied(lambda1, vary)
    merged = read_settings(data, settings, config, varied=("prune.method", setting, *SEEDS))
    with ConsoleReporter() as reporter:
        found = sweep(
            merged,
            setting,
            values,
            out,
            seeds=parse_seeds(seeds),
            finetuned=with_finetuning,
            generator=source_of(generator, weights, unet_dropout, concat_order),
            force=force,
            reporter=reporter,
        )
    title = f"The game at budget {found.results['budget']}, last iteration"
    rows = _rows(found.results)
    show(
        table_of(title, [setting, "seed", "L_G", "L_D", "R", "MACs", "G kept", "D kept"], rows), as_json=json
    )
    show(f"Written: {', '.join(str(path) for path in found.files)}", as_json=json)
    if json:
        print_json({"out": str(out), "failed": found.failed, **found.results})
    if found.all_failed:
        sys.exit(1)


def _varied(lambda1: str | None, vary: str | None) -> tuple[str, list[str]]:
    """The setting that varies and its values."""
    if (lambda1 is None) == (vary is None):
        raise MggcError("A sweep varies one setting: give --lambda1 1,3,10, or --vary prune.tau=0.2,0.4.")
    if lambda1 is not None:
        return "prune.lambda1", lambda1.split(",")
    setting, equals, values = (vary or "").partition("=")
    if not equals:
        raise MggcError(f"--vary is a setting and its values: prune.tau=0.2,0.4. Found {vary!r}.")
    return setting.strip().replace("-", "_"), values.split(",")


def _rows(results: dict[str, Any]) -> list[list[str]]:
    """The last figures of each run; its error where it failed."""
    from mggc.stages.comparison.curves import CURVES

    games = {(game["value"], game["seed"]): game for game in results["curves"]}
    rows = []
    for run in results["runs"]:
        game = games.get((run["value"], run["seed"]), {})
        figures = [f"{game[name][-1]:.3g}" if name in game else "" for name in CURVES]
        shown = figures if run["error"] is None else [run["error"], *[""] * (len(CURVES) - 1)]
        rows.append([str(run["value"]), str(run["seed"]), *shown])
    return rows
