import pytest
import torch
from torch import nn

from mggc.baselines.scores import l1_scores, norm_scales, relative_to_group, scale_scores
from mggc.errors import MggcError
from mggc.networks.build import build
from mggc.networks.specs import ResnetSpec
from mggc.pruning.channels import ChannelTable, trace_channels
from toys import Separable, Tangled, strong_weights


def traced(network: nn.Module) -> tuple[nn.Module, ChannelTable]:
    return strong_weights(network), trace_channels(network, image_size=32)


def resnet(norm: str) -> nn.Module:
    return build(ResnetSpec(input_channels=3, output_channels=3, blocks=2, ngf=4, norm=norm))  # type: ignore[arg-type]


def scales_of(network: nn.Module, table: ChannelTable, channel: int) -> list[float]:
    """One by one."""
    return [
        abs(network.get_submodule(entry.name).weight[number].item())
        for entry in table.channelwise
        for number, member in enumerate(entry.channels)
        if member == channel and getattr(network.get_submodule(entry.name), "affine", False)
    ]


@pytest.mark.parametrize("make", [Separable, Tangled, lambda: resnet("batch")])
def test_scales_are_averaged_over_a_channels_norms_and_channels_without_come_first(make: type) -> None:
    network, table = traced(make())
    scores = scale_scores(network, table)
    found = [scales_of(network, table, channel) for channel in range(table.prunable)]
    largest = max(scale for scales in found for scale in scales)
    for score, scales in zip(scores.tolist(), found, strict=True):
        if scales:
            assert score == pytest.approx(sum(scales) / len(scales))
        else:
            assert score > largest


def test_a_residual_trunk_has_the_norms_of_all_its_writers() -> None:
    network, table = traced(resnet("batch"))
    counts = {len(scales_of(network, table, channel)) for channel in range(table.prunable)}
    assert counts == {1, 3}


def test_without_affine_norms_the_message_names_other_methods() -> None:
    network, table = traced(resnet("instance"))
    assert norm_scales(network, table) == []
    with pytest.raises(MggcError, match="l1_norm"):
        scale_scores(network, table)


def test_relative_scores_average_to_one_in_every_group() -> None:
    network, table = traced(Tangled())
    for piece in table.split(relative_to_group(l1_scores(network, table), table)):
        assert piece.mean().item() == pytest.approx(1)
    assert torch.equal(relative_to_group(torch.zeros(table.prunable), table), torch.zeros(table.prunable))
