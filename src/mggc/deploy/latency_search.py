"""From a latency to a budget of MACs: measure networks of several sizes, interpolate, verify."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from mggc.errors import MggcError

Measure = Callable[[Sequence[int]], dict[int, float]]
"""Milliseconds of networks of about so many MACs each, timed side by side."""

SHARES = (0.05, 0.2, 0.5)
"""Of the original's MACs: the sizes that are measured besides the least and the whole."""
AIM = 0.97
"""Share of the wanted latency that the search aims at, and what lies between this and the next is found."""
CLOSE_ENOUGH = 0.94
ATTEMPTS = 4


class FoundBudget(NamedTuple):
    """The end of a search."""

    macs: int
    milliseconds: float
    """Measured in the last turns, together with smaller and larger networks."""


def check_reachable(target_ms: float, least_ms: float, least_macs: int) -> None:
    """Refuse a latency that no network of this architecture meets.

    Raises:
        MggcError: The least network takes longer; the message says how long.
    """
    if least_ms > target_ms:
        raise MggcError(
            f"A latency of {target_ms:.4g} ms was wanted. The least network, {least_macs:,} MACs with one channel in "
            f"every group, takes {least_ms:.3g} ms here; raise --budget above that."
        )


def sweep(target_ms: float, measure: Measure, *, least: int, total: int) -> dict[int, float]:
    """Milliseconds by MACs, from the least network to the original, all timed side by side.

    Raises:
        MggcError: The least network takes longer than wanted, or the original no longer than that.
    """
    points = [least, *(int(share * total) for share in SHARES if share * total > least), total]
    curve = measure(points)
    check_reachable(target_ms, curve[least], least)
    if curve[total] <= target_ms:
        raise MggcError(
            f"A latency of {target_ms:.4g} ms was wanted. The original takes {curve[total]:.3g} ms here already; lower "
            "--budget."
        )
    return curve


def refine(target_ms: float, measure: Measure, curve: Mapping[int, float]) -> FoundBudget:
    """The most MACs that meet the latency, within a few percent.

    Each attempt times the candidate beside the sweep's next smaller and larger network, so that a machine that has
    become slower since does not count against it.

    Args:
        target_ms: What is not to be exceeded.
        measure: Times candidates; their widths may be rounded otherwise than the sweep's.
        curve: What `sweep` found.

    Raises:
        MggcError: No attempt met the latency: the machine is too busy to measure.
    """
    curve, ratio, met = dict(curve), 1.0, []
    for _ in range(ATTEMPTS):
        candidate = solve(curve, AIM * target_ms / ratio)
        neighbors = _around(curve, candidate)
        fresh = measure([*neighbors, candidate])
        curve |= {macs: fresh[macs] for macs in neighbors}
        found = FoundBudget(candidate, fresh[candidate])
        if found.milliseconds <= target_ms:
            met.append(found)
            if found.milliseconds >= CLOSE_ENOUGH * target_ms:
                return found
        ratio = found.milliseconds / predicted(curve, candidate)
    if not met:
        raise MggcError(
            f"No network measured at {target_ms:.4g} ms or less in {ATTEMPTS} attempts, the last at "
            f"{found.milliseconds:.3g} ms: the machine is busy. Wait for it, or give the budget in MACs."
        )
    return max(met)


def solve(curve: Mapping[int, float], milliseconds: float) -> int:
    """The MACs at which the curve reaches a latency, linear between its points; its ends where it does not."""
    points = _rising(curve)
    for (low, fast), (high, slow) in pairwise(points):
        if fast <= milliseconds < slow:
            return round(low + (high - low) * (milliseconds - fast) / (slow - fast))
    return points[0][0] if milliseconds < points[0][1] else points[-1][0]


def predicted(curve: Mapping[int, float], macs: int) -> float:
    """The curve's latency at so many MACs, linear between its points."""
    points = _rising(curve)
    for (low, fast), (high, slow) in pairwise(points):
        if low <= macs <= high:
            return fast + (slow - fast) * (macs - low) / (high - low)
    return points[0][1] if macs < points[0][0] else points[-1][1]


def _rising(curve: Mapping[int, float]) -> list[tuple[int, float]]:
    """The curve in order, with what noise made fall lifted to what came before."""
    points: list[tuple[int, float]] = []
    for macs in sorted(curve):
        points.append((macs, max(curve[macs], points[-1][1]) if points else curve[macs]))
    return points


def _around(curve: Mapping[int, float], macs: int) -> list[int]:
    below = [point for point in curve if point < macs]
    above = [point for point in curve if point > macs]
    return [*([max(below)] if below else []), *([min(above)] if above else [])]


def best_multiple(milliseconds_per_mac: Mapping[int, float], *, worth: float = 0.03) -> int:
    """The smallest multiple within ``worth`` of the fastest: rounder widths have to pay for what they cost in choice."""
    fastest = min(milliseconds_per_mac.values())
    return min(multiple for multiple, each in milliseconds_per_mac.items() if each <= (1 + worth) * fastest)
