"""One stage of an existing run, with settings of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mggc.config import CompressConfig
from mggc.errors import MggcError
from mggc.runs.rundir import RunDir, StageName, what_matters
from mggc.runs.settings import differences, merge, validate_config
from mggc.stages.check import open_for_training
from mggc.stages.context import Context, Reporter, make_context
from mggc.stages.encode import fit_encoder
from mggc.stages.evaluate import evaluate
from mggc.stages.find_neighbors import find_neighbors
from mggc.stages.finetune import finetune
from mggc.stages.prune import prune
from mggc.stages.resolve import resolve
from mggc.stages.train_gan import train_gan

STAGES: dict[StageName, Callable[[Context], None]] = {
    "encode": fit_encoder,
    "neighbors": find_neighbors,
    "prune": prune,
    "finetune": finetune,
    "evaluate": evaluate,
}


def train_run(
    config: CompressConfig, out: Path, *, force: bool = False, reporter: Reporter | None = None
) -> RunDir:
    """Start a run by training its original networks, or continue training them.

    Raises:
        MggcError: Data or run directory are not usable.
    """
    config = resolve(config)
    dataset = open_for_training(config)  # before anything is written
    run = RunDir.create(out, config, force=force)
    train_gan(make_context(run, reporter, force=force, dataset=dataset))
    return run


def run_stage(
    path: Path,
    name: StageName,
    overrides: dict[str, Any],
    *,
    force: bool = False,
    reporter: Reporter | None = None,
) -> RunDir:
    """Run one stage of an existing run.

    Args:
        path: The run's directory.
        name: The stage.
        overrides: Settings that are to differ from the run's, nested as in its configuration file.
        force: Redo the stage when it is finished with other settings.
        reporter: Where progress goes.

    Raises:
        MggcError: There is no such run, an earlier stage is missing, or the stage is finished with other settings.
    """
    run = RunDir.open(path)
    config = resolve(validate_config(merge(run.config.model_dump(), overrides), source=str(path)))
    changed = what_matters(differences(run.config, config))
    if changed and run.stage(name).done() is not None and not force:
        listed = ", ".join(f"{key} was {old!r} and is {new!r}" for key, (old, new) in changed.items())
        raise MggcError(
            f"The stage {name} of {path} is finished with other settings: {listed}. Redo it with --force."
        )
    context = make_context(RunDir(path, config), reporter, force=force)
    before = run.config
    try:
        if context.leader:
            context.run.save_config(config)
        STAGES[name](context)
    except MggcError:
        if context.leader:
            run.save_config(before)  # settings that were refused are not the run's
        raise
    return context.run
