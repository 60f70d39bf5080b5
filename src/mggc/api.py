"""The package's functions for callers from Python."""

from os import PathLike
from pathlib import Path

from torch import nn

from mggc.config import CompressConfig
from mggc.errors import MggcError
from mggc.networks.files import CONFIG_NAME, load_network
from mggc.networks.legacy import ConcatOrder, load_checkpoint
from mggc.networks.specs import PatchSpec, PixelSpec
from mggc.pruning.macs import count_macs as count_macs
from mggc.runs.settings import merge, validate_config
from mggc.stages.both import BothResults
from mggc.stages.both import compress_both as compress_both_runs
from mggc.stages.compress import CompressResult, compress_run
from mggc.stages.context import Reporter
from mggc.stages.load import load_any_generator
from mggc.stages.source import FACTORY, GeneratorSource

__all__ = ["compress", "compress_both", "count_macs", "load_discriminator", "load_generator"]


def compress(
    data: str | PathLike[str],
    *,
    out: str | PathLike[str],
    generator: str | PathLike[str] | nn.Module | None = None,
    weights: str | PathLike[str] | None = None,
    factory: str | None = None,
    budget: str | float | None = None,
    config: CompressConfig | None = None,
    force: bool = False,
    reporter: Reporter | None = None,
) -> CompressResult:
    """Compress a generator, training it first when none is given; the same call continues an unfinished run.

    Args:
        data: A folder of images as pix2pix or CycleGAN lay them out, or ``glyphs``, the embedded data set.
        out: The run's directory, new or unfinished; ``compressed/`` in it is the result.
        generator: A run, a weights file such as ``latest_net_G.pth``, or a network of your own: the network itself, or
            ``package.module:function``, which returns it.
        weights: The weights file of such a function's network.
        factory: Where ``generator`` is a network itself: the ``package.module:function`` without arguments that builds
            it, with whatever weights. The compressed network is built by it again when it is loaded.
        budget: MACs to keep: a share (``0.2``, ``"20%"``) or a number (``"3.05G"``); the configuration's when absent.
        config: Everything else.
        force: Take over a run that was made with another configuration.
        reporter: Where progress goes; nowhere when absent.

    Returns:
        Paths, MACs and metrics of original and compressed generator.

    Raises:
        MggcError: Data, generator, budget or run directory are not usable.
    """
    source = _source(generator, weights, factory)
    return compress_run(
        _settings(data, budget, config), Path(out), generator=source, force=force, reporter=reporter
    )


def compress_both(
    data: str | PathLike[str],
    *,
    out: str | PathLike[str],
    generator: str | PathLike[str] | None = None,
    budget: str | float | None = None,
    config: CompressConfig | None = None,
    force: bool = False,
    reporter: Reporter | None = None,
) -> BothResults:
    """Compress both generators of a CycleGAN, one game each, training the pair first when none is given.

    Args:
        data: A folder of images with ``trainA trainB testA testB``, or ``glyphs``.
        out: A folder for two runs, ``AtoB`` and ``BtoA``.
        generator: A run, or one of a pair of weights files such as ``latest_net_G_A.pth`` and ``latest_net_G_B.pth``.
        budget: MACs that each may keep, as for `compress`.
        config: Everything else.
        force: Take over runs that were made with another configuration.
        reporter: Where progress goes; nowhere when absent.

    Raises:
        MggcError: Data, generators, budget or folder are not usable.
    """
    return compress_both_runs(
        _settings(data, budget, config),
        Path(out),
        generator=_source(generator, None, None),
        force=force,
        reporter=reporter,
    )


def _settings(
    data: str | PathLike[str], budget: str | float | None, config: CompressConfig | None
) -> CompressConfig:
    overrides = {"data": {"data": str(data)}} | ({} if budget is None else {"budget": str(budget)})
    return validate_config(merge(config or CompressConfig(), overrides), source="compress")


def _source(
    generator: str | PathLike[str] | nn.Module | None,
    weights: str | PathLike[str] | None,
    factory: str | None,
) -> GeneratorSource | None:
    if isinstance(generator, nn.Module):
        if factory is None or FACTORY.fullmatch(factory) is None or weights is not None:
            raise MggcError(
                f"A {type(generator).__name__} given as generator needs factory='package.module:function', which builds "
                f"it again when the result is loaded, and no weights. Found factory={factory!r}, weights={weights!r}."
            )
        return GeneratorSource(factory, module=generator)
    if factory is not None:
        raise MggcError(
            "factory= goes with a torch.nn.Module given as generator; otherwise it is the generator itself: "
            f"generator={factory!r}."
        )
    if generator is None:
        if weights is not None:
            raise MggcError("weights= goes with a factory given as generator='package.module:function'.")
        return None
    return GeneratorSource(str(generator), weights=None if weights is None else Path(weights))


def load_generator(
    path: str | PathLike[str],
    *,
    unet_dropout: bool | None = None,
    concat_order: ConcatOrder = "skip_first",
) -> nn.Module:
    """A generator in eval mode on the CPU; takes and gives float NCHW images in [-1, 1].

    Height and width are multiples of what the network halves: 2 to the number of levels of a U-Net, 4 for a ResNet.
    Nothing in a file is executed.

    Args:
        path: A run (its compressed generator, else the original), a compressed directory, or a weights file.
        unet_dropout: For a checkpoint of pytorch-CycleGAN-and-pix2pix: whether its U-Net was trained with dropout, which
            its weights do not tell. It matters in training mode only.
        concat_order: For such a checkpoint: ``decoder_first`` for U-Nets trained before 22 September 2017.

    Raises:
        MggcError: There is no generator at the path, or it is damaged.
    """
    return load_any_generator(Path(path), unet_dropout=unet_dropout, concat_order=concat_order).network


def load_discriminator(path: str | PathLike[str]) -> nn.Module:
    """A discriminator in eval mode on the CPU; maps float NCHW images in [-1, 1] to a map of logits.

    One of Pix2Pix takes source and judged image, concatenated along channels.

    Args:
        path: A network's folder, or a weights file such as ``latest_net_D.pth``.

    Raises:
        MggcError: There is no discriminator at the path, or it is damaged.
    """
    folder = Path(path)
    loaded = load_network(folder) if (folder / CONFIG_NAME).is_file() else load_checkpoint(folder)
    if not isinstance(loaded.spec, PatchSpec | PixelSpec):
        raise MggcError(f"A discriminator was wanted; {path} holds a generator ({loaded.spec.kind}).")
    return loaded.network
