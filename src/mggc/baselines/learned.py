"""The baselines that learn, by name."""

from collections.abc import Callable

from mggc.baselines.chooser import Chooser, Material
from mggc.baselines.dmad import Dmad
from mggc.baselines.gcc import Gcc
from mggc.config import PlanMethod

LEARNED: dict[PlanMethod, Callable[[Material], Chooser]] = {
    "dmad": Dmad,
    "gcc": Gcc,
}
"""Methods that take as many updates as the game; each is run, logged, checkpointed and resumed by the stage."""
