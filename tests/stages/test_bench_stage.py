from pathlib import Path

import pytest

from bench_toys import latency, tiny_unet
from mggc.errors import MggcError
from mggc.networks.files import save_network
from mggc.stages import bench as stage
from mggc.stages.bench import BenchRequest, BenchResult, bench_networks


@pytest.fixture(autouse=True)
def untimed(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(networks: dict[str, object], _: object, **__: int) -> object:
        return dict.fromkeys(networks, latency(1.0))

    monkeypatch.setattr("mggc.deploy.bench.measure_latency", measure)


def measured(*networks: str, uniform: tuple[str, ...] = (), image_size: int | None = 32) -> BenchResult:
    request = BenchRequest(
        networks,
        image_size=image_size,
        ngf=4,
        uniform=uniform,
        backends=("eager",),
        rounds=1,
        cold_start=False,
    )
    return bench_networks(request)


def test_named_networks_files_and_uniform_widths_are_measured_together(tmp_path: Path) -> None:
    subject = tiny_unet()
    save_network(tmp_path / "mine", subject.network, spec=subject.spec)
    found = measured("unet_32", str(tmp_path / "mine"), uniform=("50%", "20%"))
    assert list(found.networks) == ["unet_32", str(tmp_path / "mine"), "uniform 50%", "uniform 20%"]
    assert [row.network for row in found.rows] == list(found.networks)
    whole = found.networks["unet_32"]["macs"]
    assert 0.45 * whole < found.networks["uniform 50%"]["macs"] <= 0.5 * whole


def test_the_same_network_twice_shows_the_noise() -> None:
    assert list(measured("unet_32", "unet_32").networks) == ["unet_32", "unet_32 (2)"]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (BenchRequest(("unet_265",)), "Did you mean unet_256"),
        (BenchRequest(("basic",)), "is a discriminator"),
        (BenchRequest(("unet_256",), image_size=300), "multiples of 256"),
        (BenchRequest(("unet_32",), image_size=32, ngf=4, uniform=("lots",)), "--uniform lots: A budget is"),
        (
            BenchRequest(("unet_32",) * 9, image_size=32, ngf=4, backends=("compiled",)),
            "up to 8 networks at once. Found 9",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(request_: BenchRequest, message: str) -> None:
    with pytest.raises(MggcError, match=message):
        bench_networks(request_)


def test_without_runs_the_size_is_that_of_published_networks() -> None:
    assert stage._usual_size(("unet_256",)) == 256
