"""The tables that end ``mggc bench``."""

from rich.table import Table

from mggc.cli.console import quantity, table_of
from mggc.deploy.bench import Row
from mggc.deploy.bench_start import Start
from mggc.stages.bench import BenchResult

MEGABYTE = 1e6


def bench_tables(result: BenchResult) -> list[Table]:
    """Latency and, where they were measured, cold start and memory: a line for each network in each setting."""
    varying, common = _settings(result)
    runtimes = ", ".join(f"{name} {version}" for name, version in result.machine["runtimes"].items())
    title = f"{result.image_size} px, {common}{result.machine['processor']}; {runtimes}"
    columns = ["network", "backend", *varying, "MACs", "ms", "10-90 %", "speed-up", "realised"]
    lines = [[*_names(row, varying), *_latency(row, result)] for row in result.rows]
    tables = [table_of(title, columns, lines)]
    starts = [(row, row.start) for row in result.rows if row.start is not None]
    if starts:
        columns = [
            "network",
            "backend",
            *varying,
            "import ms",
            "load ms",
            "first ms",
            "runtime MB",
            "peak MB",
        ]
        lines = [[*_names(row, varying), *_start(start)] for row, start in starts]
        tables.append(table_of("\nEach in a process of its own", columns, lines))
    return tables


def _settings(result: BenchResult) -> tuple[list[str], str]:
    """Columns for what differs among the rows, and words for what does not."""
    threads, batches = {row.threads for row in result.rows}, {row.batch_size for row in result.rows}
    words = {
        "threads": f"{min(threads)} thread{'s' * (min(threads) > 1)}, ",
        "batch": f"batch of {min(batches)}, ",
    }
    varying = [name for name, found in (("threads", threads), ("batch", batches)) if len(found) > 1]
    return varying, "".join(text for name, text in words.items() if name not in varying)


def _names(row: Row, varying: list[str]) -> list[str]:
    numbers = {"threads": row.threads, "batch": row.batch_size}
    return [row.network, row.backend, *(str(numbers[name]) for name in varying)]


def _latency(row: Row, result: BenchResult) -> list[str]:
    latency = row.latency
    return [
        quantity(result.networks[row.network]["macs"]),
        _ms(latency.median_ms),
        f"{_ms(latency.p10_ms)}-{_ms(latency.p90_ms)}",
        f"{row.speed_up:.2f}×",
        f"{row.realised_share:.2f}",
    ]


def _start(start: Start) -> list[str]:
    memory = [f"{size / MEGABYTE:.0f}" for size in (start.runtime_bytes, start.peak_bytes)]
    return [_ms(start.import_ms), _ms(start.load_ms), _ms(start.first_ms), *memory]


def _ms(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
