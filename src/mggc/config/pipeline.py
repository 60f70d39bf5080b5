"""All settings together."""

from typing import Annotated, Any, Literal

from cyclopts import Parameter

from mggc.budget import check_budget_text
from mggc.config.base import MacsConvention, Model, NonNegativeInt, Settings
from mggc.config.data import DataConfig, NetworkConfig, RuntimeConfig
from mggc.config.encode import EncodeConfig
from mggc.config.evaluate import EvaluateConfig
from mggc.config.latency import LatencyConfig
from mggc.config.prune import PruneConfig
from mggc.config.training import FinetuneConfig, RecoverConfig, TrainConfig


class CompressConfig(Settings):
    """The whole pipeline. Data, network and runtime flags stand alone; stages carry their name as a prefix."""

    model: Model = "pix2pix"
    """What the generator was, or is to be, trained as."""
    compress: Literal["AtoB", "BtoA", "both"] | None = None
    """CycleGAN: the direction whose generator is compressed, or ``both``; absent: as ``--direction`` says."""
    budget: str = "20%"
    """MACs to keep: a share of the original's (``0.165``, ``16.5%``) or a number (``3.05G``); or a latency (``30ms``), for
    which the MACs are found by measurement on this machine."""
    macs_convention: MacsConvention = "exact"
    """Transposed convolutions counted at their input (``exact``) or output resolution (``paper``)."""
    seed: NonNegativeInt = 0
    """Everything random is a function of this and the step."""
    data: Annotated[DataConfig, Parameter(name="*")] = DataConfig()
    """The images."""
    network: Annotated[NetworkConfig, Parameter(name="*")] = NetworkConfig()
    """The original networks."""
    runtime: Annotated[RuntimeConfig, Parameter(name="*")] = RuntimeConfig()
    """Device and precision."""
    train: TrainConfig = TrainConfig()
    """Stage 1."""
    recover: RecoverConfig = RecoverConfig()
    """Between stages 1 and 2, where a discriminator is missing."""
    encode: EncodeConfig = EncodeConfig()
    """Stage 2."""
    prune: PruneConfig = PruneConfig()
    """Stages 3 and 4."""
    finetune: FinetuneConfig = FinetuneConfig()
    """Stage 5."""
    evaluate: EvaluateConfig = EvaluateConfig()
    """Stage 6."""
    latency: LatencyConfig = LatencyConfig()
    """How a budget that is a latency is measured."""

    def model_post_init(self, _: Any) -> None:
        """Refuse an unreadable budget where it is given, not an hour later."""
        check_budget_text(self.budget)
