"""Everything numeric, once: one frozen, documented settings object for each stage.

The same object is the TOML file, the command line's flags, the output of ``--dry-run`` and what a run saves.
"""

from mggc.config.base import (
    Channels,
    Depth,
    Direction,
    EncoderKind,
    GanMode,
    MacsConvention,
    Model,
    NonNegativeFloat,
    NonNegativeInt,
    Norm,
    NormMode,
    PositiveFloat,
    PositiveInt,
    Settings,
    Share,
)
from mggc.config.data import DataConfig, NetworkConfig, RuntimeConfig
from mggc.config.encode import EncodeConfig
from mggc.config.evaluate import EvaluateConfig
from mggc.config.latency import Backend, LatencyConfig
from mggc.config.pipeline import CompressConfig
from mggc.config.prune import Decode, InitialLogits, Optimizer, Pairing, PlanMethod, PruneConfig
from mggc.config.training import (
    Distiller,
    FinetuneConfig,
    ObjectiveConfig,
    RecoverConfig,
    ScheduleConfig,
    TrainConfig,
)

__all__ = [
    "Backend",
    "Channels",
    "CompressConfig",
    "DataConfig",
    "Decode",
    "Depth",
    "Direction",
    "Distiller",
    "EncodeConfig",
    "EncoderKind",
    "EvaluateConfig",
    "FinetuneConfig",
    "GanMode",
    "InitialLogits",
    "LatencyConfig",
    "MacsConvention",
    "Model",
    "NetworkConfig",
    "NonNegativeFloat",
    "NonNegativeInt",
    "Norm",
    "NormMode",
    "ObjectiveConfig",
    "Optimizer",
    "Pairing",
    "PlanMethod",
    "PositiveFloat",
    "PositiveInt",
    "PruneConfig",
    "RecoverConfig",
    "RuntimeConfig",
    "ScheduleConfig",
    "Settings",
    "Share",
    "TrainConfig",
]
