"""The table original / compressed that ends a run."""

from rich.table import Table

from mggc.cli.console import quantity, table_of
from mggc.metrics.names import arrow, metric_label
from mggc.runs.rundir import RunDir
from mggc.stages.compress import CompressResult

FIRST = (
    "macs", "macs_paper", "parameters", "file_size", "latency", "peak_memory",
    "mean_absolute_error", "ssim", "psnr", "mean_iou", "ink_iou",
)  # fmt: skip
"""Rows of the table, costs first; figures that are not here follow in the order of the file."""
UNITS = {"file_size": "bytes", "latency": "ms", "peak_memory": "bytes", "psnr": "dB"}


def results_table(result: CompressResult, *, heading: str = "Original and compressed") -> Table:
    """Cost first, then quality; the ratio where both networks have the figure."""
    original, compressed = result.metrics["original"], result.metrics["compressed"]
    names = [name for name in FIRST if name in compressed]
    names += [name for name in compressed if name not in FIRST]
    rows = [
        [
            label(name),
            quantity(original.get(name)),
            quantity(compressed[name]),
            ratio(original.get(name), compressed[name]),
        ]
        for name in names
    ]
    split = RunDir.open(result.run).config.evaluate.split
    return table_of(f"{heading}, {split} split", ["", "original", "compressed", "ratio"], rows)


def label(metric: str) -> str:
    """A metric's name for people, with its unit and an arrow towards better: ``latency, one image, ms ↓``."""
    unit = UNITS.get(metric)
    name = metric_label(metric) + (f", {unit}" if unit else "")
    return f"{name} {arrow(metric)}".strip()


def ratio(original: float | int | None, compressed: float | int | None) -> str:
    """Compressed over original, where that means something."""
    if not original or compressed is None or min(original, compressed) < 0:
        return ""
    return f"{compressed / original:.3f}"
