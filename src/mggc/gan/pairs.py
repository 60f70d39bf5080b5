"""Shapes of image pairs: source and target agree in everything but their channels."""

from typing import TypeAlias

from jaxtyping import Float
from torch import Tensor

Source: TypeAlias = Float[Tensor, "batch source_channels height width"]
"""Images of the source domain, in [-1, 1], real or generated."""

Target: TypeAlias = Float[Tensor, "batch target_channels height width"]
"""Images of the target domain, in [-1, 1], real or generated."""
