"""What a student and its original make of the same images, and what a distance between the two looks like."""

from typing import ClassVar, NamedTuple, Protocol, TypeAlias, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from mggc.gan.pairs import Target

Features: TypeAlias = Float[Tensor, "batch channels height width"]
"""What a layer reads, for each image."""

StudentFeatures: TypeAlias = Float[Tensor, "batch student_channels height width"]
"""The like of the student, whose layers may be narrower."""


class Views(NamedTuple):
    """Both generators' images and features of the same source images, in float32; gradients lead to the student only.

    The lists of the discriminator's features are empty where a criterion asks for none or there is no discriminator.
    """

    fake: Target
    """The student's images."""
    teacher_image: Target
    """The original generator's."""
    student: list[Tensor]
    """The student's features, layer by layer; at the original's width where the criterion asks for connectors."""
    teacher: list[Tensor]
    """The original generator's."""
    judged_fake: list[Tensor]
    """What the original discriminator sees in the student's images, layer by layer."""
    judged_teacher: list[Tensor]
    """What it sees in the original generator's images."""


@runtime_checkable
class Criterion(Protocol):
    """A distance between the student and the original: what one distillation method adds to the objective."""

    connects: ClassVar[bool]
    """Whether it wants the student's features at the original's width, through learned 1×1 convolutions."""
    judges: ClassVar[bool]
    """Whether it looks at features of the original discriminator."""

    def __call__(self, views: Views) -> Float[Tensor, ""]:
        """The weighted loss."""
