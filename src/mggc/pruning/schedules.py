"""How τ and the budget move over the game."""

from math import pow


def temperature(start: float, end: float | None, progress: float) -> float:
    """τ after a share ``progress`` of the game: from ``start`` to ``end`` by equal factors; constant without an end."""
    return start if end is None else start * pow(end / start, progress)


def allowed_macs(budget: int, total: int, *, tightening: float, progress: float) -> int:
    """MACs allowed after a share ``progress`` of the game: from all to the budget by equal factors.

    Args:
        budget: MACs allowed at the end.
        total: MACs of the whole network.
        tightening: Share of the game after which the budget holds in full; 0: from the start.
        progress: Share of the game that has been played, 0 to 1.
    """
    if progress >= tightening:
        return budget
    return round(total * pow(budget / total, progress / tightening))
