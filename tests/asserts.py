"""Statements that several rooms' tests make."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from mggc.pruning.channels import ChannelTable
from mggc.pruning.cut import cut
from mggc.pruning.masks import MaskedNetwork
from mggc.pruning.plan import ChannelPlan


def assert_cut_is_masked(
    network: nn.Module, table: ChannelTable, plan: ChannelPlan, inputs: Tensor, tolerance: float = 1e-5
) -> nn.Module:
    """The cut network and the masked one agree, in the modes that the network is in; returns the cut one."""
    smaller = cut(network, table, plan)
    masked = MaskedNetwork(copy.deepcopy(network), table)
    with torch.no_grad():
        expected, found = masked(inputs, plan.mask(table)), smaller(inputs)
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= tolerance * expected.abs().max().clamp(min=1.0)
    return smaller


def assert_same(found: Any, expected: Any) -> None:
    """Two nests of dictionaries, lists, tensors and numbers are equal bit for bit."""
    assert type(found) is type(expected)
    if isinstance(expected, Tensor):
        assert torch.equal(found, expected)
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            assert_same(found[key], expected[key])
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    else:
        assert found == expected


def snapshot(network: nn.Module) -> dict[str, Tensor]:
    """A copy of all parameters and buffers."""
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
