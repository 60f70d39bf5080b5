from itertools import count, islice
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from mggc.config import ScheduleConfig
from mggc.gan.train import Gan, Schedule, make_schedule, train


class Batch(NamedTuple):
    source: Tensor
    target: Tensor


class Notebook:
    """Writes down what the loop asks of a GAN."""

    def __init__(self) -> None:
        self.lr = 0.0
        self.seen: list[tuple[int, float, float]] = []

    def update(self, source: Tensor, target: Tensor) -> dict[str, Tensor]:
        self.seen.append((int(source.flatten()[0]), self.lr, torch.rand(()).item()))
        return {"loss": target.mean()}

    def set_learning_rate(self, lr: float) -> None:
        self.lr = lr

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        raise NotImplementedError


def batches(start: int = 0) -> Any:
    return (Batch(torch.full((1, 1, 1, 1), float(n)), torch.zeros(1, 1, 1, 1)) for n in count(start))


def test_the_learning_rate_is_constant_and_then_falls_in_a_line_that_would_reach_zero_next() -> None:
    schedule = Schedule(constant=3, decay=4)
    assert [schedule.factor(step) for step in range(7)] == pytest.approx([1, 1, 1, 0.8, 0.6, 0.4, 0.2])
    assert schedule.total == 7
    assert Schedule(constant=2, decay=0).factor(1) == 1.0
    assert Schedule(constant=0, decay=1).factor(0) == 0.5


@pytest.mark.parametrize(
    ("config", "images", "expected"),
    [
        (ScheduleConfig(epochs=100, decay_epochs=100), 400, Schedule(40_000, 40_000)),
        (ScheduleConfig(epochs=2, decay_epochs=1, batch_size=4), 10, Schedule(6, 3)),
        (ScheduleConfig(updates=10), 400, Schedule(5, 5)),
        (ScheduleConfig(updates=7, epochs=3), 400, Schedule(4, 3)),
        (ScheduleConfig(updates=1), 400, Schedule(1, 0)),
        (ScheduleConfig(epochs=0, decay_epochs=0), 400, Schedule(0, 0)),
    ],
)
def test_schedules_come_from_epochs_or_from_updates(
    config: ScheduleConfig, images: int, expected: Schedule
) -> None:
    assert make_schedule(config, images) == expected


def test_the_loop_yields_after_every_update_and_stops_with_the_schedule() -> None:
    gan = Notebook()
    assert isinstance(gan, Gan)
    records = list(train(gan, batches(), Schedule(2, 2), lr=3.0, seed=0))
    assert [record.step for record in records] == [1, 2, 3, 4]
    assert [record.lr for record in records] == pytest.approx([3, 3, 2, 1])
    assert [lr for _, lr, _ in gan.seen] == pytest.approx([3, 3, 2, 1])
    assert records[0].losses.keys() == {"loss"}


def test_the_caller_may_stop_early() -> None:
    gan = Notebook()
    assert len(list(islice(train(gan, batches(), Schedule(50, 50), lr=1.0, seed=0), 3))) == 3
    assert len(gan.seen) == 3


def test_an_update_is_a_function_of_the_seed_and_its_number() -> None:
    whole, rest, other = Notebook(), Notebook(), Notebook()
    list(train(whole, batches(), Schedule(3, 3), lr=1.0, seed=7))
    torch.rand(5)
    list(train(rest, batches(4), Schedule(3, 3), lr=1.0, seed=7, start=4))
    list(train(other, batches(), Schedule(3, 3), lr=1.0, seed=8))
    assert rest.seen == whole.seen[4:]
    assert len({draw for _, _, draw in whole.seen + other.seen}) == 12


def test_a_finished_training_has_nothing_left_to_do() -> None:
    gan = Notebook()
    assert list(train(gan, batches(), Schedule(2, 2), lr=1.0, seed=0, start=4)) == []
    assert gan.seen == []
