import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mggc.errors import MggcError
from mggc.metrics import DrnSegmenter, load_palette
from mggc.metrics.results import Measurement
from mggc.runs.rundir import RunDir
from mggc.runs.settings import validate_config
from mggc.stages.compress import compress_run
from mggc.stages.evaluate import run_metrics
from mggc.stages.evaluation import trained_segmenter
from mggc.stages.evaluation.class_readers import ColorReader
from mggc.stages.evaluation.label_maps import resize_labels
from mggc.stages.single import run_stage
from pipeline_toys import tiny_config, tiny_settings, write_domains

FACADES = load_palette("facades")
FIGURES = {"mean_iou", "pixel_accuracy", "ceiling_mean_iou", "ceiling_pixel_accuracy"}


def write_streets(root: Path, *, train: int = 8, test: int = 4, size: int = 32) -> Path:
    """Photographs (left) with their label maps: blocks of three classes, each with a texture of its own."""
    random = np.random.default_rng(0)
    for phase, count in (("train", train), ("test", test)):
        (root / phase).mkdir(parents=True)
        for number in range(count):
            labels = random.integers(3, size=(4, 4)).repeat(size // 4, 0).repeat(size // 4, 1)
            colors = np.array(FACADES.colors)[[1, 2, 9]][labels]
            photo = np.array([60, 140, 220])[labels][..., None] + random.integers(-20, 21, (size, size, 3))
            pair = np.concatenate([photo.clip(0, 255), colors], axis=1).astype(np.uint8)
            Image.fromarray(pair).save(root / phase / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """From label maps to photographs: BtoA, as for the façades."""
    folder = tmp_path_factory.mktemp("streets")
    config = tiny_config("pix2pix", write_streets(folder / "data"), data={"direction": "BtoA"})
    compress_run(config, folder / "run")
    return folder / "run"


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def evaluated(run: Path, **settings: Any) -> dict[str, dict[str, Measurement]]:
    run_stage(run, "evaluate", {"evaluate": settings}, force=True)
    return run_metrics(RunDir.open(run))


def test_a_trained_segmenter_judges_and_its_ceiling_stands_beside(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"segmenter": "trained", "palette": "facades", "segmenter_updates": 40}
    figures = evaluated(run, **settings)
    for subject in ("original", "compressed"):
        assert {f"{name}[trained]" for name in FIGURES} <= figures[subject].keys()
    found = figures["compressed"]
    assert (found["ceiling_pixel_accuracy[trained]"].value or 0) > 0.85, "real photographs are easy to read"
    assert (found["ceiling_mean_iou[trained]"].value or 0) > (found["mean_iou[trained]"].value or 0)
    protocol = found["mean_iou[trained]"].protocol
    assert (protocol["palette"], protocol["classes"], protocol["n"]) == ("facades", 12, 4)
    assert (protocol["segmenter_pairs"], protocol["segmenter_updates"]) == (7, 40)
    assert protocol["pixels_counted"] == 4 * 32 * 32

    monkeypatch.setattr(
        trained_segmenter, "fit_segmenter", lambda *_, **__: pytest.fail("it is trained already")
    )
    again = evaluated(run, **settings, latency_rounds=2)["compressed"]
    assert again["mean_iou[trained]"] == found["mean_iou[trained]"]
    other = Path(shutil.copytree(run, tmp_path / "other"))
    shutil.rmtree(other / "segmenter")
    lent = evaluated(other, **settings, segmenter_weights=str(run))["compressed"]
    assert lent["mean_iou[trained]"] == found["mean_iou[trained]"], "one judge for several runs"
    with pytest.raises(MggcError, match="knows other classes than the palette cityscapes"):
        evaluated(other, **{**settings, "palette": "cityscapes"}, segmenter_weights=str(run))


def test_drn_reads_cityscapes_classes_with_weights_from_a_file(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MGGC_CACHE", str(tmp_path / "cache"))
    with pytest.raises(
        MggcError, match=r"drn-d-105 wants its weights.*Get drn-d-105_ms_cityscapes\.pth from"
    ):
        evaluated(run, segmenter="drn-d-105")
    torch.manual_seed(0)
    torch.save(DrnSegmenter().state_dict(), tmp_path / "drn.pth")
    figures = evaluated(run, segmenter="drn-d-105", segmenter_weights=str(tmp_path / "drn.pth"))["original"]
    figure = figures["mean_iou[drn-d-105]"]
    assert 0 <= (figure.value or 0) < 1
    assert figure.protocol["classes"] == 19
    assert figure.protocol["logits"] == "resized bilinearly to the labels"
    with pytest.raises(MggcError, match="knows Cityscapes' 19 classes; the palette facades has 12"):
        evaluated(run, segmenter="drn-d-105", segmenter_weights="drn.pth", palette="facades")


def test_label_maps_that_a_generator_draws_are_read_by_their_colors(tmp_path: Path) -> None:
    data = write_streets(tmp_path / "data")
    settings = {"segmenter": "colors", "palette": "facades"}
    compress_run(tiny_config("pix2pix", data, evaluate=settings), tmp_path / "run")
    figures = run_metrics(RunDir.open(tmp_path / "run"))["compressed"]
    assert figures["ceiling_mean_iou[colors]"].value == 1.0, "real label maps at their own size"
    assert 0 <= (figures["mean_iou[colors]"].value or 0) < 1


def test_what_mean_iou_lacks_is_said_before_anything_is_trained(tmp_path: Path) -> None:
    streets, domains = write_streets(tmp_path / "streets"), write_domains(tmp_path / "domains")
    cases: list[tuple[Any, Path, dict[str, Any], str]] = [
        ("pix2pix", streets, {"segmenter": "trained"}, r"wants the label maps' colours: --evaluate\.palette"),
        (
            "pix2pix",
            streets,
            {"segmenter": "trained", "palette": "nowhere"},
            "wants cityscapes, facades or a file",
        ),
        ("cyclegan", domains, {"segmenter": "trained", "palette": "facades"}, "this data has none"),
        ("pix2pix", streets, {"segmenter": "drn-d-105"}, "wants its weights"),
        (
            "pix2pix",
            streets,
            {"segmenter": "trained", "palette": "facades", "segmenter_weights": "nowhere"},
            "wants a run that has trained a segmenter",
        ),
    ]
    for model, data, settings, message in cases:
        config = validate_config(tiny_settings(model, data, evaluate=settings), source="test")
        with pytest.raises(MggcError, match=message):
            compress_run(config, tmp_path / "run")
        assert not (tmp_path / "run").exists()


def test_grey_label_maps_have_no_colors(run: Path) -> None:
    settings = {"segmenter": "trained", "palette": "facades"}
    data = RunDir.open(run).config.data.data
    config = tiny_config("pix2pix", data, data={"direction": "BtoA", "input_channels": 1}, evaluate=settings)
    with pytest.raises(MggcError, match="label maps are read as grey"):
        compress_run(config, run.parent / "grey")


def test_labels_are_resized_without_mixing_classes() -> None:
    labels = torch.tensor([[[0, 255], [7, 3]]])
    assert resize_labels(labels, (4, 4)).tolist() == [[[0, 0, 255, 255]] * 2 + [[7, 7, 3, 3]] * 2]
    assert resize_labels(labels, (2, 2)) is labels
    wide = torch.arange(16).view(1, 4, 4)
    assert set(resize_labels(wide, (2, 2)).flatten().tolist()) <= set(range(16))


def test_a_color_reader_takes_the_nearest_class() -> None:
    reader = ColorReader(FACADES, {})
    image = torch.tensor([[5, 10, 220], [250, 75, 5]], dtype=torch.uint8).T[:, None]
    assert reader.classes(image, (2, 4)).tolist() == [[0, 0, 9, 9]] * 2
