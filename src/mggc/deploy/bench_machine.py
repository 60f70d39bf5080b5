"""What a measurement was taken on."""

import os
import platform
from pathlib import Path
from typing import Any

from mggc.config.latency import Backend
from mggc.deploy.bench_runners import version_of

CPU_INFO = Path("/proc/cpuinfo")


def machine(backends: tuple[Backend, ...]) -> dict[str, Any]:
    """Processor, cores, system, versions of the runtimes, and how busy the machine is."""
    return {
        "processor": _processor(),
        "cores": _cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "runtimes": {backend: version_of(backend) for backend in backends},
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def busy(found: dict[str, Any]) -> str | None:
    """A warning where more ran on the machine than it has cores for, when the measuring began; None where not.

    Args:
        found: What `machine` returned.
    """
    load, cores = found["load"], found["cores"]
    if load is None or not cores or load <= cores:
        return None
    return (
        f"Warning: the machine is busy (load {load:.1f} on {cores} cores). Ratios hold, roughly; milliseconds do not. "
        "Measure again when it is idle."
    )


def _processor() -> str:
    if CPU_INFO.is_file():
        for line in CPU_INFO.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _cores() -> int | None:
    """Those that this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
