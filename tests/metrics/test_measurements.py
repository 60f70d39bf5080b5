import dataclasses
import json

import pytest

from mggc.metrics import Measurement, mean_and_sd, metric_name, over_seeds


def test_a_measurement_survives_json_with_its_protocol():
    figure = Measurement(
        12.5, unit="", protocol={"split": "test", "images": 200, "paired": True, "crop": None}, sd=0.25
    )
    assert Measurement.from_json(json.loads(json.dumps(figure.to_json()))) == figure


@pytest.mark.parametrize("value", [float("inf"), float("nan"), None])
def test_figures_that_json_cannot_say_become_null(value):
    text = json.dumps(Measurement(value, unit="dB", sd=value).to_json(), allow_nan=False)
    assert json.loads(text) == {"value": None, "unit": "dB", "protocol": {}, "sd": None}


def test_a_measurement_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Measurement(1.0, unit="ms").value = 2.0


def test_a_metric_of_features_names_them():
    assert metric_name("frechet", features="swav-r18") == "frechet[swav-r18]"
    assert metric_name("ssim") == "ssim"


def seeded(value: float | None, seed: int, **protocol: object) -> Measurement:
    return Measurement(value, unit="dB", protocol={"split": "test", "seed": seed, **protocol}, sd=9.0)


def test_a_figure_over_seeds_is_mean_and_sample_deviation_and_says_which_seeds():
    found = over_seeds([seeded(1.0, 0, k=5, p90=1), seeded(2.0, 3, k=5, p90=2), seeded(6.0, 7, k=5, p90=3)])
    assert found.value == pytest.approx(3.0)
    assert found.sd == pytest.approx(((4 + 1 + 9) / 2) ** 0.5)
    assert found.unit == "dB"
    assert found.protocol == {"split": "test", "k": 5, "seeds": "0 3 7", "n_seeds": 3, "sd": "over seeds"}


def test_one_seed_has_no_deviation():
    assert over_seeds([seeded(4.0, 1)]).sd is None


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_figure_that_one_seed_lacks_has_no_mean(value):
    found = over_seeds([seeded(1.0, 0), seeded(value, 1)])
    assert (found.value, found.sd) == (None, None)


def test_figures_of_different_units_have_no_mean():
    with pytest.raises(ValueError, match="one unit"):
        over_seeds([seeded(1.0, 0), Measurement(1.0, unit="ms")])
    with pytest.raises(ValueError, match="one unit"):
        over_seeds([])


@pytest.mark.parametrize(
    ("value", "sd", "text"),
    [
        (12.345, 0.678, "12.3 ± 0.7"),
        (0.012345, 0.00012, "0.0123 ± 0.0001"),
        (1234.5, 6.7, "1234 ± 7"),
        (0.0, None, "0.00"),
        (None, None, "–"),
    ],
)
def test_people_read_mean_and_deviation_to_the_same_place(value, sd, text):
    assert mean_and_sd(Measurement(value, unit="", sd=sd)) == text
