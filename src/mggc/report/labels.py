"""What the page calls things, and how it writes numbers."""

import math
from collections.abc import Sequence
from pathlib import PurePath

from mggc.stages.comparison.metrics import base_name, better

LABELS = {
    "macs": "multiply-adds, exact",
    "macs_paper": "multiply-adds, paper's convention",
    "parameters": "parameters",
    "file_size": "file size",
    "latency": "latency, one image",
    "peak_memory": "peak memory",
    "mean_absolute_error": "mean absolute error",
    "l1": "mean absolute error",
    "ssim": "SSIM",
    "psnr": "PSNR",
    "lpips": "LPIPS",
    "fid": "FID",
    "fid_infinity": "FID∞",
    "kid": "KID",
    "mean_iou": "mean IoU",
    "ink_iou": "IoU of ink",
    "neighborhood_preservation": "neighbourhoods preserved",
    "frechet": "Fréchet distance",
    "frechet_infinity": "Fréchet distance of infinitely many images",
    "local_distance_correlation": "rank correlation of neighbours' distances",
    "ceiling_mean_iou": "mean IoU of real images (ceiling)",
    "ceiling_pixel_accuracy": "pixel accuracy of real images (ceiling)",
    "kernel": "kernel distance",
    "density": "density",
    "coverage": "coverage",
    "precision": "precision",
    "recall": "recall",
}
COSTS = ("macs", "macs_paper", "parameters", "file_size", "latency", "peak_memory")
"""Figures of a network that do not depend on what its images look like."""


def metric_label(metric: str) -> str:
    """A metric's name for people; what stands in brackets or behind ``@`` stays."""
    base = base_name(metric)
    rest = metric[len(base) :].replace("@", ", k = ", 1).replace("[", " [", 1)
    return LABELS.get(base, base.replace("_", " ")) + rest


def headings_of(metrics: Sequence[str]) -> tuple[list[str], str]:
    """Column headings with arrows, and the features that all distances share, which the headings then leave out."""
    features = {metric.split("[", 1)[1].rstrip("]") for metric in metrics if "[" in metric}
    shared = features.pop() if len(features) == 1 else ""
    short = [metric.replace(f"[{shared}]", "") if shared else metric for metric in metrics]
    return [f"{metric_label(name)} {arrow(name)}".strip() for name in short], shared


def arrow(metric: str) -> str:
    """An arrow towards better."""
    return {1: "↑", -1: "↓", 0: ""}[better(metric)]


def number(value: float | int | None, *, digits: int = 3) -> str:
    """A number with ``digits`` significant digits: 0.0335, 18.7, 5.44, 12,300."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(decimals, 8)}f}".replace("-", "\N{MINUS SIGN}")


def quantity(value: float | int | None, unit: str = "") -> str:
    """A number with a unit, and with a prefix where it is large: 6.05 G, 1.23 MB, 3.45 ms."""
    if value is None or not math.isfinite(value):
        return "–"
    if unit == "share":
        return number(value)
    if unit == "bytes":
        return _prefixed(value, "B")
    if unit == "MACs" or (unit == "" and isinstance(value, int)):
        return _prefixed(value, "")
    return f"{number(value)} {unit}".strip()


def times(ratio: float) -> str:
    """How many times: 5.0×, 12×."""
    return f"{ratio:.1f}×" if ratio < 9.95 else f"{ratio:,.0f}×"


def percent(share: float) -> str:
    """A share in per cent, with a narrow space."""
    return f"{100 * share:.{0 if share >= 0.0995 else 1}f}\N{NARROW NO-BREAK SPACE}%"


def unique_labels(paths: Sequence[PurePath]) -> list[str]:
    """Short names for paths: the last parts, as many as it takes to tell them apart."""
    longest = max((len(path.parts) for path in paths), default=1)
    for depth in range(1, longest + 1):
        labels = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(labels)) == len(labels):
            return labels
    return [f"{path} ({place})" for place, path in enumerate(paths, start=1)]


def _prefixed(value: float | int, unit: str) -> str:
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{number(value / factor)} {prefix}{unit}"
    return f"{number(value)} {unit}".strip()
