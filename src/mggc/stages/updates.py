"""How many updates the choice of channels takes."""

from math import ceil

from mggc.config import CompressConfig


def game_updates(config: CompressConfig, sources: int) -> int:
    """Updates of the game, and of every method that learns: as configured, or so many passes over the source images."""
    if config.prune.updates is not None:
        return config.prune.updates
    return max(1, round((config.prune.epochs or 1.0) * ceil(sources / config.prune.batch_size)))
