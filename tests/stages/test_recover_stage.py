from pathlib import Path

import pytest
from import_toys import RESNET, UNET, Ears, write_checkpoints

from mggc.runs.logbook import read_log
from mggc.runs.rundir import RunDir
from mggc.stages import recover as recover_stage
from mggc.stages.check import open_for_compression
from mggc.stages.compress import complete
from mggc.stages.context import Context, make_context
from mggc.stages.import_gan import import_gan
from mggc.stages.recover import recover_discriminator
from mggc.stages.source import GeneratorSource
from pipeline_toys import results, tiny_config, write_domains, write_pairs

SETTINGS = {"updates": 12, "check_every": 3, "batch_size": 2, "lr": 2e-3}


def imported(folder: Path, out: Path, *, model: str = "pix2pix", **recover: float) -> tuple[Context, Ears]:
    """A run that has got as far as the import of a generator, or two, without discriminators."""
    data = folder / "data"
    if not data.exists():
        (write_pairs if model == "pix2pix" else write_domains)(data, train=12)
        write_checkpoints(
            folder / "theirs", {"G": UNET} if model == "pix2pix" else {"G_A": RESNET, "G_B": RESNET}
        )
    source = GeneratorSource(str(folder / "theirs"))
    config = complete(
        tiny_config(model, data, recover={**SETTINGS, **recover}, train={"gan_mode": "lsgan"}), source
    )
    ears = Ears()
    dataset = open_for_compression(config, source)
    context = make_context(RunDir.create(out, config), ears, dataset=dataset)
    import_gan(context, source)
    return context, ears


def shares(run: RunDir) -> dict[int, float]:
    log = read_log(run.stage("recover").log_path)
    return {record["step"]: record["share_of_guessing"] for record in log if "share_of_guessing" in record}


def test_it_stops_where_the_target_is_reached_and_records_it(tmp_path: Path) -> None:
    context, ears = imported(tmp_path, tmp_path / "all", target_share=1e-6)
    recover_discriminator(context)
    assert ears.heard("Warning: the recovered discriminator's validation loss is still")
    measured = shares(context.run)
    assert list(measured) == [3, 6, 9, 12]
    target = round(min(measured.values()) + 1e-4, 4)
    first = next(step for step, share in measured.items() if share <= target)
    context, ears = imported(tmp_path, tmp_path / "stopped", target_share=target)
    recover_discriminator(context)
    assert not ears.heard("Warning")
    assert list(shares(context.run)) == [step for step in measured if step <= first]
    done = context.run.stage("recover").done()
    assert done is not None
    assert done["share_of_guessing"]["discriminator"] == pytest.approx(measured[first], abs=1e-6)
    assert done["share_of_guessing"]["discriminator"] <= target == done["target_share"]


@pytest.mark.parametrize("model", ["pix2pix", "cyclegan"])
@pytest.mark.parametrize("place", ["update", "save"])
def test_interrupted_anywhere_it_ends_bit_equal(
    tmp_path: Path, model: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``save``: after the last update, before and after each network is written."""
    options = {"target_share": 0.6}  # reached before the last update
    whole, _ = imported(tmp_path, tmp_path / "whole", model=model, **options)
    recover_discriminator(whole)
    lives, calls = 0, [0]

    class KilledError(Exception):
        pass

    def fragile(original: object, after: bool) -> object:
        def call(*arguments: object, **settings: object) -> object:
            calls[0] += 1
            if not after and calls[0] == lives:
                raise KilledError
            result = original(*arguments, **settings)
            if after and calls[0] == lives:
                raise KilledError
            return result

        return call

    with monkeypatch.context() as patch:
        if place == "update":
            patch.setattr(recover_stage.Recovery, "update", fragile(recover_stage.Recovery.update, False))
        else:
            patch.setattr(recover_stage, "save_network", fragile(recover_stage.save_network, True))
            patch.setattr(recover_stage, "new_network", fragile(recover_stage.new_network, False))
        for lives in range(1, 60):  # noqa: B007  # `fragile` reads it
            calls[0] = 0
            context, _ = imported(tmp_path, tmp_path / "lives", model=model, **options)
            try:
                recover_discriminator(context)
            except KilledError:
                continue
            break
    assert lives > 1
    assert results(tmp_path / "lives") == results(tmp_path / "whole")
