"""A figure and the protocol that it was measured under."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
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


def _finite(value: float | int | None) -> float | int | None:
    return value if value is not None and math.isfinite(value) else None
