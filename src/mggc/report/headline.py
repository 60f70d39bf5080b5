"""What the compression came to, in three to five figures."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, stdev
from typing import NamedTuple

from mggc.metrics.names import base_name, better, metric_label
from mggc.metrics.results import Measurement
from mggc.report.labels import number, quantity, times
from mggc.report.tables import Figures, half_interval

CLOSENESS = (
    "ssim",
    "mean_iou",
    "lpips",
    "fid",
    "kid",
    "frechet",
    "kernel",
    "mean_absolute_error",
    "neighborhood_preservation",
)
"""Metrics that may head the page, in the order of preference."""
CLOSENESS_TILES = 2


class Tile(NamedTuple):
    """One figure of the headline."""

    value: str
    label: str
    detail: str
    spread: str = ""
    """What follows the value in smaller type: ± something."""


def headline(runs: Sequence[Mapping[str, Figures]]) -> list[Tile]:
    """How much smaller and faster, and how close: of one run, or mean ± standard deviation over runs of several seeds.

    Args:
        runs: The figures of each seed, by network, then by metric.
    """
    complete = [run for run in runs if "original" in run and "compressed" in run]
    if not complete:
        return []
    return [*_cost_tiles(complete), *_closeness_tiles(complete)]


def _cost_tiles(runs: Sequence[Mapping[str, Figures]]) -> list[Tile]:
    tiles = []
    for name, label in (
        ("macs", "fewer multiply-adds"),
        ("latency", "faster"),
        ("file_size", "smaller file"),
    ):
        pairs = [_pair(run, name) for run in runs]
        ratios = [before.value / after.value for before, after in pairs if before.value and after.value]
        if len(ratios) != len(runs):
            continue
        detail = f"{quantity(*_mean(p[0] for p in pairs))} → {quantity(*_mean(p[1] for p in pairs))}"
        if len(ratios) > 1:
            detail += f"; sd over {len(ratios)} seeds {number(stdev(ratios), digits=2)}"
        elif (interval := _latency_interval(*pairs[0])) is not None:
            detail += f"; {times(interval[0])} to {times(interval[1])} by the spread of timings"
        ratio = fmean(ratios)
        if name == "latency" and ratio < 1:
            ratio, label = 1 / ratio, "slower"
        tiles.append(Tile(times(ratio), label, detail))
    return tiles


def _closeness_tiles(runs: Sequence[Mapping[str, Figures]]) -> list[Tile]:
    names = [
        name
        for wanted in CLOSENESS
        for name in runs[0]["compressed"]
        if base_name(name) == wanted and all(_may_lead(run["compressed"].get(name)) for run in runs)
    ]
    return [_closeness_tile(runs, name) for name in names[:CLOSENESS_TILES]]


def _closeness_tile(runs: Sequence[Mapping[str, Figures]], name: str) -> Tile:
    figures = [run["compressed"][name] for run in runs]
    towards = {1: " (higher is better)", -1: " (lower is better)", 0: ""}[better(name)]
    if len(figures) == 1:
        half = half_interval(figures[0])
        spread = "" if half is None else f"± {number(half, digits=2)}"
    else:
        spread = f"± {number(stdev(_values(figures)), digits=2)}"
    originals = [run["original"][name] for run in runs if _value(run, "original", name) is not None]
    detail = f"original {quantity(*_mean(originals))}" if originals else "1 would be the same"
    if len(figures) > 1:
        detail += f"; ± standard deviation over {len(figures)} seeds"
    elif spread:
        detail += f"; ± 95 % interval over {figures[0].protocol.get('sources')} images"
    return Tile(number(fmean(_values(figures))), f"{metric_label(name)}{towards}", detail, spread)


def _may_lead(figure: Measurement | None) -> bool:
    """Whether a figure is there, and does not warn of itself as Fréchet distances of few images do."""
    return figure is not None and figure.value is not None and "warning" not in figure.protocol


def _pair(run: Mapping[str, Figures], name: str) -> tuple[Measurement, Measurement]:
    nothing = Measurement(None, "")
    return run["original"].get(name, nothing), run["compressed"].get(name, nothing)


def _value(run: Mapping[str, Figures], network: str, name: str) -> float | int | None:
    figure = run[network].get(name)
    return None if figure is None else figure.value


def _values(figures: Sequence[Measurement]) -> list[float]:
    return [float(figure.value) for figure in figures if figure.value is not None]


def _mean(figures: Iterable[Measurement]) -> tuple[float, str]:
    listed = list(figures)
    return fmean(_values(listed)), listed[0].unit


def _latency_interval(before: Measurement, after: Measurement) -> tuple[float, float] | None:
    """Least and greatest speed-up that the 10th and 90th percentiles of both allow."""
    ends = [figure.protocol.get(key) for figure in (before, after) for key in ("p10_ms", "p90_ms")]
    if not all(isinstance(end, int | float) and end > 0 for end in ends):
        return None
    fast_before, slow_before, fast_after, slow_after = (float(end or 0) for end in ends)
    return fast_before / slow_after, slow_before / fast_after
