"""What metrics are called, and which way they point."""

LOWER_IS_BETTER = frozenset(
    {
        "mean_absolute_error", "lpips", "frechet", "frechet_infinity", "fid", "fid_infinity", "kernel", "kid",
        "macs", "macs_paper", "parameters", "file_size", "latency", "peak_memory",
    }
)  # fmt: skip
HIGHER_IS_BETTER = frozenset(
    {
        "mean_iou", "ink_iou", "pixel_accuracy", "ssim", "psnr", "density", "coverage", "precision", "recall",
        "neighborhood_preservation", "local_distance_correlation",
    }
)  # fmt: skip
LABELS = {
    "macs": "multiply-adds, exact",
    "macs_paper": "multiply-adds, paper's convention",
    "parameters": "parameters",
    "file_size": "file size",
    "latency": "latency, one image",
    "peak_memory": "peak memory",
    "mean_absolute_error": "mean absolute error",
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


def better(metric: str) -> int:
    """1 where more of a metric is better, -1 where less is, 0 where neither is known to be."""
    base = base_name(metric)
    return (base in HIGHER_IS_BETTER) - (base in LOWER_IS_BETTER)


def base_name(metric: str) -> str:
    """A metric's name without features and k: ``frechet`` of ``frechet[swav-r18]``."""
    return metric.split("[")[0].split("@")[0]


def metric_label(metric: str) -> str:
    """A metric's name for people; what stands in brackets or behind ``@`` stays."""
    base = base_name(metric)
    rest = metric[len(base) :].replace("@", ", k = ", 1).replace("[", " [", 1)
    return LABELS.get(base, base.replace("_", " ")) + rest


def arrow(metric: str) -> str:
    """An arrow towards better."""
    return {1: "↑", -1: "↓", 0: ""}[better(metric)]


def heading(metric: str) -> str:
    """A metric's name for people, with an arrow towards better."""
    return f"{metric_label(metric)} {arrow(metric)}".strip()
