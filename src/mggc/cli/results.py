"""The table original / compressed that ends a run."""

from rich.table import Table

from mggc.cli.console import quantity, table_of
from mggc.runs.rundir import RunDir
from mggc.stages.compress import CompressResult

LABELS = {
    "macs": "MACs, exact convention",
    "macs_paper": "MACs, paper's convention",
    "parameters": "parameters",
    "file_size": "file size, bytes",
    "latency": "CPU latency, ms (PyTorch, one image)",
    "peak_memory": "peak memory of activations, bytes",
    "mean_absolute_error": "mean absolute error ↓",
    "ssim": "SSIM ↑",
    "psnr": "PSNR, dB ↑",
    "mean_iou": "mean IoU, ink and background ↑",
    "ink_iou": "IoU of ink ↑",
}
"""Rows of the table, costs first; figures that are not here follow in the order of the file."""
NAMES = {
    "frechet": "Fréchet distance ↓",
    "frechet_infinity": "Fréchet distance of infinitely many ↓",
    "kernel": "kernel distance ↓",
    "fid": "FID ↓",
    "fid_infinity": "FID∞ ↓",
    "kid": "KID ↓",
    "lpips": "LPIPS ↓",
    "density": "density ↑",
    "coverage": "coverage ↑",
    "precision": "precision ↑",
    "recall": "recall ↑",
    "neighborhood_preservation": "neighbours kept ↑",
    "local_distance_correlation": "rank correlation of neighbours' distances ↑",
    "mean_iou": "mean IoU ↑",
    "pixel_accuracy": "pixel accuracy ↑",
    "ceiling_mean_iou": "mean IoU of real images (ceiling)",
    "ceiling_pixel_accuracy": "pixel accuracy of real images (ceiling)",
}
"""Figures that name in brackets what judged, and after an @ how many neighbours."""


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
    split = RunDir.open(result.run).config.evaluate.split
    return table_of(f"{heading}, {split} split", ["", "original", "compressed", "ratio"], rows)


def label(metric: str) -> str:
    """A metric's name for people, with an arrow towards better: ``KID ↓ [inception]``."""
    base, _, judge = metric.partition("[")
    name, _, neighbors = base.partition("@")
    if metric in LABELS:
        return LABELS[metric]
    shown = NAMES.get(name, name.replace("_", " ")) + (f", k = {neighbors}" if neighbors else "")
    return f"{shown} [{judge}" if judge else shown


def ratio(original: float | int | None, compressed: float | int | None) -> str:
    """Compressed over original, where that means something."""
    if not original or compressed is None or min(original, compressed) < 0:
        return ""
    return f"{compressed / original:.3f}"
