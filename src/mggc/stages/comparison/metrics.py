"""Which of many metrics a comparison shows."""

from collections.abc import Iterable

from mggc.metrics.names import base_name

MAIN = (
    "mean_iou", "ink_iou", "fid", "fid_infinity", "frechet", "kid", "kernel", "mean_absolute_error", "ssim", "lpips",
    "density", "coverage", "neighborhood_preservation", "local_distance_correlation",
)  # fmt: skip
"""What tables and figures show of quality, in this order; all else stands in the files."""


def main_metrics(metrics: Iterable[str]) -> list[str]:
    """Those of the metrics that are shown, the most telling first."""
    shown = [metric for metric in dict.fromkeys(metrics) if base_name(metric) in MAIN]
    return sorted(shown, key=lambda metric: MAIN.index(base_name(metric)))
