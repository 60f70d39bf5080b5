from collections.abc import Callable, Sequence

import pytest

from mggc.deploy.latency_search import (
    Measure,
    best_multiple,
    check_reachable,
    predicted,
    refine,
    solve,
    sweep,
)
from mggc.errors import MggcError

LEAST, TOTAL = 10, 100_000
ORIGINAL_MS = 102.0


def milliseconds(macs: int) -> float:
    """A network's fixed cost and its multiply-adds."""
    return 2.0 + 100.0 * macs / TOTAL


def machine(busy: Callable[[int], float] = lambda call: 1.0, wide: float = 1.0) -> tuple[Measure, list[int]]:
    """A timer for this network, ``busy`` times slower in each call; candidates cost ``wide`` times what the sweep's do."""
    calls: list[int] = []
    swept: set[int] = set()

    def measure(budgets: Sequence[int]) -> dict[int, float]:
        slowness = busy(len(calls))
        calls.append(len(budgets))
        if not swept:
            swept.update(budgets)
        return {macs: slowness * milliseconds(macs) * (1.0 if macs in swept else wide) for macs in budgets}

    return measure, calls


@pytest.mark.parametrize("target", [5.0, 20.0, 60.0, 101.0])
@pytest.mark.parametrize("wide", [0.8, 1.0, 1.3])
def test_the_found_budget_meets_the_latency_and_uses_it(target: float, wide: float) -> None:
    measure, _ = machine(wide=wide)
    curve = sweep(target, measure, least=LEAST, total=TOTAL)
    found = refine(target, measure, curve)
    true = wide * milliseconds(found.macs)
    assert true == pytest.approx(found.milliseconds)
    if wide * ORIGINAL_MS > target:
        assert 0.94 * target <= true <= target


def test_a_machine_that_becomes_slower_is_measured_beside_its_own_new_times() -> None:
    measure, calls = machine(busy=lambda call: 1.0 if call == 0 else 1.5)
    curve = sweep(30.0, measure, least=LEAST, total=TOTAL)
    found = refine(30.0, measure, curve)
    assert 0.94 * 30 <= 1.5 * milliseconds(found.macs) <= 30
    assert len(calls) <= 4


def test_a_latency_below_the_least_networks_is_refused_with_the_least() -> None:
    measure, _ = machine()
    with pytest.raises(MggcError, match=r"1 ms was wanted\. The least network, 10 MACs .* takes 2\.01 ms"):
        sweep(1.0, measure, least=LEAST, total=TOTAL)
    check_reachable(3.0, milliseconds(LEAST), LEAST)


def test_a_latency_that_the_original_meets_is_refused() -> None:
    measure, _ = machine()
    with pytest.raises(MggcError, match=r"The original takes 102 ms here already; lower --budget"):
        sweep(150.0, measure, least=LEAST, total=TOTAL)


def test_a_machine_too_busy_to_measure_is_named() -> None:
    measure, _ = machine(busy=lambda call: 4.0**call)
    curve = sweep(30.0, measure, least=LEAST, total=TOTAL)
    with pytest.raises(MggcError, match="the machine is busy"):
        refine(30.0, measure, curve)


def test_the_curve_is_linear_between_its_points_and_never_falls() -> None:
    curve = {0: 1.0, 10: 3.0, 20: 2.5, 30: 5.0}  # noise at 20
    assert predicted(curve, 5) == 2.0
    assert predicted(curve, 15) == 3.0
    assert solve(curve, 2.0) == 5
    assert solve(curve, 4.0) == 25
    assert (solve(curve, 0.5), solve(curve, 9.0)) == (0, 30)
    assert (predicted(curve, -1), predicted(curve, 99)) == (1.0, 5.0)


def test_rounder_widths_are_chosen_where_they_pay() -> None:
    assert best_multiple({1: 1.00, 4: 0.99, 8: 0.98}) == 1
    assert best_multiple({1: 1.00, 4: 0.81, 8: 0.80}) == 4
    assert best_multiple({1: 1.00, 4: 0.97, 8: 0.80, 16: 0.90}) == 8
