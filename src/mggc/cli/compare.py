"""``mggc compare``: methods side by side."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

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

GridOutOption = Annotated[
    Path,
    Parameter(name="--out", help="Folder for shared stages, runs and results: new, empty or unfinished."),
]
BudgetsOption = Annotated[
    str | None,
    Parameter(help="Budgets, for example 0.2,0.1,3.05G; the settings' one when absent."),
]
SeedsOption = Annotated[
    str,
    Parameter(
        help="How many seeds (3 is 0, 1, 2), or which (4,7), for the choice of channels and finetuning; what comes "
        "before has --seed."
    ),
]
SEEDS = ("prune.seed", "finetune.seed")


def compare_command(
    data: DataArg,
    /,
    *,
    methods: Annotated[
        str,
        Parameter(
            help="Ways of choosing channels, as --prune.method names them; game:cat distils as --finetune.distiller cat does, game:none not at all."
        ),
    ] = "uniform,l1_norm,game",
    budgets: BudgetsOption = None,
    seeds: SeedsOption = "3",
    settings: Annotated[CompressConfig, Parameter(name="*")] = CompressConfig(),
    generator: GeneratorOption = None,
    weights: WeightsOption = None,
    unet_dropout: UnetDropoutOption = None,
    concat_order: ConcatOrderOption = "skip_first",
    out: GridOutOption = Path("runs/compare"),
    config: ConfigOption = None,
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Compare methods from one original, with the same data, budgets and finetuning, over several seeds.

    The same command continues an interrupted comparison and tries failed runs again.
    """
    from mggc.cli.grids import budgets_of, read_settings, run_and_show, source_of
    from mggc.stages.comparison.grid import Grid, method_rows, parse_seeds

    varied = ("prune.method", *SEEDS, *(["budget"] if budgets is not None else []))
    merged = read_settings(data, settings, config, varied=varied)
    grid = Grid(method_rows(methods), budgets_of(merged, budgets), parse_seeds(seeds))
    run_and_show(
        merged,
        grid,
        out,
        generator=source_of(generator, weights, unet_dropout, concat_order),
        force=force,
        as_json=json,
        name="compare",
        title="Comparison",
    )
