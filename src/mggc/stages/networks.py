"""The networks of a run: where they lie, and how the original ones are specified."""

from pathlib import Path
from typing import Literal, cast, get_args

from torch import nn

from mggc.config import CompressConfig
from mggc.networks.build import build, initialize
from mggc.networks.files import LoadedNetwork, load_network, save_network
from mggc.networks.specs import (
    DiscriminatorSpec,
    GeneratorSpec,
    NetworkSpec,
    discriminator_spec,
    named_spec,
)
from mggc.pruning.blocks import allow_dropping_blocks
from mggc.pruning.channels import trace_channels
from mggc.pruning.table import ChannelTable, with_floors
from mggc.runs.rundir import RunDir
from mggc.runtime import step_generator

Role = Literal["generator", "discriminator", "backward_generator", "source_discriminator"]
"""The compressed direction's networks, and with CycleGAN those of the way back."""
ROLES: tuple[Role, ...] = get_args(Role)


def original_specs(config: CompressConfig) -> dict[Role, NetworkSpec]:
    """Specifications of all networks that training from scratch needs; of a resolved configuration."""
    inputs, outputs = config.data.input_channels or 3, config.data.output_channels or 3
    generator = generator_spec(config, inputs, outputs)
    if config.model == "pix2pix":
        return {"generator": generator, "discriminator": judge_spec(config, inputs + outputs)}
    return {
        "generator": generator,
        "discriminator": judge_spec(config, outputs),
        "backward_generator": generator_spec(config, outputs, inputs),
        "source_discriminator": judge_spec(config, inputs),
    }


def generator_spec(config: CompressConfig, inputs: int, outputs: int) -> GeneratorSpec:
    """The generator of a resolved configuration.

    Raises:
        MggcError: No network has the configured name.
    """
    network = config.network
    spec = named_spec(
        network.generator_name or "",
        input_channels=inputs,
        output_channels=outputs,
        ngf=network.ngf,
        norm=network.norm,
        dropout=network.dropout,
    )
    return cast(GeneratorSpec, spec)


def judge_spec(config: CompressConfig, channels: int) -> DiscriminatorSpec:
    """The discriminator of a resolved configuration for images of so many channels."""
    network = config.network
    return discriminator_spec(
        network.discriminator_name,
        input_channels=channels,
        ndf=network.ndf or network.ngf,
        layers=network.discriminator_layers,
        norm=network.norm or "batch",
    )


def new_network(spec: NetworkSpec, *, seed: int, role: Role) -> nn.Module:
    """A network with initial weights, a function of seed and role."""
    return initialize(build(spec), step_generator(seed, "initialize", role))


def load_original(run: RunDir, role: Role) -> LoadedNetwork:
    """One of the run's original networks, in eval mode on the CPU."""
    return load_network(original_folder(run, role))


def save_original(run: RunDir, role: Role, network: nn.Module, spec: NetworkSpec, source: str) -> None:
    """Store one of the run's original networks."""
    folder = run.stage("original").path / role
    save_network(folder, network, spec=spec, provenance={"source": source}, overwrite=True)


def has_original(run: RunDir, role: Role) -> bool:
    """Whether the run holds this network."""
    return original_folder(run, role).is_dir()


def original_folder(run: RunDir, role: Role) -> Path:
    """Where a network lies: a discriminator that did not come with the generator has been recovered."""
    imported = run.stage("original").path / role
    recovered = run.stage("recover").path / role
    return recovered if recovered.is_dir() and not imported.is_dir() else imported


def generator_table(run: RunDir, network: nn.Module) -> ChannelTable:
    """The channel table of the run's original generator, with floors and droppable residual blocks as configured."""
    config = run.config
    table = trace_channels(network, image_size=config.data.image_size)
    table = with_floors(table, share=config.prune.floor)
    return allow_dropping_blocks(network, table) if config.prune.drop_blocks else table
