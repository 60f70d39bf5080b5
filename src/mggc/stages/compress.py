"""The whole pipeline, from a folder of images to a compressed generator: read this to follow an image through.

The original is trained or taken over, an encoder learns what the target images look like, every teacher image gets its
neighbourhood, the game chooses channels, both networks are cut and finetuned, and both generators are measured.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mggc.config import CompressConfig
from mggc.errors import MggcError
from mggc.runs.rundir import RunDir
from mggc.runs.settings import merge, validate_config
from mggc.stages.aim import aimed
from mggc.stages.check import open_for_compression
from mggc.stages.context import Reporter, make_context
from mggc.stages.encode import fit_encoder
from mggc.stages.evaluate import evaluate, run_metrics
from mggc.stages.find_neighbors import find_neighbors
from mggc.stages.finetune import finetune
from mggc.stages.import_gan import import_gan
from mggc.stages.inherit import inherited_settings
from mggc.stages.latency_budget import run_latency
from mggc.stages.predict import refuse_impossible
from mggc.stages.prune import prune
from mggc.stages.recover import recover_discriminator
from mggc.stages.resolve import resolve
from mggc.stages.source import GeneratorSource
from mggc.stages.train_gan import train_gan


@dataclass(frozen=True)
class CompressResult:
    """What a finished run amounts to."""

    run: Path
    """The run's directory."""
    compressed: Path
    """Folder of the compressed generator: ``config.json`` and ``model.safetensors``."""
    budget: int
    """MACs that were allowed."""
    macs: dict[str, int]
    """MACs of ``original`` and ``compressed``, in the budget's convention."""
    metrics: dict[str, dict[str, float | int | None]]
    """Figures of ``original`` and ``compressed`` by metric; with their protocols in the run's ``evaluate`` folder."""
    latency: dict[str, Any] | None = None
    """Of a latency budget: how its MACs were found, and what the delivered generator takes."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return {**self.__dict__, "run": str(self.run), "compressed": str(self.compressed)}


def compress_run(
    config: CompressConfig,
    out: Path,
    *,
    generator: GeneratorSource | None = None,
    force: bool = False,
    reporter: Reporter | None = None,
) -> CompressResult:
    """Run every stage that is not done yet.

    Args:
        config: The configuration; what it leaves open is resolved here.
        out: The run's directory: new, empty, or an unfinished run with the same configuration.
        generator: What to compress; trained from scratch when absent.
        force: Take over a run made with another configuration.
        reporter: Where progress goes.

    Raises:
        MggcError: Data, generator, budget or run directory are not usable; nothing was started then.
    """
    config, generator = aimed(config, generator)
    config = complete(config, generator)
    if generator is not None and generator.path.resolve() == out.resolve():
        raise MggcError(
            f"--out names the run {out} that --generator takes the original from; choose another folder."
        )
    # Both refuse what cannot work before anything is written.
    dataset = open_for_compression(config, generator)
    refuse_impossible(config, generator, out)
    context = make_context(RunDir.create(out, config, force=force), reporter, force=force, dataset=dataset)
    if generator is None:
        train_gan(context)
    else:
        import_gan(context, generator)
    recover_discriminator(context)
    fit_encoder(context)
    find_neighbors(context)
    prune(context)
    finetune(context)
    evaluate(context)
    return result_of(context.run)


def complete(config: CompressConfig, generator: GeneratorSource | None) -> CompressConfig:
    """The resolved configuration: what the user set, what the generator brings with it, and defaults.

    Raises:
        MggcError: There is no such generator.
    """
    merged = merge(inherited_settings(generator), config)
    return resolve(validate_config(merged, source="settings" if generator is None else generator.name))


def result_of(run: RunDir) -> CompressResult:
    """What a finished run amounts to.

    Raises:
        MggcError: It is not finished.
    """
    metrics = run_metrics(run)
    done = run.stage("prune").require(f"mggc prune {run.path}")
    return CompressResult(
        run=run.path,
        compressed=run.compressed,
        budget=done["budget"],
        macs={"original": done["total_macs"], "compressed": done["macs"]},
        metrics={
            name: {metric: figure.value for metric, figure in figures.items()}
            for name, figures in metrics.items()
        },
        latency=run_latency(run),
    )
