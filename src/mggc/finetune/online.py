"""A teacher that goes on learning beside its student, as GCC has it (Li et al. 2021): distilling method ``gcc``."""

from typing import Any

from torch import Tensor

from mggc.gan.pairs import Source, Target
from mggc.gan.train import Gan


class OnlineDistillation:
    """Two GANs that learn from the same batches: in each update first the teacher's, then the student's, which follows it.

    After GCC (Li et al., "Revisiting Discriminator in GAN Compression", NeurIPS 2021), whose teacher generator and
    discriminator are trained along with the original objective, so that the student is guided by features of a
    discriminator that keeps up with it. The student's loss is `ContentAndTexture`.

    What differs: the teacher starts as the trained original, GCC's from scratch. Its features are taken in eval mode and
    after its update; GCC takes those of the update itself. The student's discriminator keeps the channels that the
    pruning left it; GCC goes on choosing them (selective activation). A CycleGAN generator that came alone is a teacher
    held to the frozen original's images, since an adversarial loss by itself would let it wander.

    Args:
        teacher: A GAN over the original networks, trained with the original objective.
        student: The GAN over the cut networks, whose distillation looks at the teacher's networks.
    """

    def __init__(self, teacher: Gan, student: Gan) -> None:
        self.teacher, self.student = teacher, student

    def update(self, source: Source, target: Target) -> dict[str, Tensor]:
        """Update the teacher, then the student; the student's losses by name, the teacher's with a prefix."""
        taught = self.teacher.update(source, target)
        losses = self.student.update(source, target)
        return losses | {f"teacher_{name}": value for name, value in taught.items()}

    def set_learning_rate(self, lr: float) -> None:
        """Set the learning rate of both."""
        self.teacher.set_learning_rate(lr)
        self.student.set_learning_rate(lr)

    def state_dict(self) -> dict[str, Any]:
        """Both GANs."""
        return {"teacher": self.teacher.state_dict(), "student": self.student.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        self.teacher.load_state_dict(state["teacher"])
        self.student.load_state_dict(state["student"])
