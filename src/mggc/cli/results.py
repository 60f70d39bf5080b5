"""The table original / compressed that ends a run."""

from rich.table import Table

from mggc.cli.console import quantity, table_of
from mggc.stages.compress import CompressResult

LABELS = {
    "macs": "MACs, exact convention",
    "macs_paper": "MACs, paper's convention",
    "parameters": "parameters",
    "file_size": "file size, bytes",
    "latency": "CPU latency, ms (PyTorch, one image)",
    "mean_absolute_error": "mean absolute error ↓",
    "ssim": "SSIM ↑",
    "psnr": "PSNR, dB ↑",
    "mean_iou": "mean IoU, ink and background ↑",
    "ink_iou": "IoU of ink ↑",
}
ARROWS = {"frechet": "↓", "kernel": "↓", "density": "↑", "coverage": "↑", "neighborhood_preservation": "↑"}


def results_table(result: CompressResult, *, heading: str = "Original and compressed") -> Table:
    """Cost first, then quality; the ratio where both networks have the figure."""
    original, compressed = result.metrics["original"], result.metrics["compressed"]
    names = [name for name in LABELS if name in compressed]
    names += [name for name in compressed if name not in LABELS]
    rows = [
        [
            label(name),
            quantity(original.get(name)),
            quantity(compressed[name]),
            ratio(original.get(name), compressed[name]),
        ]
        for name in names
    ]
    return table_of(f"{heading}, test split", ["", "original", "compressed", "ratio"], rows)


def label(metric: str) -> str:
    """A metric's name for people, with an arrow towards better."""
    base = metric.split("[")[0].split("@")[0]
    return LABELS.get(metric) or f"{metric.replace('_', ' ')} {ARROWS.get(base, '')}".strip()


def ratio(original: float | int | None, compressed: float | int | None) -> str:
    """Compressed over original, where that means something."""
    if not original or compressed is None or min(original, compressed) < 0:
        return ""
    return f"{compressed / original:.3f}"
