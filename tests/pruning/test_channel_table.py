"""What tracing finds in our networks, and what it makes of a user's."""

import pytest
import torch
from torch import Tensor, nn

from asserts import snapshot
from mggc.errors import MggcError
from mggc.networks.build import build
from mggc.networks.specs import PatchSpec, ResnetSpec, UnetSpec, named_spec
from mggc.pruning.channels import ALWAYS, ChannelTable, trace_channels
from toys import Separable, Shared, Shuffled, Tangled, images, strong_weights


def conv(read: int, written: int, **options: int) -> nn.Conv2d:
    return nn.Conv2d(read, written, 3, padding=1, **options)


def sizes(table: ChannelTable) -> dict[str, int]:
    return {group.name: group.size for group in table.groups}


def test_groups_do_not_depend_on_the_image_size_and_scale_with_the_width() -> None:
    narrow = trace_channels(build(named_spec("resnet_9blocks", ngf=4)), image_size=16)
    wide = trace_channels(build(named_spec("resnet_9blocks", ngf=8)), image_size=32)
    assert len(narrow.groups) == 14
    assert narrow.prunable == 2944 // 16
    assert sizes(wide) == {name: 2 * size for name, size in sizes(narrow).items()}


def test_groups_tile_the_mask_without_gaps() -> None:
    table = trace_channels(Tangled(), image_size=8)
    ends = [group.offset + group.size for group in table.groups]
    assert [group.offset for group in table.groups] == [0, *ends[:-1]]
    assert ends[-1] == table.prunable == len(table.group_index)
    assert [len(piece) for piece in table.split(torch.ones(table.prunable))] == list(sizes(table).values())


def test_a_skip_connection_reads_the_encoder_first_and_the_decoder_second() -> None:
    table = trace_channels(
        build(UnetSpec(input_channels=3, output_channels=3, downs=5, ngf=2)), image_size=32
    )
    convs = {entry.name: entry for entry in table.convs}
    outer_down, outer_up = convs["model.model.0"], convs["model.model.3"]
    inner_up = convs["model.model.1.model.5"]
    assert outer_up.reads == (*outer_down.writes, *inner_up.writes)
    assert outer_down.reads == (ALWAYS,) * 3
    assert outer_up.writes == (ALWAYS,) * 3


def test_a_residual_trunk_is_one_group() -> None:
    table = trace_channels(
        build(ResnetSpec(input_channels=3, output_channels=3, blocks=3, ngf=2)), image_size=16
    )
    convs = {entry.name: entry for entry in table.convs}
    trunk = convs["model.7"].writes
    assert all(convs[f"model.{10 + block}.conv_block.5"].writes == trunk for block in range(3))
    assert convs["model.13"].reads == trunk


@pytest.mark.parametrize("training", [True, False])
def test_the_network_is_left_as_it_was(training: bool) -> None:
    network = build(UnetSpec(input_channels=3, output_channels=3, downs=5, ngf=2)).train(training)
    network.requires_grad_(False)
    next(network.parameters()).requires_grad_(True)
    network.get_submodule("model.model.1").train(not training)
    before, modes = snapshot(network), [module.training for module in network.modules()]
    torch.manual_seed(5)
    expected_draw = torch.rand(3)
    torch.manual_seed(5)
    trace_channels(network, image_size=32)
    assert [parameter.requires_grad for parameter in network.parameters()].count(True) == 1
    assert modes == [module.training for module in network.modules()]
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    # Exact, so that a seed set before tracing means the same after it.
    assert torch.equal(torch.rand(3), expected_draw)


def test_depthwise_layers_join_the_group_that_they_read() -> None:
    assert sizes(trace_channels(Separable(), image_size=16)) == {"stem.0": 8, "pointwise.0": 12, "up.1": 6}


def test_sums_of_concatenations_tie_each_part_to_its_own_writer() -> None:
    table = trace_channels(Tangled(), image_size=8)
    assert sizes(table) == {"left": 4, "right": 5, "squeeze": 3, "narrow": 4}
    convs = {entry.name: entry for entry in table.convs}
    assert convs["both"].writes == (*convs["left"].writes, *convs["right"].writes)
    assert convs["late"].reads == (ALWAYS,) * 3 + convs["narrow"].writes * 2
    assert convs["late"].writes == convs["narrow"].writes * 2


def test_general_group_convolutions_and_counted_channels_stay_whole() -> None:
    assert sizes(trace_channels(Shuffled(), image_size=8)) == {"first": 6, "last": 7}


def test_a_convolution_that_runs_twice_counts_twice() -> None:
    table = trace_channels(Shared(), image_size=8)
    twice = next(entry for entry in table.convs if entry.name == "twice")
    assert twice.input_positions == twice.output_positions == 8 * 8 + 4 * 4


class Code(nn.Module):
    """A network with one line of code between its layers."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.first, self.last = conv(3, 6), conv(6, 3)
        self.scale = nn.Parameter(torch.rand(1, 6, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        features = torch.relu(self.first(images))
        match self.name:
            case "softmax":
                features = features.softmax(1)
            case "norm without parameters":
                features = nn.functional.group_norm(features, 2)
            case "channel mean":
                features = features - features.mean(1, keepdim=True)
            case "shuffle":
                features = nn.functional.channel_shuffle(features, 2)
            case "scale":
                features = features * self.scale
            case "slice":
                features = torch.cat([features[:, 3:], features[:, :3]], dim=1)
            case "crop":
                features = features[:, :, 1:-1, 1:-1]
        return self.last(features)


@pytest.mark.parametrize("name", ["softmax", "norm without parameters", "channel mean", "shuffle"])
def test_code_that_mixes_channels_is_refused_with_the_name_of_the_layer(name: str) -> None:
    with pytest.raises(MggcError, match="layer first writes"):
        trace_channels(strong_weights(Code(name)), image_size=8)


@pytest.mark.parametrize("name", ["scale", "slice"])
def test_channels_that_the_code_counts_stay_whole(name: str) -> None:
    with pytest.raises(MggcError, match="no channels that could be pruned"):
        trace_channels(Code(name), image_size=8)


def test_cropping_is_no_obstacle() -> None:
    assert sizes(trace_channels(Code("crop"), image_size=8)) == {"first": 6}


@pytest.mark.parametrize(
    "norm", [nn.GroupNorm(2, 6), nn.LayerNorm([6, 8, 8]), nn.Sequential(nn.GroupNorm(3, 6), nn.ReLU())]
)
def test_a_norm_across_channels_is_refused_with_its_name(norm: nn.Module) -> None:
    network = nn.Sequential(conv(3, 6), norm, nn.ReLU(), conv(6, 3))
    with pytest.raises(MggcError, match=r"Layer 1.* \((Group|Layer)Norm\) mixes channels"):
        trace_channels(network, image_size=8)


def test_a_group_norm_that_no_prunable_channel_passes_is_welcome() -> None:
    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.norm = conv(3, 6), conv(6, 4), nn.GroupNorm(2, 4)

        def forward(self, images: Tensor) -> Tensor:
            return self.norm(self.second(torch.relu(self.first(images))))

    assert sizes(trace_channels(Head(), image_size=8)) == {"first": 6}


@pytest.mark.parametrize(
    "wrap", [nn.utils.parametrizations.spectral_norm, nn.utils.parametrizations.weight_norm]
)
def test_computed_weights_are_refused_with_what_to_do(wrap: object) -> None:
    network = nn.Sequential(conv(3, 6), nn.ReLU(), wrap(conv(6, 3)))  # type: ignore[operator]
    with pytest.raises(MggcError, match=r"Layer 2 computes its weight.*remove_parametrizations"):
        trace_channels(network, image_size=8)


def test_an_image_size_that_the_network_cannot_take_is_the_users_to_mend() -> None:
    network = build(UnetSpec(input_channels=3, output_channels=3, downs=5, ngf=2))
    with pytest.raises(MggcError, match="cannot be traced at 24 px"):
        trace_channels(network, image_size=24)


def test_a_network_without_convolutions_is_refused() -> None:
    with pytest.raises(MggcError, match="has no convolution"):
        trace_channels(nn.Sequential(nn.Linear(3, 3)), image_size=8)


class Backwards(nn.Module):
    """The convolution that sees the image is registered last."""

    def __init__(self) -> None:
        super().__init__()
        self.last, self.first = conv(6, 2), conv(4, 6)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(torch.relu(self.first(images)))


def test_the_number_of_input_channels_can_be_given() -> None:
    assert sizes(trace_channels(Backwards(), image_size=8, input_channels=4)) == {"first": 6}


def test_a_discriminator_of_any_depth_can_be_traced() -> None:
    for layers in (1, 2, 4, 5):
        network = build(PatchSpec(input_channels=4, ndf=2, layers=layers))
        assert len(trace_channels(network, image_size=3 * 2**layers).groups) == layers + 1


def test_double_precision_networks_are_traced_and_checked_in_double() -> None:
    network = strong_weights(Tangled()).double()
    assert trace_channels(network, image_size=8).prunable == 16
    assert network(images(1, 3, 8, 8).double()).dtype == torch.float64
