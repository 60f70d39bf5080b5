import dataclasses
import json

import pytest

from mggc.metrics import Measurement, metric_name


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
