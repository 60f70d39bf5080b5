"""``mggc ablate``: what each part of the method adds."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from mggc.cli.compare import SEEDS, BudgetsOption, GridOutOption, SeedsOption
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


def ablate_command(
    data: DataArg,
    /,
    *,
    budgets: BudgetsOption = None,
    seeds: SeedsOption = "3",
    settings: Annotated[CompressConfig, Parameter(name="*")] = CompressConfig(),
    generator: GeneratorOption = None,
    weights: WeightsOption = None,
    unet_dropout: UnetDropoutOption = None,
    concat_order: ConcatOrderOption = "skip_first",
    out: GridOutOption = Path("runs/ablate"),
    config: ConfigOption = None,
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Run the six rows of Table 2, from free logits to the whole method, from one original.

    The same command continues an interrupted ablation and tries failed runs again.
    """
    from mggc.cli.grids import budgets_of, read_settings, run_and_show, source_of
    from mggc.stages.comparison.ablation import VARIED, ablation_rows
    from mggc.stages.comparison.grid import Grid, parse_seeds

    varied = (*VARIED, *SEEDS, *(["budget"] if budgets is not None else []))
    merged = read_settings(data, settings, config, varied=varied)
    grid = Grid(ablation_rows(merged.prune.neighbors), budgets_of(merged, budgets), parse_seeds(seeds))
    run_and_show(
        merged,
        grid,
        out,
        generator=source_of(generator, weights, unet_dropout, concat_order),
        force=force,
        as_json=json,
        name="ablate",
        title="Ablation",
    )
