"""Running a pipeline or a stage with progress, and showing what came of it."""

from pathlib import Path
from typing import Any

from mggc.cli.console import ConsoleReporter, print_json, quantity, show, table_of
from mggc.cli.results import results_table
from mggc.config import CompressConfig
from mggc.runs.rundir import RunDir, StageName
from mggc.runs.settings import to_toml
from mggc.stages.aim import aimed, toward
from mggc.stages.both import DIRECTIONS, compress_both
from mggc.stages.compress import complete, compress_run
from mggc.stages.latency_budget import found_line
from mggc.stages.latency_fit import delivered_line
from mggc.stages.predict import predict
from mggc.stages.single import run_stage
from mggc.stages.source import GeneratorSource


def compress_both_and_show(
    config: CompressConfig, out: Path, *, generator: GeneratorSource | None, force: bool, as_json: bool
) -> None:
    """Run the pipeline for both directions of a CycleGAN, then print a table for each."""
    with ConsoleReporter() as reporter:
        both = compress_both(config, out, generator=generator, force=force, reporter=reporter)
    for direction, result in both.directions.items():
        show(results_table(result, heading=direction), as_json=as_json)
        show(f"Run: {result.run}\n", as_json=as_json)
    if as_json:
        print_json(both.to_json())


def compress_and_show(
    config: CompressConfig, out: Path, *, generator: GeneratorSource | None, force: bool, as_json: bool
) -> None:
    """Run the pipeline, then print the table original / compressed and where everything lies."""
    with ConsoleReporter() as reporter:
        result = compress_run(config, out, generator=generator, force=force, reporter=reporter)
    show(results_table(result), as_json=as_json)
    if result.latency is not None and "delivered" in result.latency:
        show(f"\n{delivered_line(result.latency)}", as_json=as_json)
    show(f"\nRun: {result.run}", as_json=as_json)
    show(f"Compressed generator: {result.compressed}", as_json=as_json)
    show(f"Pictures: {result.run / 'evaluate' / 'grid.png'}", as_json=as_json)
    if as_json:
        print_json(result.to_json())


def dry_run_and_show(config: CompressConfig, generator: GeneratorSource | None, *, as_json: bool) -> None:
    """Print the resolved settings and what uniform width would leave of the network."""
    if config.compress == "both":
        shown = {
            direction: _predict_and_show(*toward(direction, config, generator, pair=True), as_json=as_json)
            for direction in DIRECTIONS
        }
        content: dict[str, Any] = {"directions": shown}
    else:
        content = _predict_and_show(*aimed(config, generator), as_json=as_json)
    if as_json:
        print_json(content)


def _predict_and_show(
    config: CompressConfig, generator: GeneratorSource | None, *, as_json: bool
) -> dict[str, Any]:
    resolved = complete(config, generator)
    prediction = predict(resolved, generator)
    rows = [[name, str(before), str(after)] for name, (before, after) in prediction.widths.items()]
    for title, costs in (("MACs", prediction.macs), ("parameters", prediction.parameters)):
        rows.append([title, quantity(costs["original"]), quantity(costs["compressed"])])
    show(to_toml(resolved), as_json=as_json)
    if prediction.latency is not None:
        show(f"{found_line(prediction.latency)}\n", as_json=as_json)
    title = f"At uniform width, budget {quantity(prediction.budget)} MACs ({resolved.macs_convention})"
    show(table_of(title, ["channel group", "original", "compressed"], rows), as_json=as_json)
    return {"config": resolved.model_dump(), "prediction": prediction.to_json()}


def stage_and_show(
    path: Path, name: StageName, overrides: dict[str, Any], *, force: bool, as_json: bool
) -> RunDir:
    """Run one stage, then print what it recorded."""
    with ConsoleReporter() as reporter:
        run = run_stage(path, name, overrides, force=force, reporter=reporter)
    done = run.stage(name).done() or {}
    record = {"run": str(path), "stage": name, **{key: done[key] for key in done if key != "digest"}}
    show("  ".join(f"{key}: {value}" for key, value in record.items()), as_json=as_json)
    if as_json:
        print_json(record)
    return run
