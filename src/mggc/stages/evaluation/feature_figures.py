"""Figures of sets of features: distances, densities, and what became of the neighbourhoods."""

from torch import Tensor

from mggc.metrics.density_coverage import density_coverage, precision_recall
from mggc.metrics.frechet import frechet_distance, frechet_distance_infinity
from mggc.metrics.kernel import kernel_distance, kernel_distance_subsets
from mggc.metrics.neighborhood import local_distance_correlation, neighborhood_preservation
from mggc.metrics.results import Measurement, metric_name
from mggc.stages.evaluation.feature_sets import FeatureSet, feature_sets
from mggc.stages.evaluation.subjects import Figures, Protocol, Scene

FEW_IMAGES = 2048
"""Below this many images the covariance of Inception's 2,048 features is singular and the Fréchet distance mostly bias."""
DENSITY_NEIGHBORS, PRECISION_NEIGHBORS = 5, 3
"""k of the balls around images, as in the papers of density and coverage, and of precision and recall."""
KID_SUBSETS = 100


def feature_figures(scene: Scene) -> dict[str, Figures]:
    """All figures of features, by subject, in each set of features."""
    figures: dict[str, Figures] = {name: {} for name in scene.subjects}
    warn_of_few_images(scene)
    for features in feature_sets(scene.context):
        real = features.reference(scene.targets)
        fakes = {name: features.extract(subject.images) for name, subject in scene.subjects.items()}
        for name, fake in fakes.items():
            figures[name] |= set_figures(scene, features, real, fake)
        if features.family == "encoder":
            original, compressed = fakes["original"], fakes["compressed"]
            figures["compressed"] |= _neighborhood_figures(scene, features, original, compressed)
    return figures


def warn_of_few_images(scene: Scene) -> None:
    """Say once that Fréchet distances of few images mislead."""
    images = min(len(scene.split.source), len(scene.split.target))
    if images < FEW_IMAGES:
        scene.context.reporter.message(
            f"Warning: {images} images. Below {FEW_IMAGES:,} Fréchet distances (FID) are biased upwards and compare only "
            "at the same number of images; read the kernel distance (KID) first."
        )


def set_figures(scene: Scene, features: FeatureSet, real: Tensor, fake: Tensor) -> Figures:
    """Distances between sets of images; none of them is defined for a single image."""
    if min(len(real), len(fake)) < 2:
        return {}
    protocol = {**scene.protocol, **features.protocol, "n": min(len(real), len(fake))}
    frechet = _frechet_figures(scene, features, real, fake, protocol)
    kernel = _kernel_figures(scene, features, real, fake, protocol)
    # What is to be read first comes first, in the file and in the table.
    distances = {**kernel, **frechet} if min(len(real), len(fake)) < FEW_IMAGES else {**frechet, **kernel}
    return {**distances, **_density_figures(features, real, fake, protocol)}


def _frechet_figures(
    scene: Scene, features: FeatureSet, real: Tensor, fake: Tensor, protocol: Protocol
) -> Figures:
    config = scene.context.config
    name = "fid" if features.family == "inception" else "frechet"
    if min(len(real), len(fake)) < FEW_IMAGES:
        protocol = {**protocol, "warning": f"fewer than {FEW_IMAGES} images: biased upwards"}
    found = {
        metric_name(name, features=features.name): Measurement(frechet_distance(real, fake), "", protocol)
    }
    if config.evaluate.infinity and len(fake) > 2:
        infinite = frechet_distance_infinity(real, fake, seed=config.seed)
        found[metric_name(f"{name}_infinity", features=features.name)] = Measurement(
            infinite, "", {**protocol, "extrapolated": "linear in 1/n, 15 sizes"}
        )
    return found


def _kernel_figures(
    scene: Scene, features: FeatureSet, real: Tensor, fake: Tensor, protocol: Protocol
) -> Figures:
    if features.family == "encoder":
        name = metric_name("kernel", features=features.name)
        estimator = {**protocol, "estimator": "unbiased, whole sets"}
        return {name: Measurement(kernel_distance(real, fake), "", estimator)}
    size = min(1000, max(min(len(real), len(fake)) // 2, 2))
    found = kernel_distance_subsets(
        real, fake, seed=scene.context.config.seed, subsets=KID_SUBSETS, subset_size=size
    )
    subsets: Protocol = {"subsets": KID_SUBSETS, "subset_size": size, "sd": "over subsets"}
    return {
        metric_name("kid", features=features.name): Measurement(
            found.mean, "", {**protocol, **subsets}, sd=found.sd
        )
    }


def _density_figures(features: FeatureSet, real: Tensor, fake: Tensor, protocol: Protocol) -> Figures:
    others = min(len(real), len(fake)) - 1
    k, precision_k = min(DENSITY_NEIGHBORS, others), min(PRECISION_NEIGHBORS, others)
    local, balls = density_coverage(real, fake, k), precision_recall(real, fake, precision_k)
    found = {
        "density": (local.density, "", k),
        "coverage": (local.coverage, "share", k),
        "precision": (balls.precision, "share", precision_k),
        "recall": (balls.recall, "share", precision_k),
    }
    return {
        metric_name(name, features=features.name): Measurement(value, unit, {**protocol, "k": neighbors})
        for name, (value, unit, neighbors) in found.items()
    }


def _neighborhood_figures(
    scene: Scene, features: FeatureSet, original: Tensor, compressed: Tensor
) -> Figures:
    """What compression left of each output's neighbours, and of the order of their distances."""
    k = min(scene.context.config.evaluate.neighbors, len(original) - 1)
    if k < 1:
        return {}
    protocol = {
        **scene.protocol,
        **features.protocol,
        "n": len(original),
        "k": k,
        "against": "the original's outputs",
    }
    found = {
        f"neighborhood_preservation@{k}": (neighborhood_preservation(original, compressed, k), "share"),
        f"local_distance_correlation@{k}": (local_distance_correlation(original, compressed, k), ""),
    }
    return {
        metric_name(name, features=features.name): Measurement(value, unit, protocol)
        for name, (value, unit) in found.items()
    }
