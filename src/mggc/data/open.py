"""From a configuration to its data set."""

from mggc.config import DataConfig, Model
from mggc.data.dataset import Dataset
from mggc.data.folders import open_aligned, open_unaligned
from mggc.data.glyphs import open_glyphs
from mggc.errors import MggcError


def open_dataset(config: DataConfig, model: Model) -> Dataset:
    """The data set that a configuration names, paired for Pix2Pix and unpaired for CycleGAN.

    Raises:
        MggcError: The folder is missing, empty, or laid out for the other model.
    """
    if not config.data:
        raise MggcError(
            "The run has no images; give it some with mggc compress DATA --generator RUN --out NEW_RUN."
        )
    if config.data == "glyphs":
        return open_glyphs(
            image_size=config.image_size,
            paired=model == "pix2pix",
            direction=config.direction,
            input_channels=config.input_channels or 1,
            output_channels=config.output_channels or 1,
        )
    return (open_aligned if model == "pix2pix" else open_unaligned)(config.data, config)
