"""Feature sets as callers have them: NumPy arrays or tensors, of any float type."""

from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

NumpyArray: TypeAlias = np.ndarray[Any, Any]

Features: TypeAlias = Float[Tensor, "images dim"] | Float[NumpyArray, "images dim"]
"""One feature vector for each image."""

RealFeatures: TypeAlias = Float[Tensor, "real dim"] | Float[NumpyArray, "real dim"]
"""Features of the reference set."""

FakeFeatures: TypeAlias = Float[Tensor, "fake dim"] | Float[NumpyArray, "fake dim"]
"""Features of the set that is judged; there may be more or fewer of them than real ones."""


def widened(tensor: Float[Tensor, "*shape"]) -> Float64[Tensor, "*shape"]:
    """The same values in float64, on the tensor's own device unless that knows no float64."""
    return tensor.cpu().double() if tensor.device.type == "mps" else tensor.double()


def as_double(features: Features) -> Float64[Tensor, "images dim"]:
    """The same features as a float64 tensor without gradient.

    Raises:
        ValueError: Some feature is infinite or not a number: no distance to it means anything.
    """
    array = features if isinstance(features, Tensor) else torch.from_numpy(np.array(features, np.float64))
    tensor = widened(array.detach())
    if not bool(torch.isfinite(tensor).all()):
        raise ValueError("Features should be finite. Found infinite ones or NaN.")
    return tensor


def as_double_pair(
    real: RealFeatures, fake: FakeFeatures
) -> tuple[Float64[Tensor, "real dim"], Float64[Tensor, "fake dim"]]:
    """Two sets of features as float64 tensors on the first one's device.

    Raises:
        ValueError: The sets have features of different lengths, or one of them is not finite.
    """
    if real.shape[1] != fake.shape[1]:
        raise ValueError(
            f"Both sets should have the same features. Found {real.shape[1]} and {fake.shape[1]} dimensions."
        )
    reals, fakes = as_double(real), as_double(fake)
    return reals, fakes.to(reals.device)
