"""Small generators to export: as they are designed, and cut."""

from torch import nn

from mggc.networks.build import build
from mggc.networks.specs import NetworkSpec, ResnetSpec, UnetSpec
from mggc.pruning.channels import trace_channels
from mggc.pruning.cut import cut
from toys import random_plan, strong_weights

UNET = UnetSpec(input_channels=3, output_channels=3, downs=5, ngf=3)
RESNET = ResnetSpec(input_channels=3, output_channels=3, blocks=2, ngf=4)


def generator(spec: NetworkSpec, *, compressed: bool = False, seed: int = 0) -> nn.Module:
    """In eval mode, with weights under which every layer matters."""
    network = strong_weights(build(spec), seed).eval()
    if not compressed:
        return network
    table = trace_channels(network, image_size=32)
    # What traces channels changes modes.
    return cut(network, table, random_plan(table, seed, share=0.5)).eval()
