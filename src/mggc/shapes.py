"""Shapes and ranges that appear in many signatures, named once."""

from typing import TypeAlias

from jaxtyping import Float, UInt8
from torch import Tensor

Images: TypeAlias = Float[Tensor, "batch channels height width"]
"""Images as the networks see them: float, NCHW, in [-1, 1]."""

ImageBatch: TypeAlias = Float[Tensor, "_ channels height width"]
"""The like in one of several batches, which need not have one length."""

ByteImage: TypeAlias = UInt8[Tensor, "channels height width"]
"""One decoded image: uint8, CHW, 0 is black and 255 is white."""

ByteImages: TypeAlias = UInt8[Tensor, "batch channels height width"]
"""A stack of decoded images of one size."""

Embeddings: TypeAlias = Float[Tensor, "images dim"]
"""One feature vector for each image."""

KeepMask: TypeAlias = Float[Tensor, " prunable"]
"""One entry for every prunable channel, group after group: 1 keeps the channel, 0 drops it."""
