"""Which features judge: an encoder's, and Inception's where its weights are at hand."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from safetensors import SafetensorError
from safetensors.torch import load_file, save

from mggc.config import EvaluateConfig
from mggc.errors import MggcError
from mggc.manifold.encoder import WEIGHTS_FILE, Encoder, embed, load_encoder
from mggc.manifold.swav_checkpoint import load_swav_checkpoint
from mggc.metrics.features import extract_features
from mggc.metrics.inception import load_inception
from mggc.runs.atomic import write_atomically
from mggc.runs.rundir import RunDir, is_run
from mggc.shapes import ByteImages, Embeddings
from mggc.stages.context import Context
from mggc.stages.encode import FOLDER, run_encoder
from mggc.stages.evaluation.subjects import Protocol
from mggc.weights import INCEPTION, cache_folder, digest_of_file, fetch, how_to_get, locate

OWN = "run"
ENCODER_CONFIG = "config.json"


@dataclass(frozen=True)
class FeatureSet:
    """A way to turn images into vectors, and what its figures are called."""

    name: str
    """What stands in brackets behind a figure's name."""
    extract: Callable[[ByteImages], Embeddings]
    protocol: Protocol
    """What another figure in these features has to share: the weights, the resizing."""
    family: Literal["encoder", "inception"]
    """Inception's distances have names of their own, FID and KID."""
    digest: str | None = None
    """Digest of the weights where other runs may use them too: then real images' features are kept in the cache."""

    def reference(self, images: ByteImages) -> Embeddings:
        """Features of real images: from the cache where they were computed before, for these very pixels and weights.

        Raises:
            MggcError: The cached file is damaged.
        """
        if self.digest is None:
            return self.extract(images)
        content = _content(images, f"{self.digest} {self.protocol['resize']}")
        path = cache_folder() / "reference" / f"{self.name}-{content}.safetensors"
        if not path.is_file():
            features = self.extract(images)
            write_atomically(path, lambda partial: _write(features, partial))
        try:
            return load_file(path)["features"]
        except (SafetensorError, KeyError) as error:
            raise MggcError(f"{path} cannot be read. Delete it; it is computed again then.") from error


def feature_sets(context: Context) -> list[FeatureSet]:
    """The judging encoder's features, and Inception's where the settings and the cache allow.

    Raises:
        MggcError: A file that the settings name is missing or holds something else.
    """
    judge = _encoder_features(context)
    inception = _inception_features(context)
    return [judge] if inception is None else [judge, inception]


def check_feature_files(config: EvaluateConfig) -> None:
    """Refuse settings that name files which are not there.

    Raises:
        MggcError: As said.
    """
    if config.features != OWN and not Path(config.features).exists():
        raise _no_encoder(config.features)
    if config.inception != "fetch":
        locate(config.inception, INCEPTION, setting="--evaluate.inception")


def _encoder_features(context: Context) -> FeatureSet:
    choice = context.config.evaluate.features
    protocol: Protocol = {"encoder": "the run's own, which the game saw"}
    digest = None
    if choice == OWN:
        encoder = run_encoder(context.run)
    else:
        encoder, digest = _other_encoder(Path(choice))
        protocol = {"encoder": "another than the game saw", "weights_sha256": digest[:16]}
    encoder.to(context.fabric.device)
    protocol |= {"features": encoder.name, "resize": f"{encoder.image_size}, bilinear, antialiased"}
    return FeatureSet(encoder.name, lambda images: embed(encoder, images), protocol, "encoder", digest)


def _other_encoder(path: Path) -> tuple[Encoder, str]:
    """An encoder that this run's game did not see, and the digest of its weights."""
    if is_run(path):
        encoder, folder = run_encoder(RunDir.open(path)), RunDir.open(path).stage("encode").path / FOLDER
        return encoder, digest_of_file(folder / WEIGHTS_FILE)
    for folder in (path, path / FOLDER):
        if (folder / ENCODER_CONFIG).is_file():
            return load_encoder(folder), digest_of_file(folder / WEIGHTS_FILE)
    if path.is_file():
        return load_swav_checkpoint(path), digest_of_file(path)
    raise _no_encoder(str(path))


def _no_encoder(choice: str) -> MggcError:
    return MggcError(
        f"--evaluate.features wants run, another run, an encoder's folder or a SwAV checkpoint. Found no such thing at "
        f"{choice}."
    )


def _inception_features(context: Context) -> FeatureSet | None:
    config, report = context.config.evaluate, context.reporter.message
    if config.inception == "fetch":
        path: Path | None = fetch(INCEPTION, report)
    else:
        path = locate(config.inception, INCEPTION, setting="--evaluate.inception")
    if path is None:
        if config.inception == "auto":
            report(f"FID and KID are left out, their weights are not at hand. {how_to_get(INCEPTION)}")
        return None
    network, digest = load_inception(path).to(context.fabric.device), digest_of_file(path)
    if digest != INCEPTION.sha256:
        report(
            f"Warning: {path} is not the published {INCEPTION.file_name}: these FID and KID compare with nobody else's."
        )
    protocol: Protocol = {
        "features": "inception-v3, pool3",
        "weights_sha256": digest[:16],
        "resize": "299, bilinear, not antialiased",
    }
    return FeatureSet(
        "inception",
        lambda images: extract_features(network, images, batch_size=config.batch_size),
        protocol,
        "inception",
        digest,
    )


def _write(features: Embeddings, path: Path) -> None:
    # Through Python's own file: safetensors has an error of its own for a full disk.
    path.write_bytes(save({"features": features.contiguous()}))


def _content(images: ByteImages, extractor: str) -> str:
    """A digest of the very pixels and of what looks at them."""
    found = hashlib.sha256(f"{extractor} {tuple(images.shape)}".encode())
    for image in images:  # not all at once: that would copy the whole set
        found.update(image.contiguous().numpy().tobytes())
    return found.hexdigest()[:32]
