"""A budget given as a latency: found once for each run.

``budget.json`` in the run says what was measured, how, and on which machine. A run that is continued, there or elsewhere,
reads it and measures nothing again.
"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mggc.budget import macs_text, parse_budget, parse_latency
from mggc.config import CompressConfig
from mggc.deploy.bench import Subject
from mggc.deploy.bench_machine import busy
from mggc.deploy.latency_budget import WidthTimer, check_latency, choose_multiple, find_budget
from mggc.deploy.latency_meter import LatencyMeter
from mggc.networks.files import read_config
from mggc.pruning.macs import MacsCounter
from mggc.runs.atomic import read_json, write_json
from mggc.runs.rundir import RunDir, digest_of
from mggc.stages.context import Context
from mggc.stages.networks import generator_table, load_original, original_folder

RECORD_NAME = "budget.json"


def needs_measuring(config: CompressConfig) -> bool:
    """Whether the budget, or the multiple of widths, is found by measurement."""
    return parse_latency(config.budget) is not None or bool(config.prune.measured_widths)


def resolve_budget(context: Context) -> Context:
    """The context of a run whose budget is one of MACs and whose ``multiple_of`` is a number.

    What has to be measured for that is measured once, by one process, and written into the run.

    Raises:
        MggcError: The least network takes longer than the latency wanted, or the original does not.
    """
    run, config = context.run, context.config
    record = run_latency(run)
    context.fabric.barrier()  # every process has read what the leader may now change
    if not needs_measuring(config):
        return context
    made_for = _made_for(run)
    if record is None or record["made_for"] != made_for:
        if context.leader:
            _find(context, made_for)
        context.fabric.barrier()
        record = read_json(run.path / RECORD_NAME)
    prune = config.prune.model_copy(update={"multiple_of": record["multiple_of"], "measured_widths": False})
    resolved = config.model_copy(update={"budget": macs_text(record["macs"]), "prune": prune})
    return replace(context, run=RunDir(run.path, resolved))


def run_latency(run: RunDir) -> dict[str, Any] | None:
    """What was measured for a run's budget, be that as given or resolved; None where nothing was."""
    path = run.path / RECORD_NAME
    record: dict[str, Any] | None = read_json(path) if path.is_file() else None
    if record is None or run.config.budget not in (record["budget"], macs_text(record["macs"])):
        return None
    return record


def measured_budget(config: CompressConfig, original: Subject, counter: MacsCounter) -> dict[str, Any]:
    """The MACs and the multiple of widths that a configuration asks to be measured, and how they were found.

    Raises:
        MggcError: No network meets the latency, or the original does.
    """
    target = parse_latency(config.budget)
    chosen = config.prune.measured_widths
    measure_multiple = config.prune.multiple_of == 1 if chosen is None else chosen
    with TemporaryDirectory(prefix="mggc-latency-") as folder:
        meter = LatencyMeter(config.latency, image_size=config.data.image_size, folder=Path(folder))
        timer = WidthTimer(original, counter, meter)
        if target is None:
            macs = parse_budget(config.budget, total_macs=counter.total)
            multiple, times = choose_multiple(timer, macs)
            found: dict[str, Any] = {"macs": macs, "multiple_of": multiple, "multiples_ms": times}
        else:
            wanted = None if measure_multiple else config.prune.multiple_of
            found = find_budget(timer, target, multiple_of=wanted).to_json()
        return {"budget": config.budget, "total_macs": counter.total, **found, **meter.protocol()}


def refuse_unreachable(config: CompressConfig, original: Subject, counter: MacsCounter) -> None:
    """A quick look, before anything is trained, at whether the least network meets a latency.

    Raises:
        MggcError: It does not.
    """
    target = parse_latency(config.budget)
    if target is not None:
        with TemporaryDirectory(prefix="mggc-latency-") as folder:
            meter = LatencyMeter(config.latency, image_size=config.data.image_size, folder=Path(folder))
            check_latency(WidthTimer(original, counter, meter), target)


def _made_for(run: RunDir) -> str:
    """What the found numbers depend on, besides the machine."""
    config, network = run.config, read_config(original_folder(run, "generator"))
    return digest_of(
        "latency budget",
        config.budget,
        config.macs_convention,
        config.data.image_size,
        config.latency.model_dump(),
        config.prune.model_dump(include={"multiple_of", "measured_widths", "drop_blocks"}),
        network.network.model_dump(),
        network.layers,
    )


def _find(context: Context, made_for: str) -> None:
    loaded, config = load_original(context.run, "generator"), context.config
    counter = MacsCounter(generator_table(context.run, loaded.network), convention=config.macs_convention)
    context.reporter.message(f"Measuring on this machine what a budget of {config.budget} leaves.")
    record = measured_budget(config, Subject(loaded.network, loaded.spec), counter)
    write_json(context.run.path / RECORD_NAME, {"made_for": made_for, **record})
    context.reporter.message(found_line(record))
    if (warning := busy(record["machine"])) is not None:
        context.reporter.message(warning)


def found_line(record: dict[str, Any]) -> str:
    """What was found, in one line."""
    share = record["macs"] / record["total_macs"]
    return (
        f"A budget of {record['budget']} is {record['macs']:,} MACs here ({share:.1%} of the original's), in widths that "
        f"are multiples of {record['multiple_of']} ({record['backend']}, threads: {record['threads']})."
    )
