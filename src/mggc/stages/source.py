"""Where an original generator comes from: a run, a folder or checkpoint, or a network of the user's own design."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from mggc.errors import MggcError
from mggc.networks.build import build
from mggc.networks.checkpoints import read_state_dict
from mggc.networks.files import WEIGHTS_NAME, LoadedNetwork, load_network
from mggc.networks.legacy import ConcatOrder, load_checkpoint
from mggc.networks.loading import put_weights
from mggc.networks.partners import find_checkpoint, find_partners
from mggc.networks.specs import FactorySpec
from mggc.pruning.table import first_conv
from mggc.runs.rundir import RunDir, is_run
from mggc.stages.load import load_any_generator
from mggc.stages.networks import ROLES, Role

FACTORY = re.compile(r"[\w.]+:\w+")

# In that repository D_A judges the images of G_A, which are of domain B.
PARTNERS: dict[str, dict[Role, str]] = {
    "G": {"discriminator": "D"},
    "G_A": {"discriminator": "D_A", "backward_generator": "G_B", "source_discriminator": "D_B"},
    "G_B": {"discriminator": "D_B", "backward_generator": "G_A", "source_discriminator": "D_A"},
}


@dataclass(frozen=True)
class GeneratorSource:
    """What the user named as the generator to compress."""

    name: str
    """A path, or ``package.module:function``, a factory that returns the network."""
    weights: Path | None = None
    """A factory's weights file; without it the factory returns a trained network."""
    unet_dropout: bool | None = None
    """For a checkpoint: whether its U-Net was trained with dropout, which its weights do not tell."""
    concat_order: ConcatOrder = "skip_first"
    """For a checkpoint: ``decoder_first`` for U-Nets trained before 22 September 2017."""

    @property
    def path(self) -> Path:
        """The name as a path."""
        return Path(self.name)

    @property
    def is_factory(self) -> bool:
        """Whether the name means a function rather than a file."""
        return not self.path.exists() and FACTORY.fullmatch(self.name) is not None

    def generator(self) -> LoadedNetwork:
        """The generator, in eval mode on the CPU.

        Raises:
            MggcError: It cannot be read, imported or built.
        """
        if self.is_factory:
            return _from_factory(self.name, self.weights)
        if self.weights is not None:
            raise MggcError("--weights belongs to a factory given as --generator package.module:function.")
        return load_any_generator(self.path, unet_dropout=self.unet_dropout, concat_order=self.concat_order)

    def networks(self) -> dict[Role, LoadedNetwork]:
        """The generator, and the networks trained with it that lie beside it.

        Raises:
            MggcError: One of them cannot be read.
        """
        if is_run(self.path):
            folder = RunDir.open(self.path).stage("original").path
            found = {role: load_network(folder / role) for role in ROLES if (folder / role).is_dir()}
            if "generator" not in found:
                raise MggcError(f"The run {self.path} has no trained generator yet. Finish mggc train first.")
            return found
        networks: dict[Role, LoadedNetwork] = {"generator": self.generator()}
        for role, file in self._partner_files().items():
            networks[role] = load_checkpoint(file)
        return networks

    def digest(self) -> str:
        """Sixteen hexadecimal digits that change with the generator's weights.

        Raises:
            MggcError: There are none.
        """
        if self.is_factory:
            content = hashlib.sha256(self.name.encode())
            for key, tensor in self.generator().network.state_dict().items():
                content.update(key.encode())
                content.update(tensor.contiguous().numpy().tobytes())
            return content.hexdigest()[:16]
        if is_run(self.path):
            file = self.path / "original" / "generator" / WEIGHTS_NAME
        elif (self.path / WEIGHTS_NAME).is_file():
            file = self.path / WEIGHTS_NAME
        else:
            file = find_checkpoint(self.path)
        if not file.is_file():
            raise MggcError(f"A trained generator was wanted at {file}; there is none yet.")
        return hashlib.sha256(file.read_bytes()).hexdigest()[:16]

    def checkpoint_name(self) -> str | None:
        """Which network of its repository a checkpoint is, by its file name (``G``, ``G_A``, ...); None if unnamed."""
        if self.is_factory or is_run(self.path) or (self.path / WEIGHTS_NAME).is_file():
            return None
        file = find_checkpoint(self.path)
        return next((name for name, partner in find_partners(file).items() if partner == file), None)

    def _partner_files(self) -> dict[Role, Path]:
        own = self.checkpoint_name()
        if own is None:
            return {}
        beside = find_partners(find_checkpoint(self.path))
        return {role: beside[name] for role, name in PARTNERS.get(own, {}).items() if name in beside}


def _from_factory(factory: str, weights: Path | None) -> LoadedNetwork:
    """A network of the user's own design; its channels are found by looking at it."""
    unknown = FactorySpec(factory=factory, input_channels=1, output_channels=1)
    network = build(unknown)
    if weights is not None:
        put_weights(network, read_state_dict(weights), source=weights)
    inputs = first_conv(network).in_channels
    outputs = _output_channels(network.eval(), inputs, factory)
    spec = FactorySpec(factory=factory, input_channels=inputs, output_channels=outputs)
    return LoadedNetwork(network, spec)


def _output_channels(network: nn.Module, inputs: int, factory: str) -> int:
    parameter = next(network.parameters())
    image = torch.zeros(1, inputs, 256, 256, dtype=parameter.dtype)
    with torch.inference_mode():
        output = network(image)
    if not isinstance(output, torch.Tensor) or output.shape[-2:] != image.shape[-2:]:
        found = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        raise MggcError(
            f"The network of {factory} should map images to images of the same size. Found {found}."
        )
    return int(output.shape[1])
