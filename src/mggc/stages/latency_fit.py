"""Holding to a latency budget: the plan is timed before finetuning, the delivered network after it."""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mggc.baselines.scores import l1_scores
from mggc.config import LatencyConfig
from mggc.deploy.bench import Subject
from mggc.deploy.latency_budget import Size, WidthTimer
from mggc.deploy.latency_meter import LatencyMeter
from mggc.deploy.latency_search import AIM, predicted, solve
from mggc.networks.files import load_network
from mggc.pruning.cut import cut
from mggc.pruning.macs import MacsCounter, count_macs
from mggc.pruning.plan import ChannelPlan, narrower_plan
from mggc.runs.atomic import write_json
from mggc.stages.context import Context
from mggc.stages.latency_budget import RECORD_NAME, run_latency
from mggc.stages.networks import generator_table, load_original

NARROWINGS = 4
PLAN_TOLERANCE = 0.05
"""How far above the wanted latency a plan may be before finetuning."""
TOLERANCE = 0.1
"""How far above it the delivered network may be."""


def fit_plan(context: Context, plan: ChannelPlan, counter: MacsCounter) -> ChannelPlan:
    """The plan, narrowed where the channels that were chosen take longer than the run's latency allows.

    The plan's network is timed beside the one that the budget was found with, so that a machine that has become busy
    since does not count against it.
    """
    record = run_latency(context.run)
    if record is None or "target_ms" not in record or not context.leader:
        return plan
    loaded = load_original(context.run, "generator")
    original, target = Subject(loaded.network, loaded.spec), record["target_ms"]
    curve = {int(macs): milliseconds for macs, milliseconds in record["curve_ms"].items()}
    with TemporaryDirectory(prefix="mggc-latency-") as folder:
        timer = WidthTimer(original, counter, _meter(record, Path(folder)))
        for _ in range(NARROWINGS):
            macs = round(counter(plan.mask(counter.table)).item())
            estimate = _beside_reference(timer, record, f"plan of {macs} MACs", partial(_cut, timer, plan))
            if estimate <= (1 + PLAN_TOLERANCE) * target:
                break
            slowness = estimate / predicted(curve, macs)
            budget = min(solve(curve, AIM * target / slowness), int(AIM * macs))
            plan = narrower_plan(
                plan,
                l1_scores(loaded.network, counter.table),
                counter,
                budget=budget,
                multiple_of=record["multiple_of"],
            )
            context.reporter.message(
                f"The chosen channels take {estimate:.3g} ms where {target:.4g} ms were wanted: narrowed from {macs:,} "
                f"MACs to at most {budget:,} before finetuning."
            )
    return plan


def measure_delivered(context: Context) -> None:
    """Measure the compressed network of a run with a latency budget, say whether it meets it, and write that down."""
    record = run_latency(context.run)
    if record is None or "target_ms" not in record:
        return
    convention = context.config.macs_convention
    loaded, compressed = load_original(context.run, "generator"), load_network(context.run.compressed)
    counter = MacsCounter(generator_table(context.run, loaded.network), convention=convention)
    with TemporaryDirectory(prefix="mggc-latency-") as folder:
        timer = WidthTimer(Subject(loaded.network, loaded.spec), counter, _meter(record, Path(folder)))
        reference = partial(timer.narrow, _reference(record))
        delivered = partial(Subject, compressed.network, compressed.spec)
        found = timer.meter({"reference": reference, "delivered": delivered})
        machine = timer.meter.protocol()["machine"]
    median = found["delivered"].median_ms
    # What it would have taken when the budget was found: the reference tells how much slower the machine is now.
    then = record["milliseconds"] * median / found["reference"].median_ms
    record["delivered"] = {
        **found["delivered"]._asdict(),
        "when_found_ms": then,
        "macs": count_macs(compressed.network, record["image_size"], convention=convention),
        "met": min(median, then) <= (1 + TOLERANCE) * record["target_ms"],
        "machine": machine,
    }
    write_json(context.run.path / RECORD_NAME, record)
    context.reporter.message(delivered_line(record))


def delivered_line(record: dict[str, Any]) -> str:
    """What came of a latency budget, in one line."""
    delivered, target = record["delivered"], record["target_ms"]
    threads = f"{record['threads']} thread{'s' * (record['threads'] > 1)}"
    line = (
        f"The compressed generator takes {delivered['median_ms']:.3g} ms ({record['backend']}, {threads}); "
        f"{target:.4g} ms were wanted."
    )
    if delivered["median_ms"] > (1 + TOLERANCE) * target:
        line += f" The machine is busier than when the budget was found; then it would have been {delivered['when_found_ms']:.3g} ms."
    return line if delivered["met"] else f"{line} That misses the budget by more than {TOLERANCE:.0%}."


def _meter(record: dict[str, Any], folder: Path) -> LatencyMeter:
    """As the budget was measured."""
    config = LatencyConfig(backend=record["backend"], threads=record["threads"], rounds=record["rounds"])
    return LatencyMeter(config, image_size=record["image_size"], folder=folder)


def _reference(record: dict[str, Any]) -> Size:
    return Size(record["macs"], record["multiple_of"])


def _cut(timer: WidthTimer, plan: ChannelPlan) -> Subject:
    network = cut(timer.original.network, timer.counter.table, plan).eval()
    return Subject(network, timer.original.spec)


def _beside_reference(timer: WidthTimer, record: dict[str, Any], name: str, make: partial[Subject]) -> float:
    """What a network would have taken when the budget was found."""
    found = timer.meter({"reference": partial(timer.narrow, _reference(record)), name: make})
    milliseconds: float = record["milliseconds"] * found[name].median_ms / found["reference"].median_ms
    return milliseconds
