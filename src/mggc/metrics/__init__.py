"""What is measured: distances between sets of features, neighbourhoods, pairs of images, label maps and time."""

from mggc.metrics.density_coverage import DensityCoverage, PrecisionRecall, density_coverage, precision_recall
from mggc.metrics.drn import DrnSegmenter, load_drn
from mggc.metrics.features import extract_features
from mggc.metrics.frechet import (
    GaussianStatistics,
    frechet_distance,
    frechet_distance_from_statistics,
    frechet_distance_infinity,
    gaussian_statistics,
)
from mggc.metrics.inception import InceptionFeatures, load_inception
from mggc.metrics.kernel import KernelDistance, kernel_distance, kernel_distance_subsets
from mggc.metrics.latency import Latency, measure_latency
from mggc.metrics.lpips import Lpips, load_lpips
from mggc.metrics.memory import PeakMemory, peak_memory
from mggc.metrics.neighborhood import local_distance_correlation, neighborhood_preservation, shared_neighbors
from mggc.metrics.paired import mean_absolute_error, psnr, ssim
from mggc.metrics.palette import IGNORED, Palette, load_palette
from mggc.metrics.results import Measurement, mean_and_sd, metric_name, over_seeds
from mggc.metrics.segmentation import (
    MeanIou,
    class_iou,
    confusion_matrix,
    decode_palette,
    ink_confusion,
    ink_iou,
    ink_mean_iou,
    mean_iou,
    pixel_accuracy,
)
from mggc.metrics.segmenter import Segmenter, SegmenterStep, fit_segmenter

__all__ = [
    "IGNORED",
    "DensityCoverage",
    "DrnSegmenter",
    "GaussianStatistics",
    "InceptionFeatures",
    "KernelDistance",
    "Latency",
    "Lpips",
    "MeanIou",
    "Measurement",
    "Palette",
    "PeakMemory",
    "PrecisionRecall",
    "Segmenter",
    "SegmenterStep",
    "class_iou",
    "confusion_matrix",
    "decode_palette",
    "density_coverage",
    "extract_features",
    "fit_segmenter",
    "frechet_distance",
    "frechet_distance_from_statistics",
    "frechet_distance_infinity",
    "gaussian_statistics",
    "ink_confusion",
    "ink_iou",
    "ink_mean_iou",
    "kernel_distance",
    "kernel_distance_subsets",
    "load_drn",
    "load_inception",
    "load_lpips",
    "load_palette",
    "local_distance_correlation",
    "mean_absolute_error",
    "mean_and_sd",
    "mean_iou",
    "measure_latency",
    "metric_name",
    "neighborhood_preservation",
    "over_seeds",
    "peak_memory",
    "pixel_accuracy",
    "precision_recall",
    "psnr",
    "shared_neighbors",
    "ssim",
]
