"""What is exported: a generator from a run or a file, with what is known about it."""

from dataclasses import dataclass
from pathlib import Path

from mggc.deploy.facts import Facts, cost_of
from mggc.deploy.interface import InputKind, Interface
from mggc.deploy.sizes import smallest_size, taken_sizes
from mggc.errors import MggcError
from mggc.networks.files import LoadedNetwork, load_network
from mggc.runs.rundir import RunDir, is_run
from mggc.stages.evaluate import run_metrics
from mggc.stages.import_gan import generator_spec_of
from mggc.stages.load import load_any_generator
from mggc.stages.networks import has_original, load_original

USUAL_SIZE = 256


@dataclass(frozen=True)
class Subject:
    """A generator to export."""

    source: Path
    """The run, folder or file that the user named."""
    loaded: LoadedNetwork
    """In eval mode on the CPU."""
    facts: Facts
    run: RunDir | None = None
    """The run that it comes from."""
    original: LoadedNetwork | None = None
    """What it was before, where its run has that."""

    def interface(self, kind: InputKind) -> Interface:
        """The form of images that the generator is exported for.

        Raises:
            MggcError: A network of the user's own takes no usual size.
        """
        spec = generator_spec_of(self.loaded)
        multiple, minimum = taken_sizes(self.loaded.network, spec)
        return Interface(kind, spec.input_channels, spec.output_channels, multiple, minimum)


def open_subject(source: Path) -> Subject:
    """The compressed generator of a run, or the generator in a folder or weights file.

    Raises:
        MggcError: There is none, or the run has compressed nothing yet.
    """
    if is_run(source):
        return _of_run(RunDir.open(source))
    loaded = load_any_generator(source)
    known = loaded.provenance
    size = known.get("image_size") or smallest_size(loaded.spec, at_least=USUAL_SIZE)
    name = source.resolve().stem
    return Subject(
        source, loaded, Facts(name, loaded.spec, size, cost_of(loaded, size), data=known.get("data"))
    )


def _of_run(run: RunDir) -> Subject:
    if not run.compressed.is_dir():
        raise MggcError(
            f"{run.path} holds nothing compressed yet. Finish it with mggc compress, or export its original by name: "
            f"mggc export {run.path / 'original' / 'generator'} OUT."
        )
    loaded, config = load_network(run.compressed), run.config
    original = load_original(run, "generator") if has_original(run, "generator") else None
    pruned, size = run.stage("prune").done(), config.data.image_size
    facts = Facts(
        name=run.path.resolve().name,
        spec=loaded.spec,
        image_size=size,
        cost=cost_of(loaded, size),
        original=cost_of(original, size) if original else None,
        budget={
            "asked": config.budget,
            "macs": pruned["budget"],
            "convention": config.macs_convention,
        }
        if pruned
        else None,
        data=Path(config.data.data).name or None,
        model=config.model,
        metrics=_metrics(run),
    )
    return Subject(run.path, loaded, facts, run, original)


def _metrics(run: RunDir) -> dict[str, dict[str, dict[str, object]]]:
    """The run's figures, where it has been evaluated."""
    if run.stage("evaluate").done() is None:
        return {}
    return {
        network: {name: figure.to_json() for name, figure in figures.items()}
        for network, figures in run_metrics(run).items()
    }
