import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from mggc.errors import MggcError
from mggc.metrics import InceptionFeatures
from mggc.metrics.results import Measurement
from mggc.runs.rundir import RunDir
from mggc.runs.settings import validate_config
from mggc.stages.compress import compress_run
from mggc.stages.context import Progress
from mggc.stages.evaluate import run_metrics
from mggc.stages.evaluation import feature_sets
from mggc.stages.single import run_stage
from mggc.weights import INCEPTION
from pipeline_toys import tiny_config, tiny_settings, write_pairs

ENCODER = "swav-r18-w4"


class Listener:
    def __init__(self) -> None:
        self.messages: list[str] = []

    def progress(self, progress: Progress) -> None:
        """Not listened to."""

    def message(self, text: str) -> None:
        self.messages.append(text)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("features")
    compress_run(tiny_config("pix2pix", write_pairs(folder / "data", test=5)), folder / "run")
    return folder / "run"


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MGGC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights in the published architecture."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(InceptionFeatures().state_dict(), path)
    return path


def evaluated(
    run: Path, reporter: Listener | None = None, **settings: Any
) -> dict[str, dict[str, Measurement]]:
    run_stage(run, "evaluate", {"evaluate": settings}, force=True, reporter=reporter)
    return run_metrics(RunDir.open(run))


@pytest.mark.slow
def test_fid_and_kid_appear_with_inceptions_weights_and_real_features_are_kept(
    run: Path, cache: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = Listener()
    figures = evaluated(run, listener, inception=str(weights))["compressed"]
    names = [name for name in figures if name.endswith("[inception]")]
    assert names[:2] == ["kid[inception]", "fid[inception]"], "few images: what can be trusted comes first"
    assert {"coverage[inception]", "precision[inception]"} < set(names)
    fid, kid = figures["fid[inception]"], figures["kid[inception]"]
    assert "biased upwards" in str(fid.protocol["warning"])
    assert (fid.protocol["n"], fid.protocol["resize"]) == (5, "299, bilinear, not antialiased")
    assert (kid.protocol["subsets"], kid.protocol["subset_size"], kid.protocol["sd"]) == (
        100,
        2,
        "over subsets",
    )
    assert kid.sd is not None
    assert any("is not the published pt_inception" in message for message in listener.messages)
    (kept,) = (cache / "reference").iterdir()
    calls: list[int] = []
    extract = feature_sets.extract_features
    monkeypatch.setattr(feature_sets, "extract_features", lambda *a, **k: calls.append(1) or extract(*a, **k))
    again = evaluated(run, inception=str(weights), latency_rounds=2)["compressed"]
    assert len(calls) == 2, "original and compressed; the real images' features are read"
    assert again["fid[inception]"].value == fid.value
    kept.write_bytes(b"damaged")
    with pytest.raises(MggcError, match="Delete it"):
        evaluated(run, inception=str(weights), latency_rounds=3)


def test_without_weights_one_line_says_which_and_where_and_the_encoder_judges_alone(
    run: Path, cache: Path
) -> None:
    listener = Listener()
    figures = evaluated(run, listener, latency_rounds=2)["compressed"]
    assert not [name for name in figures if "inception" in name]
    (line,) = [message for message in listener.messages if "FID and KID are left out" in message]
    assert INCEPTION.url in line
    assert str(cache / INCEPTION.file_name) in line
    assert not cache.exists(), "nothing was fetched or written"
    listener = Listener()
    evaluated(run, listener, inception="none")
    assert not [message for message in listener.messages if "left out" in message]


def test_few_images_are_warned_of_and_the_kernel_distance_comes_first(run: Path) -> None:
    listener = Listener()
    figures = evaluated(run, listener, latency_rounds=2)["original"]
    (warning,) = [message for message in listener.messages if message.startswith("Warning")]
    assert warning.startswith("Warning: 5 images. Below 2,048")
    names = list(figures)
    assert names.index(f"kernel[{ENCODER}]") < names.index(f"frechet[{ENCODER}]")
    assert "warning" in figures[f"frechet[{ENCODER}]"].protocol
    assert "warning" not in figures[f"kernel[{ENCODER}]"].protocol


def test_enough_images_bring_the_frechet_distance_first_and_no_warning(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mggc.stages.evaluation.feature_figures.FEW_IMAGES", 5)
    listener = Listener()
    figures = evaluated(run, listener, latency_rounds=2)["original"]
    assert not [message for message in listener.messages if message.startswith("Warning")]
    names = list(figures)
    assert names.index(f"frechet[{ENCODER}]") < names.index(f"kernel[{ENCODER}]")
    assert "warning" not in figures[f"frechet[{ENCODER}]"].protocol


def test_infinity_is_an_option(run: Path) -> None:
    figures = evaluated(run, infinity=True)["compressed"]
    infinite = figures[f"frechet_infinity[{ENCODER}]"]
    assert infinite.value is not None
    assert infinite.protocol["extrapolated"] == "linear in 1/n, 15 sizes"


def test_another_runs_encoder_may_judge(run: Path, finished: Path, tmp_path: Path, cache: Path) -> None:
    own = run_metrics(RunDir.open(run))["compressed"]
    for place in (finished, finished / "encode", finished / "encode" / "encoder"):
        figures = evaluated(run, features=str(place))["compressed"]
        name = f"frechet[{ENCODER}]"
        assert figures[name].value == pytest.approx(own[name].value), "it is the same encoder here"
        assert figures[name].protocol["encoder"] == "another than the game saw"
        assert own[name].protocol["encoder"] == "the run's own, which the game saw"
    assert len(list((cache / "reference").iterdir())) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"features": "nowhere"}, r"--evaluate\.features wants run, another run"),
        (
            {"inception": "nowhere.pth"},
            r"--evaluate\.inception wants none, auto, fetch or a file.*Get pt_inc",
        ),
    ],
)
def test_missing_files_are_refused_before_anything_is_trained(
    tmp_path: Path, run: Path, settings: dict[str, Any], message: str
) -> None:
    data = RunDir.open(run).config.data.data
    config = validate_config(tiny_settings("pix2pix", data, evaluate=settings), source="test")
    with pytest.raises(MggcError, match=message):
        compress_run(config, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    with pytest.raises(MggcError, match=message):
        evaluated(run, **settings)
