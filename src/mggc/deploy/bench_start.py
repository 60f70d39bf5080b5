"""Cold start and peak memory, each measured in a process of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from mggc.config.latency import Backend
from mggc.errors import MggcError

CHILD = "mggc.deploy.bench_child"


@dataclass(frozen=True)
class Start:
    """What one network takes in a fresh process."""

    import_ms: float
    """Importing the runtime."""
    load_ms: float
    """Reading the network from disk and preparing it."""
    first_ms: float
    """The first pass, in which much is still prepared: all of the compiling, for example."""
    runtime_bytes: int
    """Peak memory after the import: what the runtime alone costs."""
    peak_bytes: int
    """Peak memory in all, over a few passes."""


def measure_start(
    backend: Backend, folder: Path, *, batch_size: int, channels: int, image_size: int, threads: int
) -> Start:
    """Load and run a network in a process of its own.

    Args:
        backend: What runs it.
        folder: Where `write_artefacts` left the network.
        batch_size: Images in one pass.
        channels: Channels of an image.
        image_size: Side of the square images, in pixels.
        threads: Threads of one pass.

    Raises:
        MggcError: The process ended with an error, or was ended for want of memory.
    """
    numbers = [str(number) for number in (batch_size, channels, image_size, threads)]
    command = [sys.executable, "-m", CHILD, backend, str(folder), *numbers]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, env=_environment(threads))
    if finished.returncode != 0:
        last = (finished.stderr.strip().splitlines() or ["nothing was said"])[-1]
        raise MggcError(
            f"The process that measures {backend} at batch size {batch_size} ended with {finished.returncode}: {last}. "
            "Leave this out with --no-cold-start, or choose other --backends."
        )
    found = json.loads(finished.stdout.splitlines()[-1])
    return Start(
        import_ms=found["import_ms"],
        load_ms=found["load_ms"],
        first_ms=found["first_ms"],
        runtime_bytes=int(found["runtime_bytes"]),
        peak_bytes=int(found["peak_bytes"]),
    )


def _environment(threads: int) -> dict[str, str]:
    """This process's, with the modules that it sees, the threads, and nothing compiled in advance."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "OMP_NUM_THREADS": str(threads),
        "TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1",
    }
