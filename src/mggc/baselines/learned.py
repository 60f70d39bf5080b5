"""The baselines that learn, by name."""

from collections.abc import Callable

from mggc.baselines.chooser import Chooser, Material
from mggc.baselines.coarse_to_fine import CoarseToFine
from mggc.baselines.dmad import Dmad
from mggc.baselines.evolution import Evolution
from mggc.baselines.gan_slimming import GanSlimming
from mggc.baselines.gcc import Gcc
from mggc.baselines.latency_search import LatencySearch
from mggc.baselines.supernet_search import SupernetSearch
from mggc.config import PlanMethod

LEARNED: dict[PlanMethod, Callable[[Material], Chooser]] = {
    "gcc": Gcc,
    "dmad": Dmad,
    "evolution": Evolution,
    "gan_slimming": GanSlimming,
    "supernet": SupernetSearch,
    "coarse_to_fine": CoarseToFine,
    "latency_search": LatencySearch,
}
"""Methods that take as many updates as the game; each is run, logged, checkpointed and resumed by the stage."""
