"""What all runs of a grid have in common is computed once, in runs of its own, and linked into each run."""

import os
import shutil
from pathlib import Path

from mggc.config import CompressConfig
from mggc.data.dataset import Dataset
from mggc.runs.atomic import read_json, write_folder_atomically
from mggc.runs.rundir import RunDir, StageName
from mggc.stages.comparison.timing import timed
from mggc.stages.context import Context, Reporter, make_context
from mggc.stages.encode import fit_encoder
from mggc.stages.evaluation.trained_segmenter import FOLDER as SEGMENTER
from mggc.stages.evaluation.trained_segmenter import RECORD
from mggc.stages.find_neighbors import find_neighbors
from mggc.stages.import_gan import import_gan
from mggc.stages.recover import recover_discriminator
from mggc.stages.source import GeneratorSource
from mggc.stages.train_gan import train_gan

SHARED = "shared"
BEFORE_NEIGHBORS: tuple[StageName, ...] = ("original", "recover", "encode")


class SharedRuns:
    """The run that holds the shared stages, and one more for each other number of neighbours that a row asks for.

    Args:
        out: The grid's folder.
        config: The shared configuration.
        dataset: Its data, open.
        generator: What to compress; trained first when absent.
        reporter: Where progress goes.
        force: Take over runs that were made with another configuration.
    """

    def __init__(
        self,
        out: Path,
        config: CompressConfig,
        dataset: Dataset,
        *,
        generator: GeneratorSource | None,
        reporter: Reporter,
        force: bool,
    ) -> None:
        self._out, self._config, self._dataset = out, config, dataset
        self._generator, self._reporter, self._force = generator, reporter, force
        # Kept for as long as the grid runs: each holds the lock on its folder.
        self._runs: dict[int, RunDir] = {}
        self.leader = True
        """Whether this process, of perhaps several, writes; known when the first shared run is open."""

    def with_neighbors(self, k: int) -> RunDir:
        """The finished run of original networks, encoder and neighbourhoods of ``k``; a stage that is done stays.

        Raises:
            MggcError: One of these stages cannot be done.
        """
        if k not in self._runs:
            first = k == self._config.prune.neighbors
            self._runs[k] = self._base() if first else self._other(k)
        return self._runs[k]

    def _base(self) -> RunDir:
        context = self._context(SHARED, self._config)
        generator = self._generator
        if generator is None:
            timed(context, "original", train_gan)
        else:
            timed(context, "original", lambda context: import_gan(context, generator))
        timed(context, "recover", recover_discriminator)
        timed(context, "encode", fit_encoder)
        timed(context, "neighbors", find_neighbors)
        return context.run

    def _other(self, k: int) -> RunDir:
        base = self.with_neighbors(self._config.prune.neighbors)
        prune = self._config.prune.model_copy(update={"neighbors": k})
        context = self._context(f"{SHARED}-k{k}", self._config.model_copy(update={"prune": prune}))
        link_stages(context, base, BEFORE_NEIGHBORS)
        timed(context, "neighbors", find_neighbors)
        return context.run

    def _context(self, name: str, config: CompressConfig) -> Context:
        run = RunDir.create(self._out / name, config, force=self._force)
        context = make_context(run, self._reporter, force=self._force, dataset=self._dataset)
        self.leader = context.leader
        return context


def link_stages(context: Context, shared: RunDir, names: tuple[StageName, ...]) -> None:
    """Give a run the finished stages of another one, and no others of these; those that it has already stay."""
    if context.leader:
        for name in names:
            own, other = context.run.stage(name), shared.stage(name)
            if other.done() is None:
                own.clear()
            elif own.done() != other.done():
                link_folder(other.path, own.path)
    context.fabric.barrier()


def lend_segmenter(source: Path, run: Path) -> None:
    """Give a run the segmenter that another one has trained, so that one judges all and is trained once.

    Args:
        source: The other run; nothing happens when it has none.
        run: The run that is to have it.
    """
    theirs, own = source / SEGMENTER, run / SEGMENTER
    if (theirs / RECORD).is_file() and (
        not (own / RECORD).is_file() or read_json(own / RECORD) != read_json(theirs / RECORD)
    ):
        link_folder(theirs, own)


def link_folder(source: Path, folder: Path) -> None:
    """Put the files of ``source`` into the place of ``folder``, without copying where the file system allows.

    Files of a run are replaced and never changed in place, so what happens to one folder does not reach the other.
    """

    def write(partial: Path) -> None:
        shutil.copytree(source, partial, copy_function=_link_or_copy, dirs_exist_ok=True)

    write_folder_atomically(folder, write)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another device, or a file system without links; a full disk says so again
        shutil.copy2(source, target)
