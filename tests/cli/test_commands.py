"""Every command as a user runs it, within the process."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cli_toys import mggc
from mggc.config import CompressConfig
from mggc.networks.build import build
from mggc.networks.specs import named_spec
from mggc.presets import DEMO
from mggc.pruning.macs import count_macs
from mggc.runs.rundir import RunDir
from mggc.runs.settings import to_toml
from pipeline_toys import draw, few_letters, leftovers, results, tiny_config, tiny_settings, write_domains

Capture = pytest.CaptureFixture[str]
COMPRESS_KEYS = {"run", "compressed", "budget", "macs", "metrics"}


def write_config(path: Path, settings: dict[str, Any]) -> Path:
    path.write_text(to_toml(CompressConfig.model_validate(settings)))
    return path


def assert_is_a_result(found: dict[str, Any], share: float) -> None:
    assert found.keys() >= COMPRESS_KEYS
    assert found["budget"] == int(share * found["macs"]["original"])
    assert 0.9 * found["budget"] < found["macs"]["compressed"] <= found["budget"]
    assert found["metrics"].keys() == {"original", "compressed"}
    assert found["metrics"]["compressed"]["macs"] == found["macs"]["compressed"]
    assert {"latency", "file_size", "parameters"} <= found["metrics"]["original"].keys()
    assert Path(found["compressed"], "model.safetensors").is_file()


def test_compress_prints_one_object_and_tells_people_everything_on_stderr(
    capsys: Capture, tmp_path: Path, pairs: Path
) -> None:
    config = write_config(tmp_path / "my.toml", tiny_settings("pix2pix"))
    arguments = (
        "compress",
        pairs,
        "--config",
        config,
        "--out",
        tmp_path / "run",
        "--budget",
        "0.4",
        "--json",
    )
    first = mggc(capsys, *arguments)
    assert_is_a_result(first.json, 0.4)
    for stage in ("original", "encode", "neighbors", "prune", "finetune", "evaluate"):
        assert f"\n{stage} " in f"\n{first.err}"
    assert "Original and compressed, test split" in first.err
    assert "Traceback" not in first.err
    again = mggc(capsys, *arguments)
    assert again.json == first.json, "a finished run is not run again"
    assert "finetune " not in again.err


def test_without_json_the_table_and_the_paths_are_on_stdout(
    capsys: Capture, finished: Path, pairs: Path, tmp_path: Path
) -> None:
    config = write_config(tmp_path / "my.toml", tiny_settings("pix2pix"))
    answer = mggc(capsys, "compress", pairs, "--config", config, "--out", finished)
    assert answer.code == 0
    assert answer.err == ""
    assert "Original and compressed, test split" in answer.out
    for shown in (finished, finished / "compressed", finished / "evaluate" / "grid.png"):
        assert str(shown) in answer.out.replace("\n", " ")
        assert shown.exists()


@pytest.mark.parametrize("model", ["pix2pix", "cyclegan"])
def test_demo_runs_the_whole_pipeline(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Any
) -> None:
    few_letters(monkeypatch)
    monkeypatch.setitem(DEMO, model, tiny_config(model))
    answer = mggc(capsys, "demo", "--model", model, "--budget", "35%", "--out", tmp_path / "run", "--json")
    assert_is_a_result(answer.json, 0.35)
    assert "mean_iou" in answer.json["metrics"]["compressed"]


def test_the_stages_one_by_one_make_the_same_run_as_compress(
    capsys: Capture, tmp_path: Path, pairs: Path, finished: Path
) -> None:
    config = write_config(tmp_path / "my.toml", tiny_settings("pix2pix"))
    run = tmp_path / "run"
    trained = mggc(capsys, "train", pairs, "--config", config, "--out", run, "--json").json
    assert trained == {"run": str(run), "generator": str(run / "original" / "generator")}
    for stage in ("encode", "neighbors", "prune", "finetune"):
        found = mggc(capsys, stage, run, "--json").json
        assert (found["run"], found["stage"]) == (str(run), stage)
    assert mggc(capsys, "evaluate", run, "--json").json.keys() >= COMPRESS_KEYS
    assert results(run) == results(finished)


def test_neighbors_draws_neighbourhoods(capsys: Capture, run: Path) -> None:
    answer = mggc(capsys, "neighbors", run, "--show", "3", "--json")
    assert answer.json["k"] == 2
    with Image.open(run / "neighbors" / "neighborhoods.png") as grid:
        assert grid.width >= 3 * 32
        assert grid.height >= 3 * 32


def test_a_stage_is_redone_with_other_settings_only_by_force(capsys: Capture, run: Path) -> None:
    before = results(run)
    refused = mggc(capsys, "prune", run, "--updates", 3)
    assert refused.code == 2
    assert "prune.updates was 5 and is 3. Redo it with --force." in refused.err
    assert results(run) == before
    assert mggc(capsys, "prune", run, "--updates", 3, "--force", "--json").json["method"] == "game"
    after = results(run)
    changed = {name for name in before if before[name] != after.get(name)}
    assert changed == {"config.toml", "prune/done.json", "prune/log.jsonl", "prune/plan.json"}
    late = mggc(capsys, "evaluate", run)
    assert late.code == 0, "evaluate measures what finetune made, which is still there"
    assert "finished with other data, settings or earlier stages" in mggc(capsys, "finetune", run).err
    assert mggc(capsys, "finetune", run, "--force").code == 0


def test_force_redoes_only_what_depends_on_the_change(
    capsys: Capture, run: Path, pairs: Path, tmp_path: Path
) -> None:
    before = results(run)
    config = write_config(tmp_path / "my.toml", tiny_settings("pix2pix"))
    arguments = ("compress", pairs, "--config", config, "--out", run, "--finetune.lr", "0.001")
    refused = mggc(capsys, *arguments)
    assert refused.code == 2
    assert "finetune.lr was 0.0002 and is 0.001" in refused.err
    assert results(run) == before
    forced = mggc(capsys, *arguments, "--force", "--json")
    assert forced.json.keys() >= COMPRESS_KEYS
    assert "finetune " in forced.err
    after = results(run)
    same = {name for name in before if before[name] == after.get(name)}
    assert {name for name in same if name.startswith(("original/", "encode/", "neighbors/", "prune/"))} == {
        name for name in before if name.startswith(("original/", "encode/", "neighbors/", "prune/"))
    }
    assert "compressed/model.safetensors" not in same


def test_a_stage_on_results_that_are_out_of_date_says_what_to_redo(capsys: Capture, run: Path) -> None:
    assert mggc(capsys, "neighbors", run, "-k", 3, "--force").code == 0
    for stage, stale in (("finetune", "prune"), ("prune", None), ("finetune", None)):
        answer = mggc(capsys, stage, run, "--force")
        assert answer.code == (0 if stale is None else 2), answer.err
        assert stale is None or f"Redo it first: mggc {stale} {run} --force." in answer.err
    assert mggc(capsys, "prune", run, "--neighbors", 1, "--force").code == 2, "the neighbourhoods have 3"


def test_further_sources_are_found_neighbours_without_training_again(
    capsys: Capture, run: Path, pairs: Path, tmp_path: Path
) -> None:
    before = results(run)
    (tmp_path / "extra").mkdir()
    draw((32, 32), 1).save(tmp_path / "extra" / "more.png")
    config = write_config(
        tmp_path / "my.toml",
        tiny_settings("pix2pix", data={"extra_sources": str(tmp_path / "extra")}),
    )
    answer = mggc(capsys, "compress", pairs, "--config", config, "--out", run, "--force")
    assert answer.code == 0
    after = results(run)
    assert after["neighbors/done.json"]["images"] == before["neighbors/done.json"]["images"] + 1
    assert after["original/done.json"] == before["original/done.json"]
    assert after["encode/done.json"] == before["encode/done.json"]
    assert after["prune/done.json"] != before["prune/done.json"]


def test_another_precision_is_another_run(capsys: Capture, run: Path) -> None:
    refused = mggc(capsys, "finetune", run, "--precision", "bf16-mixed")
    assert "runtime.precision was '32' and is 'bf16-mixed'" in refused.err
    before = (run / "compressed" / "model.safetensors").read_bytes()
    assert mggc(capsys, "finetune", run, "--precision", "bf16-mixed", "--force").code == 0
    assert (run / "compressed" / "model.safetensors").read_bytes() != before


def test_settings_that_a_stage_refuses_do_not_become_the_runs(capsys: Capture, run: Path) -> None:
    (run / "prune" / "done.json").unlink()
    before = RunDir.open(run).config
    answer = mggc(capsys, "prune", run, "--budget", "0.001%")
    assert answer.code == 2
    assert "A budget of at least" in answer.err
    assert RunDir.open(run).config == before


def test_a_dry_run_writes_nothing_and_predicts(capsys: Capture, tmp_path: Path, pairs: Path) -> None:
    out, config = tmp_path / "run", write_config(tmp_path / "my.toml", tiny_settings("pix2pix"))
    arguments = ("compress", pairs, "--config", config, "--out", out, "--dry-run")
    answer = mggc(capsys, *arguments, "--budget", "25%", "--json").json
    assert not out.exists()
    prediction = answer["prediction"]
    macs, parameters = prediction["macs"], prediction["parameters"]
    assert prediction["budget"] == int(0.25 * macs["original"])
    assert macs["compressed"] <= prediction["budget"]
    assert parameters["compressed"] < parameters["original"]
    assert all(1 <= after <= before for before, after in prediction["widths"].values())
    assert answer["config"]["budget"] == "25%"
    assert answer["config"]["network"]["ndf"] == 4, "resolved: as ngf"
    shown = mggc(capsys, *arguments)
    assert "[prune]" in shown.out
    assert "At uniform width" in shown.out
    assert not out.exists()


def test_a_dry_run_predicts_what_a_uniform_run_delivers(
    capsys: Capture, tmp_path: Path, run: Path, pairs: Path
) -> None:
    config = write_config(tmp_path / "my.toml", tiny_settings("pix2pix"))
    predicted = mggc(
        capsys, "compress", pairs, "--config", config, "--generator", run, "--dry-run", "--json"
    ).json["prediction"]
    made = mggc(capsys, "prune", run, "--method", "uniform", "--force", "--json").json
    assert made["macs"] == predicted["macs"]["compressed"]
    assert made["budget"] == predicted["budget"]


@pytest.mark.parametrize(
    ("budget", "share"), [("0.165", 0.165), ("16.5%", 0.165), (".3", 0.3), ("100%", 1.0)]
)
@pytest.mark.parametrize("convention", ["exact", "paper"])
def test_a_budget_as_a_share_is_of_the_originals_macs_in_its_convention(
    capsys: Capture, tmp_path: Path, pairs: Path, budget: str, share: float, convention: str
) -> None:
    config = write_config(tmp_path / "my.toml", tiny_settings("pix2pix", network={"ngf": 16}))
    arguments = ("compress", pairs, "--config", config, "--dry-run", "--json", "--budget", budget)
    prediction = mggc(capsys, *arguments, "--macs-convention", convention).json["prediction"]
    original = count_of("unet_32", 16, convention)
    assert prediction["macs"]["original"] == original
    assert prediction["budget"] == int(share * original)
    assert 0.95 * share * original < prediction["macs"]["compressed"] <= share * original


def count_of(name: str, ngf: int, convention: Any) -> int:
    return count_macs(build(named_spec(name, ngf=ngf)).eval(), 32, convention=convention)


@pytest.mark.parametrize(
    ("budget", "macs"), [("0.002G", 2_000_000), ("2.5M", 2_500_000), ("900k", 900_000), ("950.5K", 950_500)]
)
def test_a_budget_in_macs_is_taken_at_its_word(
    capsys: Capture, tmp_path: Path, pairs: Path, budget: str, macs: int
) -> None:
    config = write_config(tmp_path / "my.toml", tiny_settings("pix2pix", network={"ngf": 16}))
    arguments = ("compress", pairs, "--config", config, "--dry-run", "--json", "--budget", budget)
    prediction = mggc(capsys, *arguments).json["prediction"]
    assert prediction["budget"] == macs
    assert 0.95 * macs < prediction["macs"]["compressed"] <= macs


@pytest.mark.slow
@pytest.mark.parametrize("convention", ["exact", "paper"])
def test_the_papers_budget_for_pix2pix_is_met_within_two_percent(
    capsys: Capture, pairs: Path, convention: str
) -> None:
    arguments = ("compress", pairs, "--budget", "3.05G", "--macs-convention", convention)
    prediction = mggc(capsys, *arguments, "--dry-run", "--json").json["prediction"]
    assert prediction["macs"]["original"] == {"exact": 6_048_186_368, "paper": 18_140_364_800}[convention]
    assert 0.98 * 3.05e9 <= prediction["macs"]["compressed"] <= 3.05e9


def test_the_configuration_that_a_run_saved_makes_the_same_run(
    capsys: Capture, tmp_path: Path, finished: Path, pairs: Path
) -> None:
    saved = finished / "config.toml"
    answer = mggc(capsys, "compress", pairs, "--config", saved, "--out", tmp_path / "again")
    assert answer.code == 0
    assert results(tmp_path / "again") == results(finished)


def test_a_flag_wins_over_the_file(capsys: Capture, tmp_path: Path, pairs: Path) -> None:
    config = write_config(tmp_path / "my.toml", tiny_settings("pix2pix", train={"lr": 0.25, "beta1": 0.25}))
    answer = mggc(
        capsys, "compress", pairs, "--config", config, "--train.lr", "0.125", "--dry-run", "--json"
    ).json
    train = answer["config"]["train"]
    assert (train["lr"], train["beta1"], train["lambda_l1"]) == (0.125, 0.25, 100.0)


@pytest.mark.parametrize("channels", ["1", "3"])
def test_channels_are_set_on_the_command_line(capsys: Capture, pairs: Path, channels: str) -> None:
    arguments = ("compress", pairs, "--image-size", 32, "--ngf", 4, "--dry-run", "--json")
    data = mggc(capsys, *arguments, "--input-channels", channels).json["config"]["data"]
    assert (data["input_channels"], data["output_channels"]) == (int(channels), 3)


def test_grey_sources_of_colour_targets_go_through(capsys: Capture, tmp_path: Path, pairs: Path) -> None:
    config = write_config(tmp_path / "my.toml", tiny_settings("pix2pix", evaluate={"split": "val"}))
    answer = mggc(
        capsys, "compress", pairs, "--config", config, "--out", tmp_path / "run", "--input-channels", 1,
        "--direction", "BtoA", "--json",
    )  # fmt: skip
    assert_is_a_result(answer.json, 0.3)


def test_cyclegan_on_folders_goes_through(capsys: Capture, tmp_path: Path) -> None:
    data = write_domains(tmp_path / "data")
    config = write_config(tmp_path / "my.toml", tiny_settings("cyclegan"))
    answer = mggc(capsys, "compress", data, "--config", config, "--out", tmp_path / "run", "--json")
    assert_is_a_result(answer.json, 0.3)
    assert leftovers(tmp_path) == []


def test_a_run_is_compressed_again_from_its_original(
    capsys: Capture, tmp_path: Path, finished: Path, pairs: Path
) -> None:
    config = write_config(tmp_path / "my.toml", tiny_settings("pix2pix"))
    arguments = ("compress", pairs, "--config", config, "--generator", finished, "--out")
    answer = mggc(capsys, *arguments, tmp_path / "run", "--budget", "50%", "--json")
    assert_is_a_result(answer.json, 0.5)
    same = "original/generator/model.safetensors"
    assert (tmp_path / "run" / same).read_bytes() == (finished / same).read_bytes()
    assert "choose another folder" in mggc(capsys, *arguments, finished).err


@pytest.mark.parametrize(
    ("name", "exact", "paper", "groups", "channels"),
    [
        ("resnet_9blocks", 49_551_507_456, 56_799_264_768, 14, 2944),
        ("unet_256", 6_048_186_368, 18_140_364_800, 15, 5504),
        ("unet_128", None, None, 13, None),
        ("resnet_6blocks", None, None, None, None),
        ("basic", None, None, 4, 960),
        ("n_layers", None, None, 4, 960),
        ("pixel", None, None, 2, None),
    ],
)
def test_inspect_knows_the_usual_networks(
    capsys: Capture, name: str, exact: int | None, paper: int | None, groups: int | None, channels: int | None
) -> None:
    found = mggc(capsys, "inspect", name, "--image-size", 256, "--json").json
    assert found["macs"].keys() == {"exact", "paper"}
    assert all(isinstance(value, int) for value in [*found["macs"].values(), found["parameters"]])
    assert all(group.keys() >= {"name", "channels"} for group in found["groups"])
    assert exact in (None, found["macs"]["exact"])
    assert paper in (None, found["macs"]["paper"])
    assert groups in (None, len(found["groups"]))
    assert channels in (None, sum(group["channels"] for group in found["groups"]))
    assert sum(layer["macs"] for layer in found["layers"]) == found["macs"]["exact"]


def test_inspect_looks_at_runs_folders_and_files_alike(capsys: Capture, finished: Path) -> None:
    compressed = finished / "compressed"
    paths = (finished, compressed, compressed / "model.safetensors")
    found = [mggc(capsys, "inspect", path, "--image-size", 32, "--json").json for path in paths]
    assert found[0]["macs"] == found[1]["macs"] == found[2]["macs"]
    written = json.loads((compressed / "config.json").read_text())["provenance"]
    assert found[0]["macs"] == written["macs"]
    shown = mggc(capsys, "inspect", finished, "--image-size", 32)
    assert f"{found[0]['macs']['exact']:,} MACs (exact)" in shown.out
    discriminator = mggc(
        capsys, "inspect", finished / "original" / "discriminator", "--image-size", 32, "--json"
    )
    assert len(discriminator.json["groups"]) == 4


def test_translate_takes_images_of_any_size_and_kind(capsys: Capture, tmp_path: Path, finished: Path) -> None:
    inputs, outputs = tmp_path / "in", tmp_path / "out"
    pictures = {
        "odd.png": ("RGB", (33, 47)),
        "grey.jpg": ("L", (64, 32)),
        "sub/tiny.bmp": ("RGB", (5, 3)),
        "one.png": ("P", (1, 1)),
        "clear.png": ("RGBA", (40, 40)),
    }
    for name, (mode, size) in pictures.items():
        (inputs / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new(mode, size, 90).save(inputs / name)
    answer = mggc(capsys, "translate", finished, inputs, outputs, "--json")
    assert answer.json == {"images": 5, "out": str(outputs)}
    for name, (_, size) in pictures.items():
        with Image.open((outputs / name).with_suffix(".png")) as picture:
            assert (picture.mode, picture.size) == ("RGB", size)
    assert leftovers(tmp_path) == []


def test_translate_replaces_files_only_by_force(capsys: Capture, tmp_path: Path, finished: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "in" / "a.png")
    arguments = ("translate", finished / "compressed", tmp_path / "in", tmp_path / "out")
    assert mggc(capsys, *arguments).code == 0
    mine = Image.new("RGB", (32, 32), "red")
    mine.save(tmp_path / "out" / "a.png")
    refused = mggc(capsys, *arguments)
    assert (refused.code, refused.out) == (2, "")
    assert "a.png is there already (and 0 more). Allow replacing with --force." in refused.err
    with Image.open(tmp_path / "out" / "a.png") as kept:
        assert np.array_equal(np.array(kept), np.array(mine))
    assert mggc(capsys, *arguments, "--force").code == 0


def test_both_directions_of_a_cyclegan_are_shown_and_printed(capsys: Capture, tmp_path: Path) -> None:
    data = write_domains(tmp_path / "domains")
    config = write_config(tmp_path / "my.toml", tiny_settings("cyclegan"))
    arguments = (
        "compress",
        data,
        "--config",
        config,
        "--compress",
        "both",
        "--out",
        tmp_path / "runs",
        "--json",
    )
    planned = mggc(capsys, *arguments, "--dry-run").json["directions"]
    assert [planned[name]["config"]["data"]["direction"] for name in ("AtoB", "BtoA")] == ["AtoB", "BtoA"]
    assert not (tmp_path / "runs").exists()
    shown = mggc(capsys, *arguments)
    assert shown.json.keys() >= COMPRESS_KEYS
    for direction, found in shown.json["directions"].items():
        assert_is_a_result(found, 0.3)
        assert found["run"] == str(tmp_path / "runs" / direction)
        assert f"{direction}, test split" in shown.err


def test_the_published_recipe_lies_below_what_the_user_sets(
    capsys: Capture, tmp_path: Path, pairs: Path
) -> None:
    config = write_config(tmp_path / "my.toml", tiny_settings("pix2pix", prune={"updates": 5, "tau": 0.7}))
    arguments = ("compress", pairs, "--config", config, "--prune.relaxed", "--paper", "--dry-run", "--json")
    prune = mggc(capsys, *arguments).json["config"]["prune"]
    assert (prune["lambda1"], prune["tau"], prune["relaxed"]) == (3.0, 0.7, True)
