"""What a user gets wrong: one clear line, exit code 2, nothing half-written, nothing of the user's touched."""

import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
import torch
from PIL import Image

from cli_toys import Output, mggc
from mggc.config import CompressConfig
from mggc.runs.rundir import StageDir
from mggc.runs.settings import to_toml
from mggc.stages.context import Context
from pipeline_toys import (
    draw,
    leftovers,
    results,
    tiny_settings,
    write_domains,
    write_generator,
    write_pairs,
)

Capture = pytest.CaptureFixture[str]


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder, by name."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def assert_refused(answer: Output, *parts: str) -> None:
    """One line on stderr that says all this, and exit code 2."""
    assert (answer.code, answer.out) == (2, ""), answer.err
    assert answer.err.startswith("mggc: ")
    assert answer.err.count("\n") == 1, answer.err
    for part in parts:
        assert part in answer.err


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the things in it that a user may have; ``tiny.toml`` makes runs short."""
    monkeypatch.chdir(tmp_path)
    write_pairs(tmp_path / "pairs", train=3, test=1)
    write_domains(tmp_path / "domains", train=2, test=1)
    (tmp_path / "empty").mkdir()
    shutil.copytree(tmp_path / "pairs", tmp_path / "hollow")
    for path in (tmp_path / "hollow" / "train").iterdir():
        path.unlink()
    write_generator(tmp_path / "generator", channels=3)
    torch.save({"model.0.weight": torch.zeros(3)}, tmp_path / "other.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "other.pth").read_bytes()[:300])
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "tiny.toml").write_text(
        to_toml(CompressConfig.model_validate(tiny_settings("pix2pix", prune={"neighbors": 1})))
    )
    (tmp_path / "typo.toml").write_text("[prune]\nneighbours = 3\n")
    (tmp_path / "broken.toml").write_text("[prune\n")
    return tmp_path


REFUSALS = {
    "no data": ("compress", "a command line", ["DATA"]),
    "missing folder": ("compress nowhere", "", ["--data should be glyphs or a folder", "nowhere"]),
    "a file as folder": ("compress file", "", ["Found no folder file"]),
    "empty folder": ("compress empty", "", ["empty should hold train/, test/", "Found no folders"]),
    "empty train": ("train hollow", "", ["hollow/train should hold images", "Found none"]),
    "unpaired data for pix2pix": ("train domains", "", ["that is unpaired data; use --model cyclegan"]),
    "paired data for cyclegan": (
        "train pairs --model cyclegan",
        "",
        ["that is paired data; use --model pix2pix"],
    ),
    "a size no U-Net takes": ("train glyphs --image-size 50", "", ["multiples of 32", "--image-size 50"]),
    "a size this U-Net does not take": (
        "compress glyphs --image-size 64 --generator-name unet_128",
        "",
        ["multiples of 128 from 128 pixels upwards, not 64"],
    ),
    "a size no ResNet takes": (
        "compress domains --model cyclegan --image-size 30",
        "",
        ["multiples of 4", "not 30"],
    ),
    "a crop larger than the image": (
        "compress pairs --config tiny.toml --load-size 20",
        "",
        ["--load-size", "20"],
    ),
    "a budget below the least": (
        "compress pairs --config tiny.toml --budget 0.01%",
        "",
        ["A budget of at least", "MACs", "raise --budget"],
    ),
    "a budget of nothing": ("compress pairs --budget 0", "", ["lies between 0 and 1"]),
    "a budget above all": ("compress pairs --budget 120%", "", ["lies between 0 and 1", "120%"]),
    "a budget in words": ("compress pairs --budget small", "", ["A budget is a share", "'small'"]),
    "a latency of nothing": ("compress pairs --budget 0ms", "", ["is more than nothing", "'0ms'"]),
    "a latency in another unit": ("compress pairs --budget 30us", "", ["a latency (30ms)", "'30us'"]),
    "an unknown backend": ("compress pairs --latency.backend tensorrt", "", ["--latency.backend", "tensorrt"]),
    "a budget without unit": ("demo --budget 3000000", "", ["lies between 0 and 1", "3000000"]),
    "too few images": (
        "compress pairs --config tiny.toml --prune.neighbors 5",
        "",
        ["5 neighbours of each image need at least 6 source images. Found 2.", "at most 1"],
    ),
    "no devices": ("compress pairs --devices 0", "", ["--devices", "greater than 0"]),
    "an absent device": ("train pairs --image-size 32 --device cuda", "", ["--device cuda", "finds none"]),
    "precision of a GPU": (
        "train pairs --image-size 32 --device cpu --precision 16-mixed",
        "",
        ["--precision 16-mixed needs a GPU"],
    ),
    "a batch that devices cannot share": (
        "train pairs --image-size 32 --device cpu --devices 2 --batch-size 3",
        "",
        ["a multiple of 2. Found 3."],
    ),
    "an unknown option": ("compress pairs --ngff 3", "", ["--ngff", "Did you mean --ngf?"]),
    "an unknown command": ("compres pairs", "", ['Did you mean "compress"?']),
    "an unknown choice": ("train pairs --model pix2pixhd", "", ["--model", "pix2pix"]),
    "a word for a number": ("train pairs --ngf many", "", ["--ngf", "many"]),
    "an unknown network": ("train pairs --generator-name unet_265", "", ["Did you mean unet_256?"]),
    "an unknown network to inspect": ("inspect unet_265", "", ["'unet_265'", "Did you mean unet_256?"]),
    "a size to inspect": ("inspect unet_256 --image-size 300", "", ["multiples of 256", "not 300"]),
    "a missing configuration": ("compress pairs --config none.toml", "", ["none.toml", "there is none"]),
    "a typo in the configuration": (
        "compress pairs --config typo.toml",
        "",
        ["typo.toml: there is no setting prune.neighbours. Did you mean prune.neighbors?"],
    ),
    "a broken configuration": ("compress pairs --config broken.toml", "", ["broken.toml should be TOML"]),
    "a folder of the user's as run": (
        "compress pairs --config tiny.toml --out thesis --force",
        "",
        ["thesis holds something else"],
    ),
    "a file of the user's as run": ("train pairs --image-size 32 --out file", "", ["file holds something else"]),
    "a run below a file": ("train pairs --image-size 32 --out file/run", "", ["file"]),
    "a missing generator": ("compress pairs --generator none.pth", "", ["none.pth"]),
    "a truncated generator": ("compress pairs --generator cut.pth", "", ["cut.pth is cut short"]),
    "a generator of something else": ("compress pairs --generator other.pth", "", ["other.pth"]),
    "a generator of other channels": (
        "compress pairs --config tiny.toml --generator generator --input-channels 1",
        "",
        ["reads 3 and writes 3 channels", "--input-channels 3"],
    ),
    "a generator of other sizes": (
        "compress pairs --config tiny.toml --generator generator --image-size 40",
        "",
        ["multiples of 32", "not 40"],
    ),
    "missing further sources": (
        "compress pairs --config tiny.toml --extra-sources none",
        "",
        ["--extra-sources", "none holds none"],
    ),
    "a stage of no run": ("prune thesis", "", ["A run was wanted, but thesis holds no config.toml"]),
    "a stage of a missing run": ("evaluate none", "", ["A run was wanted, but none holds no config.toml"]),
    "nothing to translate with": ("translate none pairs/test out", "", ["none"]),
    "nothing to translate": ("translate generator empty out", "", ["A folder of images was wanted; empty"]),
    "a missing folder to translate": ("translate generator none out", "", ["A folder of images was wanted; none"]),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_a_mistake_is_refused_in_one_line_before_anything_is_written(
    capsys: Capture, desk: Path, name: str
) -> None:
    arguments, _, parts = REFUSALS[name]
    before = tree(desk)
    assert_refused(mggc(capsys, *arguments.split()), *parts)
    assert tree(desk) == before


def test_another_configuration_is_refused_with_what_differs(
    capsys: Capture, desk: Path, finished: Path, pairs: Path
) -> None:
    (desk / "tiny.toml").write_text(to_toml(CompressConfig.model_validate(tiny_settings("pix2pix"))))
    before = results(finished)
    answer = mggc(
        capsys, "compress", pairs, "--config", "tiny.toml", "--out", finished, "--seed", 3, "--ngf", 8
    )
    assert_refused(answer, "another configuration", "seed was 0 and is 3", "network.ngf was 4 and is 8")
    assert "--force" in answer.err
    assert results(finished) == before


def test_a_stage_before_its_time_says_what_to_run_first(capsys: Capture, run: Path) -> None:
    for stage in ("finetune", "prune", "neighbors", "encode", "original"):
        (run / stage / "done.json").unlink()
    before = tree(run)
    assert_refused(mggc(capsys, "neighbors", run), "The stage original", f"Run mggc train DATA --out {run}")
    assert_refused(mggc(capsys, "prune", run), "is not finished")
    assert_refused(mggc(capsys, "finetune", run), "The stage prune", f"Run mggc prune {run}")
    assert_refused(mggc(capsys, "evaluate", run), "The stage finetune", f"Run mggc finetune {run}")
    assert tree(run) == before


@pytest.mark.parametrize(
    ("damaged", "stage", "command", "part"),
    [
        ("compressed/model.safetensors", None, "inspect {run} --image-size 32", "is damaged or cut short"),
        ("compressed/config.json", None, "inspect {run} --image-size 32", "is not readable as JSON"),
        ("original/generator/model.safetensors", "prune", "prune {run}", "is damaged or cut short"),
        ("encode/encoder/model.safetensors", "evaluate", "evaluate {run}", "should hold an encoder"),
        ("neighbors/teacher_images.npy", "prune", "prune {run}", "teacher images"),
        ("neighbors/neighbors.npy", "prune", "prune {run}", "neighbors.npy"),
        ("prune/plan.json", "finetune", "finetune {run}", "plan.json should be JSON"),
        ("prune/done.json", None, "finetune {run}", "done.json should be JSON"),
        ("evaluate/metrics.json", None, "evaluate {run}", "metrics.json should be JSON"),
    ],
)
def test_a_damaged_file_of_a_run_is_named(
    capsys: Capture, run: Path, damaged: str, stage: str | None, command: str, part: str
) -> None:
    """Each was cut short; ``stage`` has to be done again, for then the file is read."""
    if stage is not None:
        (run / stage / "done.json").unlink()
    content = (run / damaged).read_bytes()
    (run / damaged).write_bytes(content[: len(content) // 2])
    answer = mggc(capsys, *command.format(run=run).split())
    last_line_refuses(answer, part, damaged.rpartition("/")[0])
    assert leftovers(run) == []


def test_a_truncated_checkpoint_is_named_and_kept(capsys: Capture, desk: Path) -> None:
    arguments = ("train", "pairs", "--config", "tiny.toml", "--out", "run")
    assert mggc(capsys, *arguments).code == 0
    (desk / "run" / "original" / "done.json").unlink()
    (desk / "run" / "original" / "checkpoint.pt").write_bytes(b"PK\x03\x04 cut short")
    before = tree(desk)
    assert_refused(
        mggc(capsys, *arguments), "run/original/checkpoint.pt is no readable checkpoint. Delete it"
    )
    assert tree(desk) == before
    (desk / "run" / "original" / "checkpoint.pt").unlink()
    assert mggc(capsys, *arguments).code == 0


def last_line_refuses(answer: Output, *parts: str) -> None:
    """Met in the middle of the work: lines of progress may come before."""
    assert answer.code == 2
    assert answer.out == ""
    lines = [line for line in answer.err.splitlines() if line.startswith("mggc: ")]
    assert answer.err.splitlines()[-1:] == lines
    for part in parts:
        assert part in lines[0]


@pytest.mark.parametrize(("broken", "name"), [("train", "1.png"), ("test", "0.png")])
def test_an_image_that_does_not_decode_is_named_and_the_run_goes_on_without_it(
    capsys: Capture, desk: Path, broken: str, name: str
) -> None:
    """In training it is met by the prefetch thread, in the middle of an epoch; test images come at the very end."""
    path = desk / "pairs" / broken / name
    good = path.read_bytes()
    path.write_bytes(good[: len(good) // 2])
    arguments = ("compress", "pairs", "--config", "tiny.toml", "--out", "run")
    answer = mggc(capsys, *arguments)
    last_line_refuses(answer, f"pairs/{broken}/{name} should be an image, but does not decode")
    assert leftovers(desk) == []
    path.write_bytes(good)
    refused = mggc(capsys, *arguments)
    if (desk / "run" / "original" / "checkpoint.pt").exists() or broken == "test":
        assert_refused(refused, "with other data, settings or earlier stages", "--force")
        refused = mggc(capsys, *arguments, "--force")
    assert refused.code == 0


def test_an_image_that_does_not_decode_is_named_by_translate(
    capsys: Capture, desk: Path, finished: Path
) -> None:
    for name in ("a.png", "b.png"):
        draw((40, 40), 1).save(desk / "empty" / name)
    (desk / "empty" / "b.png").write_bytes((desk / "empty" / "a.png").read_bytes()[:99])
    last_line_refuses(mggc(capsys, "translate", finished, "empty", "out"), "b.png", "does not decode")
    assert [path.name for path in (desk / "out").iterdir()] == ["a.png"]
    with Image.open(desk / "out" / "a.png") as whole:
        whole.load()


@contextmanager
def files_up_to(size: int, stage: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """From one stage on, no file can grow beyond ``size`` bytes: writing fails in the middle, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    pending = Context.pending

    def limiting(context: Context, directory: StageDir, digest: str) -> bool:
        if directory.name == stage:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        return pending(context, directory, digest)

    with monkeypatch.context() as patch:
        patch.setattr(Context, "pending", limiting)
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


FULL = {
    "original": ["original/checkpoint.pt", "original/log.jsonl", "original/generator"],
    "encode": ["encode/checkpoint.pt", "encode/log.jsonl", "encode/encoder"],
    "neighbors": ["neighbors/teacher_images.npy"],
    "prune": ["prune/checkpoint.pt", "prune/log.jsonl"],
    "finetune": ["finetune/checkpoint.pt", "finetune/log.jsonl", "compressed"],
    "evaluate": ["evaluate/grid.png"],
}


def test_a_disk_that_is_full_in_any_stage_leaves_a_run_that_can_go_on(
    capsys: Capture, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("compress", "pairs", "--config", "tiny.toml", "--out")
    assert mggc(capsys, *arguments, "whole").code == 0
    for stage, places in FULL.items():
        for size in (20, 3000):
            with files_up_to(size, stage, monkeypatch):
                answer = mggc(capsys, *arguments, "run")
            last_line_refuses(answer, "File too large at run/", "Nothing half-written is left")
            assert answer.err.partition(" at run/")[2].partition(". Nothing")[0] in places
            assert leftovers(desk) == []
    assert mggc(capsys, *arguments, "run").code == 0
    assert results(Path("run")) == results(Path("whole"))


def test_a_closed_folder_is_named(capsys: Capture, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *_: object, **__: object) -> NoReturn:
        raise PermissionError(13, "Permission denied", str(path))

    before = tree(desk)
    monkeypatch.setattr(Path, "mkdir", refuse)
    answer = mggc(capsys, "train", "pairs", "--config", "tiny.toml", "--out", "closed/run")
    assert_refused(answer, "Permission denied at closed/run")
    assert tree(desk) == before
