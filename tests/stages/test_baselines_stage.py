"""Every method of choosing channels, in a whole run."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from mggc.baselines.choose import ONE_SHOT
from mggc.baselines.learned import LEARNED
from mggc.config import Model, PlanMethod
from mggc.errors import MggcError
from mggc.networks.files import load_network
from mggc.pruning.macs import count_macs
from mggc.runs.atomic import read_json
from mggc.runs.rundir import RunDir
from mggc.stages.compress import compress_run
from mggc.stages.loop import run_updates
from mggc.stages.prune import PLAYED, run_plans
from mggc.stages.single import run_stage
from pipeline_toys import few_letters, tiny_config

METHODS: tuple[PlanMethod, ...] = get_args(PlanMethod)
KEEP_D = set(METHODS) - {"game", "gcc"}
PRUNE = {"taylor_batches": 2}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Model, Path]]:
    """A finished run of each model, by the cheapest method."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        few_letters(monkeypatch)
        runs: dict[Model, Path] = {}
        for model in get_args(Model):
            runs[model] = tmp_path_factory.mktemp("runs") / model
            compress_run(tiny_config(model, prune={"method": "uniform", **PRUNE}), runs[model])
        yield runs


def copy_of(run: Path, folder: Path) -> Path:
    return Path(shutil.copytree(run, folder / "run"))


def prune_with(run: Path, method: PlanMethod) -> dict[str, Any]:
    """The stage's record after choosing channels by a method."""
    run_stage(run, "prune", {"prune": {"method": method}}, force=True)
    done = RunDir.open(run).stage("prune").done()
    assert done is not None
    return done


def test_every_method_is_dispatched_to_one_place() -> None:
    assert sorted([*PLAYED, *ONE_SHOT, *LEARNED]) == sorted(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_goes_through_pruning_finetuning_and_evaluation(
    method: PlanMethod, finished: dict[Model, Path], tmp_path: Path
) -> None:
    run = copy_of(finished["pix2pix"], tmp_path)
    done = prune_with(run, method)
    for stage in ("finetune", "evaluate"):
        run_stage(run, stage, {}, force=True)  # type: ignore[arg-type]
    assert done["method"] == method
    assert 0.9 * done["budget"] <= done["macs"] <= done["budget"]
    assert count_macs(load_network(run / "compressed").network, 32) == done["macs"]
    assert RunDir.open(run).stage("evaluate").done() is not None
    widths = run_plans(RunDir.open(run)).discriminator.widths
    before = run_plans(RunDir.open(finished["pix2pix"])).discriminator.widths
    assert widths == before or method not in KEEP_D
    log = RunDir.open(run).stage("prune").log_path
    steps = log.read_text().count("\n") if log.exists() else 0
    assert steps == (0 if method in ONE_SHOT else 5)


@pytest.mark.parametrize("method", [*LEARNED, "free_logits", "taylor", "cil"])
def test_methods_work_without_pairs_and_without_affine_norms(
    method: PlanMethod, finished: dict[Model, Path], tmp_path: Path
) -> None:
    done = prune_with(copy_of(finished["cyclegan"], tmp_path), method)
    assert 0.9 * done["budget"] <= done["macs"] <= done["budget"]


def test_a_method_that_does_not_fit_the_generator_is_refused(
    finished: dict[Model, Path], tmp_path: Path
) -> None:
    with pytest.raises(MggcError, match="l1_norm"):
        prune_with(copy_of(finished["cyclegan"], tmp_path), "norm_scale")


@pytest.mark.parametrize("method", [*LEARNED, "free_logits"])
def test_a_method_that_learns_is_resumed_bit_for_bit(
    method: PlanMethod, finished: dict[Model, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, interrupted = (copy_of(finished["pix2pix"], tmp_path / name) for name in ("whole", "parts"))
    prune_with(whole, method)
    for module in ("baselines", "play"):
        monkeypatch.setattr(f"mggc.stages.{module}.run_updates", stopping_after_three)
    with pytest.raises(KeyboardInterrupt):
        prune_with(interrupted, method)
    monkeypatch.undo()
    run_stage(interrupted, "prune", {"prune": {"method": method}})
    folders = [run / "prune" for run in (whole, interrupted)]
    assert read_json(folders[0] / "plan.json") == read_json(folders[1] / "plan.json")
    logs = [(folder / "log.jsonl").read_text() for folder in folders]
    assert logs[0] == logs[1]


def stopping_after_three(*arguments: Any, **options: Any) -> None:
    *first, records = arguments

    def few() -> Iterator[Any]:
        for count, record in enumerate(records):
            if count == 3:
                raise KeyboardInterrupt
            yield record

    run_updates(*first, few(), **options)
