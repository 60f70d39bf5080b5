"""What can be refused before a run exists: such a mistake costs seconds and leaves nothing behind."""

from mggc.config import CompressConfig
from mggc.data.dataset import Dataset
from mggc.data.open import open_dataset
from mggc.data.sources import game_sources
from mggc.data.transforms import loading
from mggc.errors import MggcError
from mggc.networks.sizes import check_image_size
from mggc.runtime import check_runtime
from mggc.stages.evaluation.check import check_evaluation
from mggc.stages.find_neighbors import check_count
from mggc.stages.import_gan import check_fit
from mggc.stages.networks import original_specs
from mggc.stages.source import GeneratorSource


def open_for_training(config: CompressConfig) -> Dataset:
    """The data set of a resolved configuration, when original networks can be trained on it.

    Raises:
        MggcError: The device is not present, the data set is unusable, or sizes do not fit the networks.
    """
    check_runtime(config.runtime)
    _check_batch("train", config.train.batch_size, config.runtime.devices)
    dataset = open_dataset(config.data, config.model)
    loading(config.data, augment=dataset.augment)
    for spec in original_specs(config).values():
        check_image_size(spec, config.data.image_size)
    return dataset


def open_for_compression(config: CompressConfig, generator: GeneratorSource | None) -> Dataset:
    """The data set of a resolved configuration, when the whole pipeline can run on it.

    Args:
        config: The configuration.
        generator: What is to be compressed; absent, it is trained first.

    Raises:
        MggcError: As above; or the generator does not fit the data, or the game lacks source images.
    """
    check_runtime(config.runtime)
    for stage, batch_size in (("prune", config.prune.batch_size), ("finetune", config.finetune.batch_size)):
        _check_batch(stage, batch_size, config.runtime.devices)
    if generator is None:
        dataset = open_for_training(config)
    else:
        dataset = open_dataset(config.data, config.model)
        check_fit(generator.networks(), config, dataset)
    loading(config.data, augment=dataset.augment)
    check_evaluation(config.evaluate, dataset)
    check_count(len(game_sources(dataset, config.data)), config.prune.neighbors)
    return dataset


def _check_batch(stage: str, batch_size: int, devices: int) -> None:
    if batch_size % devices:
        raise MggcError(
            f"--{stage}.batch-size counts images over all devices: a multiple of {devices}. Found {batch_size}."
        )
