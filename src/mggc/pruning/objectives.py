"""The regularizers of the game: Eq. 5 and Eq. 6."""

from jaxtyping import Float
from torch import Tensor

from mggc.shapes import KeepMask


def budget_penalty(macs: Float[Tensor, ""], budget: int) -> Float[Tensor, ""]:
    """R(v_G) = log(max(T(v_G), p·T_total) / (p·T_total)), Eq. 5: zero once the budget is met."""
    return (macs / budget).clamp(min=1).log()


def sparsity_penalty(mask: KeepMask) -> Float[Tensor, ""]:
    """L(v_D) = Σ v_D / |v_D|, Eq. 6: the kept share of the discriminator's channels."""
    return mask.mean()
