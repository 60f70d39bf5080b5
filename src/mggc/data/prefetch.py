"""The next batches, made ready in the background while the current one is worked on."""

import threading
import time
import weakref
from collections.abc import Iterator
from queue import SimpleQueue
from types import TracebackType
from typing import Generic, TypeVar, final

Item = TypeVar("Item")

JOIN_SECONDS = 5.0
"""How long closing waits for the item being produced; the thread cannot outlive the interpreter in any case."""


class _Failure:
    """What the producer raised, StopIteration included."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class _Channel(Generic[Item]):
    """What producer and consumer share; holds no reference to the consumer, so that dropping that one ends both."""

    def __init__(self, depth: int) -> None:
        self.items: SimpleQueue[Item | _Failure] = SimpleQueue()
        self.slots = threading.Semaphore(depth)
        self.closed = threading.Event()


@final
class Prefetch(Iterator[Item]):
    """An iterator over another iterator's items, with one thread that keeps ``depth`` of them ready.

    Close it, use it in a ``with`` block, or drop it, and the thread ends. What the other iterator raises is raised
    here, after the items before it.
    """

    waited_seconds: float
    """Time that the consumer has spent waiting for items so far."""

    def __init__(self, iterator: Iterator[Item], *, depth: int = 2) -> None:
        if depth < 1:
            raise ValueError(f"depth should be at least 1. Found {depth}.")
        self.waited_seconds = 0.0
        self._channel: _Channel[Item] = _Channel(depth)
        thread = threading.Thread(
            target=_produce, args=(iterator, self._channel), name="prefetch", daemon=True
        )
        # Runs once: at close, when the consumer is dropped, or as the interpreter exits.
        self._finish = weakref.finalize(self, _stop, self._channel, thread)
        thread.start()

    def __next__(self) -> Item:
        if self._channel.closed.is_set():
            raise StopIteration
        started = time.perf_counter()
        item = self._channel.items.get()
        self.waited_seconds += time.perf_counter() - started
        self._channel.slots.release()
        if isinstance(item, _Failure):
            self.close()
            raise item.error
        return item

    def close(self) -> None:
        """End the thread; no more items come."""
        self._finish()

    def __enter__(self) -> "Prefetch[Item]":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def prefetch(iterator: Iterator[Item], *, depth: int = 2) -> Prefetch[Item]:
    """The same items, ``depth`` of them made ready ahead by a background thread."""
    return Prefetch(iterator, depth=depth)


def _produce(iterator: Iterator[Item], channel: _Channel[Item]) -> None:
    try:
        while True:
            channel.slots.acquire()
            if channel.closed.is_set():
                return
            channel.items.put(next(iterator))
    except BaseException as error:  # the consumer raises it
        channel.items.put(_Failure(error))


def _stop(channel: _Channel[Item], thread: threading.Thread) -> None:
    channel.closed.set()
    channel.slots.release()
    # The garbage collector may drop the consumer while the thread itself runs, and Ctrl-C may come before it starts.
    if thread.ident is not None and thread is not threading.current_thread():
        thread.join(JOIN_SECONDS)
