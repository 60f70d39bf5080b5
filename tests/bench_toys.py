"""Networks and timers for tests of measurements: no test depends on how fast a machine is."""

from collections.abc import Callable, Mapping

from mggc.deploy.bench import Subject
from mggc.metrics.latency import Latency
from mggc.networks.build import build
from mggc.networks.specs import named_spec
from toys import strong_weights


def tiny_unet(ngf: int = 4) -> Subject:
    spec = named_spec("unet_32", ngf=ngf, input_channels=1, output_channels=1)
    return Subject(strong_weights(build(spec).eval()), spec)


def latency(median_ms: float) -> Latency:
    return Latency(median_ms, 0.9 * median_ms, 1.2 * median_ms, rounds=1)


def stub_timer(milliseconds: Callable[[str], float]) -> Callable[..., dict[str, Latency]]:
    """A stand-in for `measure_latency` that runs every pass once and tells stated times by name."""

    def measure(
        networks: Mapping[str, Callable[[object], object]], example: object, **_: int
    ) -> dict[str, Latency]:
        for network in networks.values():
            network(example)
        return {name: latency(milliseconds(name)) for name in networks}

    return measure
