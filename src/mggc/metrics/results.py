"""A figure and the protocol that it was measured under."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev
from typing import Any

ProtocolValue = str | int | float | bool | None


@dataclass(frozen=True)
class Measurement:
    """One figure of an evaluation. Without its protocol a figure compares with nothing, so they travel together."""

    value: float | int | None
    """The figure; None where it is undefined or was not measured."""
    unit: str
    """``ms``, ``dB``, ``MACs``, ``share`` (0 to 1), or empty for a pure number."""
    protocol: Mapping[str, ProtocolValue] = field(default_factory=dict)
    """Everything that another measurement has to share for the two to be compared: split, images, features, mode, k."""
    sd: float | None = None
    """Standard deviation of the figure, where it was estimated; the protocol says over what."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``; infinite figures and NaN, which JSON lacks, become None."""
        return {
            "value": _finite(self.value),
            "unit": self.unit,
            "protocol": dict(self.protocol),
            "sd": _finite(self.sd),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "Measurement":
        """The measurement that ``to_json`` wrote."""
        return cls(
            value=record["value"], unit=record["unit"], protocol=dict(record["protocol"]), sd=record["sd"]
        )


def metric_name(metric: str, *, features: str | None = None) -> str:
    """The key of a measurement: a metric of features names them, as in ``frechet[swav-r18]``."""
    return metric if features is None else f"{metric}[{features}]"


def over_seeds(measurements: Sequence[Measurement]) -> Measurement:
    """Mean and sample standard deviation of one figure over runs that differ in their seed.

    The protocol keeps what all runs share and adds ``seeds`` (as text, in the order given) and ``n_seeds``. The
    deviation of a single run is None, since one run says nothing about it. What varies from run to run without being
    asked for (such as ``p90_ms``) is left out of the protocol.

    Args:
        measurements: One for each seed, of the same metric on the same data.

    Raises:
        ValueError: There is none, or they have different units: then they are not one figure.
    """
    if not measurements or len({measurement.unit for measurement in measurements}) > 1:
        found = sorted({measurement.unit for measurement in measurements})
        raise ValueError(f"One figure over seeds needs measurements of one unit. Found units {found}.")
    values = [measurement.value for measurement in measurements]
    # A figure that one of the runs lacks has no mean: the mean of the others would flatter or slight the method.
    known = [value for value in values if value is not None and math.isfinite(value)]
    complete = len(known) == len(values)
    first = measurements[0].protocol
    protocol = {
        name: value
        for name, value in first.items()
        if name not in {"seed", "sd"} and all(other.protocol.get(name) == value for other in measurements)
    }
    return Measurement(
        value=fmean(known) if complete else None,
        unit=measurements[0].unit,
        protocol={
            **protocol,
            "seeds": " ".join(str(measurement.protocol.get("seed", "?")) for measurement in measurements),
            "n_seeds": len(measurements),
            "sd": "over seeds",
        },
        sd=stdev(known) if complete and len(known) > 1 else None,
    )


def mean_and_sd(measurement: Measurement, *, digits: int = 3) -> str:
    """A figure for people, ``12.3 ± 0.4``: so many significant digits, the deviation to the same decimal place."""
    if measurement.value is None or not math.isfinite(measurement.value):
        return "–"
    magnitude = math.floor(math.log10(abs(measurement.value))) if measurement.value else 0
    decimals = max(digits - 1 - magnitude, 0)
    value = f"{measurement.value:.{decimals}f}"
    return value if measurement.sd is None else f"{value} ± {measurement.sd:.{decimals}f}"


def _finite(value: float | int | None) -> float | int | None:
    return value if value is not None and math.isfinite(value) else None
