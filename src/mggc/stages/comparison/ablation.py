"""Table 2 of the paper: what each part of the method adds, one after the other."""

from typing import Any, NamedTuple

from mggc.errors import MggcError
from mggc.stages.comparison.grid import Row


class _Parts(NamedTuple):
    """Which parts of the method a row has."""

    name: str
    prune_discriminator: bool
    agents: bool
    feedback: bool
    manifold: bool
    distillation: bool


TABLE_2 = (
    #      row                     D pruned  agents  feedback  manifold  distillation    paper: Cityscapes mIoU, Horse2Zebra FID
    _Parts("Baseline",             False,    False,  False,    False,    False),       # 39.37, 73.28
    _Parts("+ D pruning",          True,     False,  False,    False,    False),       # 39.84, 70.41
    _Parts("+ pruning agents",     True,     True,   False,    False,    False),       # 40.68, 67.60
    _Parts("+ feedback",           True,     True,   True,     False,    False),       # 40.99, 66.72
    _Parts("+ manifold pruning",   True,     True,   True,     True,     False),       # 42.53, 58.64
    _Parts("+ distillation",       True,     True,   True,     True,     True),        # 44.63, 55.06
)  # fmt: skip
VARIED = (
    "prune.method", "prune.agents", "prune.feedback", "prune.prune_discriminator", "finetune.distillation"
)  # fmt: skip
"""Settings that the rows fix, besides ``prune.neighbors``, which is the k of the rows with neighbourhoods."""


def ablation_rows(neighbors: int) -> tuple[Row, ...]:
    """The six rows of Table 2. The baseline is the game with free logits and the discriminator at full width.

    Args:
        neighbors: k of the rows with neighbourhoods; the others have 0.

    Raises:
        MggcError: ``neighbors`` is 0.
    """
    if neighbors == 0:
        raise MggcError(
            "An ablation compares rows without neighbourhoods with rows that have them: set --prune.neighbors."
        )
    return tuple(Row(parts.name, _overrides(parts, neighbors)) for parts in TABLE_2)


def _overrides(parts: _Parts, neighbors: int) -> dict[str, Any]:
    return {
        "prune": {
            "method": "game",
            "prune_discriminator": parts.prune_discriminator,
            "agents": parts.agents,
            "feedback": parts.feedback,
            "neighbors": neighbors if parts.manifold else 0,
        },
        "finetune": {"distillation": parts.distillation},
    }
