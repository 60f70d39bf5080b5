"""Which way a metric points, and which of many are shown."""

from collections.abc import Iterable

LOWER_IS_BETTER = frozenset(
    {
        "mean_absolute_error", "l1", "lpips", "frechet", "frechet_infinity", "fid", "fid_infinity", "kernel", "kid",
        "macs", "macs_paper", "parameters", "file_size", "latency", "peak_memory",
    }
)  # fmt: skip
HIGHER_IS_BETTER = frozenset(
    {
        "mean_iou", "ink_iou", "pixel_accuracy", "ssim", "psnr", "density", "coverage", "precision", "recall",
        "neighborhood_preservation", "local_distance_correlation",
    }
)  # fmt: skip
MAIN = (
    "mean_iou", "ink_iou", "fid", "fid_infinity", "frechet", "kid", "kernel", "mean_absolute_error", "ssim", "lpips",
    "density", "coverage", "neighborhood_preservation", "local_distance_correlation",
)  # fmt: skip
"""What tables and figures show of quality, in this order; all else stands in the files."""


def better(metric: str) -> int:
    """1 where more of a metric is better, -1 where less is, 0 where neither is known to be."""
    base = base_name(metric)
    return (base in HIGHER_IS_BETTER) - (base in LOWER_IS_BETTER)


def base_name(metric: str) -> str:
    """A metric's name without features and k: ``frechet`` of ``frechet[swav-r18]``."""
    return metric.split("[")[0].split("@")[0]


def main_metrics(metrics: Iterable[str]) -> list[str]:
    """Those of the metrics that are shown, the most telling first."""
    shown = [metric for metric in dict.fromkeys(metrics) if base_name(metric) in MAIN]
    return sorted(shown, key=lambda metric: MAIN.index(base_name(metric)))


def heading(metric: str) -> str:
    """A metric's name for people, with an arrow towards better."""
    return f"{metric.replace('_', ' ')} {('', '↑', '↓')[better(metric)]}".strip()
