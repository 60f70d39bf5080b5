import gc
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from itertools import count, islice

import pytest

from mggc.data.prefetch import Prefetch, prefetch


def prefetching_threads() -> int:
    return sum(thread.name == "prefetch" for thread in threading.enumerate())


def wait_until(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Whether ``condition()`` comes true in time."""
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        if condition():
            return True
        time.sleep(0.002)
    return False


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    gc.collect()
    assert wait_until(lambda: prefetching_threads() == 0)


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_the_same_items_come_in_the_same_order(depth: int) -> None:
    items = prefetch(iter(range(100)), depth=depth)
    assert list(items) == list(range(100))
    assert list(items) == []


@pytest.mark.parametrize("depth", [1, 3])
def test_no_more_than_depth_items_are_made_ahead(depth: int) -> None:
    made: list[int] = []

    def numbers() -> Iterator[int]:
        for number in count():
            made.append(number)
            yield number

    with prefetch(numbers(), depth=depth) as items:
        assert wait_until(lambda: len(made) == depth)
        for number in islice(items, 4):
            assert wait_until(lambda wanted=number + 1 + depth: len(made) == wanted)
            time.sleep(0.005)
            assert len(made) == number + 1 + depth


def test_the_producers_exception_comes_after_the_items_before_it() -> None:
    def broken() -> Iterator[int]:
        yield 1
        yield 2
        raise KeyError("third")

    items = prefetch(broken(), depth=4)
    assert next(items) == 1
    assert next(items) == 2
    with pytest.raises(KeyError, match="third"):
        next(items)
    assert list(items) == []


def test_closing_ends_the_thread_at_once_and_iteration_with_it() -> None:
    items = prefetch(count(), depth=2)
    assert next(items) == 0
    started = time.perf_counter()
    items.close()
    assert time.perf_counter() - started < 1
    assert prefetching_threads() == 0
    assert list(items) == []
    items.close()


def test_a_generator_that_is_closed_takes_its_prefetch_along() -> None:
    def doubled() -> Generator[int, None, None]:
        with prefetch(count()) as items:
            for item in items:
                yield 2 * item

    numbers = doubled()
    assert list(islice(numbers, 3)) == [0, 2, 4]
    assert prefetching_threads() == 1
    numbers.close()
    assert prefetching_threads() == 0


def test_a_consumer_that_is_dropped_ends_the_thread() -> None:
    items = prefetch(count())
    assert next(items) == 0
    del items
    gc.collect()
    assert wait_until(lambda: prefetching_threads() == 0)


def test_an_exception_in_a_with_block_ends_the_thread() -> None:
    def consume() -> None:
        with prefetch(count()) as items:
            raise RuntimeError(f"after {next(items)}")

    with pytest.raises(RuntimeError, match="after 0"):
        consume()
    assert prefetching_threads() == 0


def test_the_interpreter_exits_while_items_are_ready_and_while_one_is_being_made() -> None:
    program = (
        "import itertools, time\n"
        "from mggc.data.prefetch import prefetch\n"
        "full = prefetch(itertools.count())\n"
        "next(full)\n"
        "slow = prefetch(time.sleep(0.3) for _ in itertools.count())\n"
        "print('done')\n"
    )
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert finished.stdout == "done\n"
    assert finished.stderr == ""


def test_time_spent_waiting_is_counted_and_time_spent_working_is_not() -> None:
    def slow() -> Iterator[int]:
        for number in range(3):
            time.sleep(0.05)
            yield number

    hungry = prefetch(slow(), depth=1)
    assert list(hungry) == [0, 1, 2]
    assert hungry.waited_seconds > 0.1

    with prefetch(count(), depth=1) as fed:
        for _ in range(3):
            time.sleep(0.05)
            next(fed)
        assert fed.waited_seconds < 0.05


def test_a_depth_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Prefetch(iter([1]), depth=0)


def test_an_interrupt_before_the_thread_starts_is_not_followed_by_another_error(monkeypatch):
    def interrupt(_: threading.Thread) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupt)
    with pytest.raises(KeyboardInterrupt):
        prefetch(iter(range(3)))
    gc.collect()  # the finalizer of the half-made object runs and has nothing to wait for
