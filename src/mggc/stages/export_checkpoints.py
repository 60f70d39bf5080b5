"""Networks of a run, written as checkpoints of pytorch-CycleGAN-and-pix2pix."""

import shutil
from pathlib import Path

from mggc.errors import MggcError, naming
from mggc.networks.files import LoadedNetwork
from mggc.networks.legacy import export_legacy
from mggc.networks.specs import PatchSpec, PixelSpec
from mggc.runs.rundir import RunDir, is_run
from mggc.stages.load import load_any_network
from mggc.stages.networks import ROLES, Role, has_original, load_original
from mggc.stages.source import PARTNERS

PARTIAL = "partial"


def export_checkpoints(source: Path, folder: Path, *, force: bool = False) -> list[Path]:
    """Write uncompressed networks as pytorch-CycleGAN-and-pix2pix names and saves them: ``latest_net_G.pth`` and so on.

    Args:
        source: A run (all its original networks), or one network's folder or weights file.
        folder: Where to.
        force: Replace files that are there already.

    Returns:
        The files written.

    Raises:
        MggcError: A network is compressed, which that repository cannot build; or a file is there already.
    """
    networks = _networks(source)
    paths = {name: folder / f"latest_net_{name}.pth" for name in networks}
    present = [path for path in paths.values() if path.exists()]
    if present and not force:
        raise MggcError(
            f"{present[0]} is there already. Allow replacing with --force, or choose another folder."
        )
    # Written aside first: where one network cannot be exported, none is.
    partial = folder.with_name(f".{folder.name}.{PARTIAL}")
    try:
        with naming(folder):
            partial.mkdir(parents=True, exist_ok=True)
            for name, loaded in networks.items():
                export_legacy(partial / paths[name].name, loaded.network, spec=loaded.spec)
            folder.mkdir(exist_ok=True)
            for path in paths.values():
                (partial / path.name).replace(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return list(paths.values())


def _networks(source: Path) -> dict[str, LoadedNetwork]:
    """Networks by the name that the other repository gives them."""
    if not is_run(source):
        loaded = load_any_network(source)
        return {"D" if isinstance(loaded.spec, PatchSpec | PixelSpec) else "G": loaded}
    run = RunDir.open(source)
    names = role_names(run)
    return {names[role]: load_original(run, role) for role in ROLES if has_original(run, role)}


def role_names(run: RunDir) -> dict[Role, str]:
    """That repository's names for a run's networks: there, G_A translates domain A whatever is compressed."""
    own = "G" if run.config.model == "pix2pix" else f"G_{run.config.data.direction[0]}"
    return {"generator": own, **PARTNERS[own]}
