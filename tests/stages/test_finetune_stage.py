"""Every distillation method through the finetune stage, whole and interrupted."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from import_toys import RESNET, Ears, write_checkpoints

import mggc
from cli_toys import mggc as command
from mggc.config import Distiller
from mggc.errors import MggcError
from mggc.runs.logbook import read_log
from mggc.runs.rundir import RunDir
from mggc.stages import train_gan as training
from mggc.stages.check import open_for_compression
from mggc.stages.compress import complete
from mggc.stages.context import make_context
from mggc.stages.encode import fit_encoder
from mggc.stages.find_neighbors import find_neighbors
from mggc.stages.import_gan import import_gan
from mggc.stages.loop import run_updates
from mggc.stages.prune import prune
from mggc.stages.recover import recover_discriminator
from mggc.stages.single import run_stage
from mggc.stages.source import GeneratorSource
from mggc.stages.train_gan import train_gan
from pipeline_toys import leftovers, results, tiny_config, write_domains, write_pairs

DISTILLERS = get_args(Distiller)
SOURCES = {
    "pix2pix": None,
    "cyclegan": None,
    "one direction": "theirs",
    "own network": "own_networks:trained_mobile",
}


@pytest.fixture(scope="module")
def pruned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs that wait for their finetuning, by kind; not to be changed."""
    folder = tmp_path_factory.mktemp("pruned")
    write_checkpoints(folder / "theirs", {"G_A": RESNET})
    data = {"pix2pix": write_pairs(folder / "pairs"), "cyclegan": write_domains(folder / "domains")}
    runs = {}
    for kind, name in SOURCES.items():
        model = "pix2pix" if kind in ("pix2pix", "own network") else "cyclegan"
        source = None if name is None else GeneratorSource(str(folder / name) if name == "theirs" else name)
        config = complete(tiny_config(model, data[model], prune={"method": "l1_norm"}), source)
        dataset = open_for_compression(config, source)
        context = make_context(RunDir.create(folder / kind, config), dataset=dataset)
        if source is None:
            train_gan(context)
        else:
            import_gan(context, source)
        for stage in (recover_discriminator, fit_encoder, find_neighbors, prune):
            stage(context)
        runs[kind] = folder / kind
    return runs


def finetune(run: Path, reporter: Ears | None = None, **settings: Any) -> RunDir:
    return run_stage(run, "finetune", {"finetune": settings}, reporter=reporter)


class UpdateError(Exception):
    pass


def interrupt_after(updates: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*arguments: Any, **options: Any) -> None:
        *first, records = arguments
        run_updates(*first, _some(records), **options)

    def _some(records: Iterator[Any]) -> Iterator[Any]:
        for number, record in enumerate(records):
            if number == updates:
                raise UpdateError
            yield record

    monkeypatch.setattr(training, "run_updates", run)


def assert_resumes(original: Path, folder: Path, distiller: Distiller) -> None:
    """Finetuning ends with the same files whether it was interrupted or not."""
    for name in ("whole", "in_lives"):
        shutil.copytree(original, folder / name)
    finetune(folder / "whole", distiller=distiller)
    with pytest.MonkeyPatch.context() as monkeypatch:
        interrupt_after(3, monkeypatch)
        with pytest.raises(UpdateError):
            finetune(folder / "in_lives", distiller=distiller)
    finetune(folder / "in_lives", distiller=distiller)
    whole, in_lives = results(folder / "whole"), results(folder / "in_lives")
    assert whole.keys() == in_lives.keys()
    assert [name for name in whole if whole[name] != in_lives[name]] == []
    assert leftovers(folder) == []


@pytest.mark.parametrize(
    ("kind", "distiller"),
    [*(("pix2pix", distiller) for distiller in DISTILLERS), ("cyclegan", "mggc"), ("cyclegan", "gcc")],
)
def test_an_interrupted_finetuning_ends_as_an_uninterrupted_one(
    tmp_path: Path, pruned: dict[str, Path], kind: str, distiller: Distiller
) -> None:
    assert_resumes(pruned[kind], tmp_path, distiller)
    run = RunDir.open(tmp_path / "whole")
    done = run.stage("finetune").done()
    assert done is not None
    assert (done["objective"], done["distillation"]) == (kind, distiller)
    log = read_log(run.stage("finetune").log_path)
    assert all("distillation" in record for record in log)
    assert all(("teacher_adversarial" in record) == (distiller == "gcc") for record in log)


@pytest.mark.parametrize(
    ("kind", "distiller"),
    [
        *(("cyclegan", distiller) for distiller in DISTILLERS if distiller not in ("mggc", "gcc")),
        *(("one direction", distiller) for distiller in DISTILLERS),
        *(("own network", distiller) for distiller in DISTILLERS),
    ],
)
def test_every_method_finetunes_every_kind_of_run(
    tmp_path: Path, pruned: dict[str, Path], kind: str, distiller: Distiller
) -> None:
    shutil.copytree(pruned[kind], tmp_path / "run")
    run = finetune(tmp_path / "run", distiller=distiller, updates=2)
    assert mggc.load_generator(run.compressed).training is False
    (record,) = read_log(run.stage("finetune").log_path)
    assert ("teacher_distillation" in record) == (kind == "one direction" and distiller == "gcc")


def test_a_teacher_that_learns_in_one_direction_resumes_too(tmp_path: Path, pruned: dict[str, Path]) -> None:
    assert_resumes(pruned["one direction"], tmp_path, "gcc")


def test_a_teacher_that_learns_along_leaves_the_originals_on_disk(
    tmp_path: Path, pruned: dict[str, Path]
) -> None:
    shutil.copytree(pruned["pix2pix"], tmp_path / "run")
    before = results(tmp_path / "run" / "original")
    finetune(tmp_path / "run", distiller="gcc")
    assert results(tmp_path / "run" / "original") == before


def test_methods_differ_and_so_does_none(tmp_path: Path, pruned: dict[str, Path]) -> None:
    """Of several methods on one run, each leaves a generator of its own, and one note of what was distilled with."""
    shutil.copytree(pruned["pix2pix"], tmp_path / "run")
    weights = set()
    choices: list[dict[str, Any]] = [{"distillation": False}]
    choices += [{"distillation": True, "distiller": distiller} for distiller in ("mggc", "gcc", "wkd")]
    for settings in choices:
        overrides = {"finetune": {**settings, "updates": 1}}
        run = run_stage(tmp_path / "run", "finetune", overrides, force=True)
        found = results(run.compressed)
        weights.add(found["model.safetensors"])
        name = settings.get("distiller", "none")
        assert found["config.json"]["provenance"]["distillation"] == name
        assert (
            run.config.finetune.content_weight == 50.0
        )  # a method's weights stay whichever method is chosen
    assert len(weights) == len(choices)


def test_without_distillation_the_method_is_of_no_account(tmp_path: Path, pruned: dict[str, Path]) -> None:
    shutil.copytree(pruned["pix2pix"], tmp_path / "run")
    run = finetune(tmp_path / "run", distillation=False, distiller="cat", batch_size=1, updates=1)
    (record,) = read_log(run.stage("finetune").log_path)
    assert "distillation" not in record


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"finetune": {"distiller": "cat", "batch_size": 1}},
            "two or more on each device. Found .* 1; use 2",
        ),
        (
            {"finetune": {"distiller": "cat", "batch_size": 2}, "runtime": {"devices": 2}},
            "Found --finetune.batch-size 2; use 4",
        ),
        (
            {"finetune": {"distiller": "omgd"}, "data": {"image_size": 8}},
            "11×11 pixels. Found --image-size 8",
        ),
    ],
)
def test_a_method_that_would_say_nothing_is_refused_before_anything_is_begun(
    tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    config = tiny_config("cyclegan", write_domains(tmp_path / "domains"), **settings)
    with pytest.raises(MggcError, match=message) as refused:
        complete(config, None)
    assert "\n" not in str(refused.value)


def test_the_command_line_knows_the_methods(
    tmp_path: Path, pruned: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(pruned["pix2pix"], tmp_path / "run")
    assert (
        command(capsys, "finetune", tmp_path / "run", "--distiller", "wkd", "--wavelet-weight", "2").code == 0
    )
    config = RunDir.open(tmp_path / "run").config.finetune
    assert (config.distiller, config.wavelet_weight, config.updates) == ("wkd", 2.0, 5)
    refused = command(capsys, "finetune", tmp_path / "run", "--distiller", "vgg")
    assert refused.code == 2
    assert "wkd" in refused.err


def test_without_inheritance_only_the_plan_is_handed_on(tmp_path: Path, pruned: dict[str, Path]) -> None:
    """With an empty schedule the delivered weights are the ones that finetuning starts from."""
    weights = {}
    for name, overrides in (("inherited", {}), ("new", {"inherit": False}), ("again", {"inherit": False})):
        run = Path(shutil.copytree(pruned["pix2pix"], tmp_path / name))
        changes = {"finetune": {"updates": None, "epochs": 0, "decay_epochs": 0, **overrides}}
        run_stage(run, "finetune", changes)
        weights[name] = mggc.load_generator(run).state_dict()
    assert weights["inherited"].keys() == weights["new"].keys()
    convs = [key for key, value in weights["new"].items() if value.ndim == 4]
    assert not any(torch.equal(weights["inherited"][key], weights["new"][key]) for key in convs)
    assert all(torch.equal(weights["new"][key], weights["again"][key]) for key in weights["new"])
    assert {weights["new"][key].shape == weights["inherited"][key].shape for key in convs} == {True}
