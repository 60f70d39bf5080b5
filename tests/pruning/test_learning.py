import pytest
import torch
from torch import nn

from mggc.config import PruneConfig
from mggc.pruning.channels import trace_channels
from mggc.pruning.initial import LARGEST, initial_logits
from mggc.pruning.learning import LogitsAverage, make_optimizer
from mggc.pruning.macs import MacsCounter
from mggc.pruning.masks import keep_probability
from mggc.pruning.plan import plan_from_scores
from mggc.pruning.schedules import allowed_macs, temperature
from mggc.pruning.table import ChannelGroup, ChannelTable, with_floors
from toys import Separable, strong_weights


def table_of(*sizes: int) -> ChannelTable:
    offsets = [sum(sizes[:number]) for number in range(len(sizes))]
    groups = [
        ChannelGroup(f"g{n}", size, offset)
        for n, (size, offset) in enumerate(zip(sizes, offsets, strict=True))
    ]
    return ChannelTable(tuple(groups), (), (), 8)


def test_the_temperature_moves_by_equal_factors() -> None:
    assert [temperature(0.4, None, share) for share in (0.0, 0.5, 1.0)] == [0.4] * 3
    assert [temperature(0.4, 0.1, share) for share in (0.0, 0.5, 1.0)] == pytest.approx([0.4, 0.2, 0.1])


def test_the_budget_tightens_from_all_to_its_value() -> None:
    allowed = [allowed_macs(100, 10_000, tightening=0.5, progress=share) for share in (0.0, 0.25, 0.5, 1.0)]
    assert allowed == [10_000, 1_000, 100, 100]
    assert allowed_macs(100, 10_000, tightening=0.0, progress=0.0) == 100


def test_initial_logits_favour_high_scores_around_the_same_mean() -> None:
    table, scores = table_of(4, 6), torch.tensor([1.0, 2, 3, 4, 10, 20, 30, 40, 50, 60])
    for by_group in (True, False):
        logits = initial_logits(scores, table, offset=-3.0, spread=0.5, by_group=by_group)
        assert logits.mean().item() == pytest.approx(-3, abs=0.1)
        assert (keep_probability(logits)[:4].diff() > 0).all()
        means = [piece.mean().item() for piece in table.split(logits)]
        assert (means[0] == pytest.approx(means[1], abs=1e-4)) is by_group
    assert torch.equal(
        initial_logits(torch.ones(10), table, offset=-3.0, spread=1.0, by_group=True), torch.full((10,), -3.0)
    )


def test_a_dead_channel_starts_low_but_not_at_infinity() -> None:
    scores = torch.ones(100)
    scores[3] = 0
    logits = initial_logits(scores, table_of(100), offset=-3.0, spread=1.0, by_group=True)
    assert logits.argmax() == 3
    assert logits[3].item() == pytest.approx(-3 + LARGEST)


@pytest.mark.parametrize(
    ("name", "kind"), [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam), ("sgd", torch.optim.SGD)]
)
def test_optimizers_by_name(name: str, kind: type) -> None:
    optimizer = make_optimizer(nn.Linear(2, 2), PruneConfig(optimizer=name, lr=0.3, weight_decay=0.1))  # type: ignore[arg-type]
    assert type(optimizer) is kind
    assert (optimizer.defaults["lr"], optimizer.defaults["weight_decay"]) == (0.3, 0.1)


def test_an_average_is_the_mean_and_survives_saving() -> None:
    average = LogitsAverage(torch.zeros(3))
    with pytest.raises(ValueError, match="Found none"):
        average.mean()
    for value in (1.0, 2.0, 6.0):
        average.add(torch.full((3,), value))
    copy = LogitsAverage(torch.zeros(3))
    copy.load_state_dict(average.state_dict())
    assert copy.mean().tolist() == [3.0] * 3


def test_a_floor_holds_in_the_plan_and_in_the_least_budget() -> None:
    network = strong_weights(Separable())
    table = trace_channels(network, image_size=16)
    floored = with_floors(table, share=0.5)
    counter = MacsCounter(floored)
    assert counter.least > MacsCounter(table).least
    scores = torch.rand(table.prunable, generator=torch.Generator().manual_seed(0))
    scores[: table.groups[0].size] -= 100
    widths = plan_from_scores(scores, counter, budget=int(0.6 * counter.total)).widths
    for group in table.groups:
        assert widths[group.name] >= group.size / 2


def test_channel_costs_are_what_falls_away_with_a_channel() -> None:
    counter = MacsCounter(trace_channels(strong_weights(Separable()), image_size=16))
    costs = counter.channel_costs()
    for channel in (0, counter.table.prunable - 1):
        mask = torch.ones(counter.table.prunable)
        mask[channel] = 0
        assert counter.total - counter(mask).item() == pytest.approx(costs[channel].item(), rel=1e-5)
