"""A process of its own that loads one network into one runtime, runs it, and says what that took.

``python -m mggc.deploy.bench_child BACKEND FOLDER BATCH_SIZE CHANNELS SIZE THREADS`` prints one JSON object.
"""

import json
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from mggc.config.latency import Backend
from mggc.deploy.bench_runners import BACKENDS, import_runtime, load_runner

STATUS = Path("/proc/self/status")
FURTHER_RUNS = 2


def peak_bytes() -> int:
    """The most memory that this process has held at once.

    Linux's own record for getrusage outlives exec: a child of a large process would inherit its parent's peak. The one
    in ``/proc`` starts anew.
    """
    if STATUS.is_file():
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def measure(
    backend: Backend, folder: Path, shape: tuple[int, int, int, int], threads: int
) -> dict[str, float]:
    """Milliseconds of import, load and first pass; bytes at most held after the import and in all."""
    example = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    clock = [time.perf_counter()]
    import_runtime(backend)
    clock.append(time.perf_counter())
    before = peak_bytes()
    run = load_runner(backend, folder, batch_size=shape[0], threads=threads)
    clock.append(time.perf_counter())
    run(example)
    clock.append(time.perf_counter())
    for _ in range(FURTHER_RUNS):
        run(example)
    imported, loaded, ran = ((later - earlier) * 1000 for earlier, later in pairwise(clock))
    return {
        "import_ms": imported,
        "load_ms": loaded,
        "first_ms": ran,
        "runtime_bytes": before,
        "peak_bytes": peak_bytes(),
    }


def main(arguments: list[str]) -> dict[str, float]:
    """What the command line asks for.

    Raises:
        ValueError: It names no backend.
    """
    name, folder, batch_size, channels, size, threads = arguments
    backend = next((backend for backend in BACKENDS if backend == name), None)
    if backend is None:
        raise ValueError(f"`backend` is one of {BACKENDS}. Found {name!r}.")
    shape = (int(batch_size), int(channels), int(size), int(size))
    return measure(backend, Path(folder), shape, int(threads))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1:])) + "\n")
