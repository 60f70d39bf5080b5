"""Both of CycleGAN's generators compressed, one after the other: two games over one trained pair."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mggc.config import CompressConfig, Direction
from mggc.errors import MggcError
from mggc.runs.rundir import is_run
from mggc.stages.aim import toward
from mggc.stages.check import open_for_compression
from mggc.stages.compress import CompressResult, complete, compress_run
from mggc.stages.context import Reporter
from mggc.stages.predict import refuse_impossible
from mggc.stages.source import GeneratorSource

DIRECTIONS: tuple[Direction, ...] = ("AtoB", "BtoA")


@dataclass(frozen=True)
class BothResults:
    """What two finished runs amount to."""

    run: Path
    """The folder that holds both runs."""
    directions: dict[Direction, CompressResult]

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file: the keys of one result, each holding both directions; and both results whole."""
        whole = {name: result.to_json() for name, result in self.directions.items()}
        by_key = {key: {name: result[key] for name, result in whole.items()} for key in whole["AtoB"]}
        return {**by_key, "run": str(self.run), "directions": whole}


def compress_both(
    config: CompressConfig,
    out: Path,
    *,
    generator: GeneratorSource | None = None,
    force: bool = False,
    reporter: Reporter | None = None,
) -> BothResults:
    """Play two games over one trained pair of generators; nothing that is finished is done again.

    Args:
        config: The configuration; its ``compress`` and direction are of no account here.
        out: A folder for two runs, ``AtoB`` and ``BtoA``. Without a generator the first trains the pair for both.
        generator: One of a trained pair; the other one lies beside it.
        force: Take over runs made with another configuration.
        reporter: Where progress goes.

    Raises:
        MggcError: As for one direction; or there is no second generator. Nothing was started then.
    """
    _check_folder(out)
    for direction in DIRECTIONS:
        settings, source = toward(direction, config, generator, pair=True)
        settings = complete(settings, source)
        open_for_compression(settings, source)
        refuse_impossible(settings, source, out / direction)
    results: dict[Direction, CompressResult] = {}
    for direction in DIRECTIONS:
        settings, source = toward(direction, config, generator, pair=True)
        if source is None and results:
            source = GeneratorSource(str(results["AtoB"].run), way_back=True)
        results[direction] = compress_run(
            settings, out / direction, generator=source, force=force, reporter=reporter
        )
    return BothResults(out, results)


def _check_folder(out: Path) -> None:
    """Refuse a folder that is one run, or that holds anything but the two.

    Raises:
        MggcError: It is or does.
    """
    if is_run(out):
        raise MggcError(f"A folder for two runs was wanted; {out} is one run. Choose another --out.")
    if out.exists() and not (out.is_dir() and all(child.name in DIRECTIONS for child in out.iterdir())):
        raise MggcError(
            f"A new or empty folder was wanted for two runs; {out} holds something else. Choose another."
        )
