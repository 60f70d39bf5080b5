from pathlib import PurePath

import pytest

from mggc.metrics.names import metric_label
from mggc.metrics.results import Measurement
from mggc.report.headline import headline
from mggc.report.labels import (
    headings_of,
    number,
    percent,
    quantity,
    times,
    unique_labels,
)
from mggc.report.protocols import factor_out
from mggc.report.tables import Shown, change, cost_table, quality_table, shown

OVER_IMAGES = {"sources": 100, "sd": "over images", "split": "test"}


def figures(scale: float) -> dict[str, Measurement]:
    timing = {"p10_ms": 8.0 * scale, "p90_ms": 12.0 * scale}
    return {
        "ssim": Measurement(0.8 * scale, "", OVER_IMAGES, sd=0.1),
        "frechet[swav-r18]": Measurement(5 / scale, "", {"split": "test", "features": "swav-r18"}),
        "macs": Measurement(1_000_000 * scale, "MACs", {"convention": "exact"}),
        "latency": Measurement(10.0 * scale, "ms", timing),
    }


RUN = {"original": figures(1.0), "compressed": figures(0.5)}


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.033526, "0.0335"), (18.695, "18.7"), (1234567, "1,234,567"), (0, "0"), (-1.5, "−1.50"), (None, "–")],
)
def test_numbers_have_three_digits(value: float | None, text: str) -> None:
    assert number(value) == text


def test_quantities_have_units_and_prefixes() -> None:
    assert quantity(23_330_816, "MACs") == "23.3 M"
    assert quantity(1_234_564, "bytes") == "1.23 MB"
    assert quantity(512, "bytes") == "512 B"
    assert quantity(1.7319, "ms") == "1.73 ms"
    assert quantity(0.379, "share") == "0.379"
    assert (times(5.04), times(123.4)) == ("5.0×", "123×")
    assert (percent(0.379), percent(0.029)) == ("38\u202f%", "2.9\u202f%")


def test_metrics_have_names_for_people_and_a_direction() -> None:
    assert metric_label("frechet[swav-r18]") == "Fréchet distance [swav-r18]"
    assert metric_label("neighborhood_preservation@5[f]") == "neighbourhoods preserved, k = 5 [f]"
    assert metric_label("own_metric") == "own metric"
    assert headings_of(["fid[f]", "ssim", "own"]) == (["FID ↓", "SSIM ↑", "own"], "f")
    assert headings_of(["fid[f]", "kid[g]"]) == (["FID [f] ↓", "KID [g] ↓"], "")


def test_labels_are_as_long_as_it_takes_to_tell_paths_apart() -> None:
    paths = [PurePath("/a/one/run"), PurePath("/a/two/run"), PurePath("/a/two/other")]
    assert unique_labels(paths[1:]) == ["run", "other"]
    assert unique_labels(paths) == ["one/run", "two/run", "two/other"]
    assert len(set(unique_labels([paths[0], paths[0]]))) == 2


def test_costs_and_qualities_are_two_tables_with_the_protocol_they_share() -> None:
    costs, qualities = cost_table(RUN), quality_table(RUN)
    assert [row.label for row in costs.rows] == ["multiply-adds, exact", "latency, one image"]
    assert [row.change.value for row in costs.rows] == ["2.0×\N{NO-BREAK SPACE}less"] * 2
    assert costs.rows[1].original == Shown("10.0 ms", "(8.00 to 12.0)")
    assert qualities.protocols == ["All: split test"]
    assert [row.protocol for row in qualities.rows] == ["sources 100", ""]


def test_protocols_are_said_once_for_all_figures_and_once_for_those_of_a_judge() -> None:
    judged = {"split": "test", "features": "r18", "resize": 32}
    protocols = factor_out(
        {
            "ssim": Measurement(0.5, "", {"split": "test", "sd": "over images"}),
            "kernel[r18]": Measurement(0.5, "", {**judged, "estimator": "unbiased"}),
            "density@5[r18]": Measurement(0.5, "", {**judged, "k": 5}),
            "density[r18]": Measurement(0.5, "", {**judged, "k": 5}),
            "fid[inception]": Measurement(0.5, "", {"split": "test", "resize": 299}),
            "parameters": Measurement(3, ""),
        }
    )
    assert protocols.shared == ["All: split test", "r18: resize 32"]
    assert protocols.own == {
        "ssim": "",
        "kernel[r18]": "estimator unbiased",
        "density@5[r18]": "",
        "density[r18]": "k 5",
        "fid[inception]": "resize 299",
        "parameters": "",
    }


def test_the_interval_of_a_mean_is_by_its_standard_error() -> None:
    assert shown(RUN["original"]["ssim"]) == Shown("0.800", "± 0.020")
    assert shown(Measurement(0.8, "", {"sd": "over seeds"}, sd=0.1)).spread == "± 0.10 (sd over seeds)"
    assert shown(None) == shown(Measurement(None, "ms")) == Shown("–")


def test_changes_have_a_sign_and_costs_a_factor() -> None:
    before, after = Measurement(0.8, ""), Measurement(0.6, "")
    assert change("ssim", before, after) == Shown("−0.200", "(−25\u202f%)")
    assert change("ssim", after, before) == Shown("+0.200", "(+33\u202f%)")
    assert change("latency", after, before).value == "1.3×\N{NO-BREAK SPACE}more"
    assert change("macs", before, before).value == "the same"
    assert change("latency", before, Measurement(0.81, "")).value == "much the same"
    assert change("ssim", before, None) == change("macs", Measurement(0, ""), after) == Shown("")


def test_the_headline_of_one_run_has_intervals_from_timings_and_images() -> None:
    tiles = {tile.label: tile for tile in headline([RUN])}
    assert tiles["fewer multiply-adds"].value == "2.0×"
    assert tiles["faster"].detail == "10.0 ms → 5.00 ms; 1.3× to 3.0× by the spread of timings"
    close = tiles["SSIM (higher is better)"]
    assert (close.value, close.spread) == ("0.400", "± 0.020")
    assert close.detail == "original 0.800; ± 95 % interval over 100 images"


def test_the_headline_of_several_seeds_is_mean_and_standard_deviation() -> None:
    other = {"original": figures(1.0), "compressed": figures(0.25)}
    tiles = {tile.label: tile for tile in headline([RUN, other])}
    assert tiles["fewer multiply-adds"].value == "3.0×"
    assert tiles["fewer multiply-adds"].detail.endswith("sd over 2 seeds 1.4")
    close = tiles["SSIM (higher is better)"]
    assert (close.value, close.spread) == ("0.300", "± 0.14")


def test_a_slower_generator_is_called_slower() -> None:
    slower = {"original": figures(1.0), "compressed": figures(2.0)}
    assert {tile.label: tile.value for tile in headline([slower])}["slower"] == "2.0×"
    assert headline([{}]) == []
