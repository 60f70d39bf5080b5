"""A run from trained networks alone, before there are any images."""

from pathlib import Path

from mggc.config import CompressConfig
from mggc.errors import MggcError
from mggc.runs.rundir import RunDir, digest_of
from mggc.runs.settings import merge, validate_config
from mggc.stages.inherit import inherited_settings
from mggc.stages.networks import save_original
from mggc.stages.resolve import resolve
from mggc.stages.source import GeneratorSource

NO_DATA = ""


def import_run(
    source: GeneratorSource, out: Path, *, overrides: CompressConfig | None = None, force: bool = False
) -> tuple[RunDir, list[str]]:
    """Read a checkpoint and its partners, and write them as a run.

    Args:
        source: A weights file, or a folder of checkpoints.
        out: The run's directory.
        overrides: Settings that the checkpoint does not tell.
        force: Take over a run made otherwise.

    Returns:
        The run, and the roles of the networks that were found.

    Raises:
        MggcError: A network cannot be read, or the run holds others.
    """
    networks = source.networks()
    merged = merge(inherited_settings(source), overrides or {}, {"data": {"data": NO_DATA}})
    digest = digest_of("import", source.digest())
    run = RunDir.create(out, resolve(validate_config(merged, source=source.name)), force=force)
    stage = run.stage("original")
    if stage.made_for() not in (None, digest):
        if not force:
            raise MggcError(
                f"The run {out} holds another generator. Replace it with --force, or choose another --out."
            )
        stage.clear()
    for role, loaded in networks.items():
        save_original(run, role, loaded.network, loaded.spec, f"imported from {source.path.name}")
    stage.finish(digest, source=source.path.name, found=sorted(networks))
    return run, sorted(networks)
