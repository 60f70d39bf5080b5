"""A configuration with every default that depends on the model or the data filled in."""

from typing import Any, TypeVar

from mggc.config import CompressConfig, GanMode, Model, Settings
from mggc.errors import MggcError
from mggc.finetune.criteria import WEIGHTS
from mggc.metrics.paired import WINDOW
from mggc.networks.specs import UNET_DOWNS

GAN_MODE: dict[Model, GanMode] = {"pix2pix": "hinge", "cyclegan": "lsgan"}
GLYPH_SIZE = 64
AnySettings = TypeVar("AnySettings", bound=Settings)
PRUNING_SHARE = 0.1  # of the original's training epochs, as the paper prunes


def resolve(config: CompressConfig) -> CompressConfig:
    """Fill in what was left to the model and the data; the result no longer depends on defaults.

    Raises:
        MggcError: No usual generator takes images of this size, or the distillation method says nothing of so small
            batches or images.
    """
    pix2pix = config.model == "pix2pix"
    glyphs = config.data.data == "glyphs"
    gan_mode = config.train.gan_mode or GAN_MODE[config.model]
    image_size = config.data.image_size
    if glyphs and "image_size" not in config.data.model_fields_set:
        image_size = GLYPH_SIZE
    train_epochs = config.train.epochs + config.train.decay_epochs
    prune_epochs = config.prune.epochs
    if prune_epochs is None and config.prune.updates is None and config.train.updates is None:
        prune_epochs = max(1.0, PRUNING_SHARE * train_epochs)
    prune_updates = config.prune.updates
    if prune_epochs is None and prune_updates is None and config.train.updates is not None:
        prune_updates = max(1, round(PRUNING_SHARE * config.train.updates))
    network = config.network
    _check_distiller(config, image_size)
    return _with(
        config,
        data=_with(
            config.data,
            image_size=image_size,
            input_channels=config.data.input_channels or (1 if glyphs else 3),
            output_channels=config.data.output_channels or (1 if glyphs else 3),
        ),
        network=_with(
            network,
            generator_name=network.generator_name or generator_name(config.model, image_size),
            ndf=network.ndf or network.ngf,
            norm=network.norm or ("batch" if pix2pix else "instance"),
            dropout=pix2pix if network.dropout is None else network.dropout,
        ),
        train=_with(config.train, gan_mode=gan_mode),
        prune=_with(
            config.prune,
            gan_mode=config.prune.gan_mode or GAN_MODE[config.model],
            epochs=prune_epochs,
            updates=prune_updates,
        ),
        finetune=_with(
            config.finetune,
            gan_mode=config.finetune.gan_mode or gan_mode,
            **_weights(config),
        ),
    )


def generator_name(model: Model, image_size: int) -> str:
    """The usual generator for images of this size: the deepest U-Net that fits, or a ResNet of 6 or 9 blocks.

    Raises:
        MggcError: A U-Net was wanted and halving the size five times leaves a remainder.
    """
    if model == "cyclegan":
        return "resnet_9blocks" if image_size >= 256 else "resnet_6blocks"
    for name, downs in UNET_DOWNS.items():  # deepest first
        if image_size % 2**downs == 0:
            return name
    raise MggcError(
        f"A U-Net takes image sizes that are multiples of 32 (32, 64, 96, ..., 256); found --image-size {image_size}."
    )


def _weights(config: CompressConfig) -> dict[str, float]:
    """Distillation weights, of all methods: a run may change its method later."""
    given = {name: getattr(config.finetune, name) for name in WEIGHTS}
    return {
        name: by_model[config.model] if given[name] is None else given[name]
        for name, by_model in WEIGHTS.items()
    }


def _check_distiller(config: CompressConfig, image_size: int) -> None:
    """Refuse a method that would do nothing, or could not be computed, before hours are spent on earlier stages."""
    finetune, devices = config.finetune, config.runtime.devices
    if not finetune.distillation:
        return
    if finetune.distiller == "cat" and finetune.batch_size < 2 * devices:
        raise MggcError(
            "--finetune.distiller cat compares the images of a batch with each other: two or more on each device. "
            f"Found --finetune.batch-size {finetune.batch_size}; use {2 * devices} or more."
        )
    if finetune.distiller == "omgd" and image_size < WINDOW:
        raise MggcError(
            f"--finetune.distiller omgd takes SSIM over windows of {WINDOW}×{WINDOW} pixels. "
            f"Found --image-size {image_size}; use a larger one, or another distiller."
        )


def _with(settings: AnySettings, **changes: Any) -> AnySettings:
    return settings.model_copy(update=changes)
