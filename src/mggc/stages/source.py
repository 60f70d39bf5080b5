"""Where an original generator comes from: a run, a folder or checkpoint, or a network of the user's own design."""

import copy
import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from mggc.errors import MggcError
from mggc.networks.build import build
from mggc.networks.checkpoints import read_state_dict
from mggc.networks.files import CONFIG_NAME, WEIGHTS_NAME, LoadedNetwork
from mggc.networks.legacy import ConcatOrder, load_checkpoint
from mggc.networks.loading import put_weights
from mggc.networks.partners import find_checkpoint, find_partners
from mggc.networks.specs import FactorySpec
from mggc.pruning.table import first_conv
from mggc.runs.rundir import RunDir, is_run
from mggc.stages.load import load_any_generator
from mggc.stages.networks import ROLES, Role, has_original, load_original, original_folder

FACTORY = re.compile(r"[\w.]+:\w+")
PROBE = 256
"""Side of the image that a factory's network is looked at with, in pixels."""

# In that repository D_A judges the images of G_A, which are of domain B.
PARTNERS: dict[str, dict[Role, str]] = {
    "G": {"discriminator": "D"},
    "G_A": {"discriminator": "D_A", "backward_generator": "G_B", "source_discriminator": "D_B"},
    "G_B": {"discriminator": "D_B", "backward_generator": "G_A", "source_discriminator": "D_A"},
}

OTHER_WAY: dict[Role, Role] = {
    "generator": "backward_generator",
    "backward_generator": "generator",
    "discriminator": "source_discriminator",
    "source_discriminator": "discriminator",
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
    way_back: bool = False
    """Take CycleGAN's other generator, the one that lies beside what is named."""
    module: nn.Module | None = None
    """The network itself, which the factory called ``name`` builds with other weights."""

    @property
    def path(self) -> Path:
        """The name as a path."""
        return Path(self.name)

    @property
    def is_factory(self) -> bool:
        """Whether the name means a function rather than a file."""
        return self.module is not None or (
            not self.path.exists() and FACTORY.fullmatch(self.name) is not None
        )

    def generator(self) -> LoadedNetwork:
        """The generator, in eval mode on the CPU.

        Raises:
            MggcError: It cannot be read, imported or built.
        """
        if self.way_back:
            return self.networks()["generator"]
        if self.module is not None:
            return _from_module(self.name, self.module)
        if self.is_factory:
            return _from_factory(self.name, self.weights)
        if self.weights is not None:
            raise MggcError("--weights belongs to a factory given as --generator package.module:function.")
        return load_any_generator(self.path, unet_dropout=self.unet_dropout, concat_order=self.concat_order)

    def networks(self) -> dict[Role, LoadedNetwork]:
        """The generator, and the networks trained with it that lie beside it.

        Raises:
            MggcError: One of them cannot be read, or the way back is wanted where there is none.
        """
        if self.way_back:
            return _turned(replace(self, way_back=False).networks(), self.name)
        if is_run(self.path):
            run = RunDir.open(self.path)
            found = {role: load_original(run, role) for role in ROLES if has_original(run, role)}
            if "generator" not in found:
                raise MggcError(f"The run {self.path} has no trained generator yet. Finish mggc train first.")
            return found
        networks: dict[Role, LoadedNetwork] = {"generator": self.generator()}
        for role, file in self._partner_files().items():
            networks[role] = load_checkpoint(file)
        return networks

    def digest(self) -> str:
        """Sixteen hexadecimal digits that change with the networks and with how they are read.

        Raises:
            MggcError: There are none.
        """
        content = hashlib.sha256(repr((self.unet_dropout, self.concat_order, self.way_back)).encode())
        if self.is_factory:
            content.update(self.name.encode())
            for key, tensor in self.generator().network.state_dict().items():
                content.update(key.encode())
                content.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        else:
            for file in self._files():
                content.update(hashlib.sha256(file.read_bytes()).digest())
        return content.hexdigest()[:16]

    def checkpoint(self) -> Path | None:
        """The checkpoint of pytorch-CycleGAN-and-pix2pix that is meant; None where it is anything else.

        Raises:
            MggcError: There is nothing at the path.
        """
        if self.is_factory or is_run(self.path) or (self._network_folder / CONFIG_NAME).is_file():
            return None
        return find_checkpoint(self.path)

    def checkpoint_name(self) -> str | None:
        """Which network of its repository a checkpoint is, by its file name (``G``, ``G_A``, ...); None if unnamed."""
        file = self.checkpoint()
        if file is None:
            return None
        return next((name for name, partner in find_partners(file).items() if partner == file), None)

    @property
    def _network_folder(self) -> Path:
        """Where ``config.json`` would lie beside the weights."""
        return self.path.parent if self.path.name == WEIGHTS_NAME else self.path

    def _files(self) -> list[Path]:
        """All files that the networks come from."""
        if is_run(self.path):
            run = RunDir.open(self.path)
            folders = [original_folder(run, role) for role in ROLES if has_original(run, role)]
        elif (file := self.checkpoint()) is not None:
            return [file, *self._partner_files().values()]
        else:
            folders = [self._network_folder]
        return [folder / name for folder in folders for name in (CONFIG_NAME, WEIGHTS_NAME)]

    def _partner_files(self) -> dict[Role, Path]:
        file, own = self.checkpoint(), self.checkpoint_name()
        if file is None or own is None:
            return {}
        beside = find_partners(file)
        return {role: beside[name] for role, name in PARTNERS.get(own, {}).items() if name in beside}


def _turned(networks: dict[Role, LoadedNetwork], name: str) -> dict[Role, LoadedNetwork]:
    """CycleGAN's networks as seen from the other direction."""
    if "backward_generator" not in networks:
        raise MggcError(
            f"The generator of the other direction was wanted beside {name}; there is none. Name its own file, or "
            "compress the direction of this one."
        )
    return {OTHER_WAY[role]: loaded for role, loaded in networks.items()}


def _from_factory(factory: str, weights: Path | None) -> LoadedNetwork:
    """A network of the user's own design; its channels are found by looking at it."""
    network = _build(factory)
    if weights is not None:
        put_weights(network, read_state_dict(weights), source=weights)
    elif not _same_weights(network, _build(factory)):
        raise MggcError(
            f"{factory} returns a network with other weights at every call, an untrained one. "
            "Name its trained weights with --weights FILE."
        )
    return LoadedNetwork(network.eval(), _look_at(network, factory))


def _from_module(factory: str, module: nn.Module) -> LoadedNetwork:
    """The network as its factory builds it, with the weights of the one that is given: so it will be loaded later."""
    network, given = _build(factory), copy.deepcopy(module).cpu().eval()
    put_weights(network, given.state_dict(), source=Path(f"The {type(module).__name__} given as generator"))
    spec = _look_at(network, factory)
    image = torch.empty(1, spec.input_channels, PROBE, PROBE).uniform_(
        -1, 1, generator=torch.Generator().manual_seed(0)
    )
    with torch.inference_mode():
        alike = torch.allclose(network(image), given(image), rtol=1e-3, atol=1e-4)
    if not alike:
        raise MggcError(
            f"{factory} builds a network with the weights of the {type(module).__name__} given as generator, but "
            "another output: make the factory return the same network."
        )
    return LoadedNetwork(network, spec)


def _build(factory: str) -> nn.Module:
    try:
        return build(FactorySpec(factory=factory, input_channels=1, output_channels=1))
    except MggcError:
        raise
    except Exception as error:  # a user's code raises whatever it likes
        first_line = (str(error).splitlines() or ["no message"])[0]
        raise MggcError(
            f"The factory {factory} should return a network when called without arguments. "
            f"Found {type(error).__name__}: {first_line:.100}."
        ) from error


def _same_weights(one: nn.Module, other: nn.Module) -> bool:
    mine, theirs = one.state_dict(), other.state_dict()
    return mine.keys() == theirs.keys() and all(torch.equal(mine[key], theirs[key]) for key in mine)


def _look_at(network: nn.Module, factory: str) -> FactorySpec:
    """The specification of a network that has to map images to images of the same size; puts it into eval mode."""
    inputs = first_conv(network).in_channels
    image = torch.zeros(1, inputs, PROBE, PROBE, dtype=next(network.parameters()).dtype)
    try:
        with torch.inference_mode():
            output = network.eval()(image)
    except Exception as error:  # a user's code raises whatever it likes
        first_line = (str(error).splitlines() or ["no message"])[0]
        raise MggcError(
            f"The network of {factory} does not translate an image of {inputs} channels and {PROBE}×{PROBE} pixels "
            f"({type(error).__name__}: {first_line:.100})."
        ) from error
    if not isinstance(output, torch.Tensor) or output.shape[-2:] != image.shape[-2:]:
        found = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        raise MggcError(
            f"The network of {factory} should map images to images of the same size. Found {found}."
        )
    return FactorySpec(factory=factory, input_channels=inputs, output_channels=int(output.shape[1]))
