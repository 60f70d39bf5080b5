"""Resume = uninterrupted, bit for bit."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mggc.config import CompressConfig
from mggc.stages.compress import compress_run
from mggc.stages.loop import run_updates
from mggc.stages.source import GeneratorSource
from pipeline_toys import few_letters, leftovers, results, tiny_config, write_generator, write_pairs

STAGES_WITH_UPDATES = ("train_gan", "recover", "encode", "play", "baselines")
LIFE = 3


class UpdateError(Exception):
    pass


def interrupt_every(updates: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise in the middle of every life's update number ``updates + 1``, whichever stage that falls into."""

    def run(*arguments: Any, **options: Any) -> None:
        *first, records = arguments
        run_updates(*first, _stopping(records), **options)

    def _stopping(records: Iterator[Any]) -> Iterator[Any]:
        for record in records:
            if not done[0]:
                raise UpdateError
            done[0] -= 1
            yield record

    done = [updates]
    for stage in STAGES_WITH_UPDATES:
        monkeypatch.setattr(f"mggc.stages.{stage}.run_updates", run)


def compress_in_lives(config: CompressConfig, out: Path, generator: GeneratorSource | None) -> int:
    """Run until it is finished, interrupted after every third update; the number of interruptions."""
    for life in range(100):
        with pytest.MonkeyPatch.context() as monkeypatch:
            interrupt_every(LIFE, monkeypatch)
            try:
                compress_run(config, out, generator=generator)
            except UpdateError:
                assert leftovers(out) == []
            else:
                return life
    raise AssertionError("The run makes no progress.")


class Case(NamedTuple):
    config: CompressConfig
    generator: GeneratorSource | None = None


def pix2pix_from_folder(folder: Path) -> Case:
    return Case(tiny_config("pix2pix", write_pairs(folder / "data")))


def pix2pix_glyphs_in_bf16(folder: Path) -> Case:
    return Case(tiny_config("pix2pix", runtime={"precision": "bf16-mixed"}, prune={"agents": False}))


def pix2pix_without_a_discriminator(folder: Path) -> Case:
    return Case(tiny_config("pix2pix"), GeneratorSource(str(write_generator(folder / "generator"))))


def cyclegan_glyphs(folder: Path) -> Case:
    return Case(tiny_config("cyclegan"))


@pytest.mark.parametrize(
    "make_case",
    [pix2pix_from_folder, pix2pix_glyphs_in_bf16, pix2pix_without_a_discriminator, cyclegan_glyphs],
    ids=lambda function: function.__name__,
)
def test_a_run_interrupted_in_every_stage_ends_as_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_case: Callable[[Path], Case]
) -> None:
    few_letters(monkeypatch)
    config, generator = make_case(tmp_path)
    compress_run(config, tmp_path / "whole", generator=generator)
    assert compress_in_lives(config, tmp_path / "in_lives", generator) >= 7
    whole, in_lives = results(tmp_path / "whole"), results(tmp_path / "in_lives")
    assert whole.keys() == in_lives.keys()
    assert [name for name in whole if whole[name] != in_lives[name]] == []
