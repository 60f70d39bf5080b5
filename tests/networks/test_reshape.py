import pytest
import torch
from torch import nn

from mggc.networks.build import build
from mggc.networks.reshape import build_empty, cut_shapes, layer_shapes, reshape
from mggc.networks.specs import ResnetSpec, named_spec


def every_kind_of_layer() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(8, 8, 3, groups=4),
        nn.ConvTranspose2d(8, 4, 2),
        nn.BatchNorm2d(4),
        nn.InstanceNorm2d(4, affine=True, track_running_stats=True),
        nn.InstanceNorm2d(4),
        nn.GroupNorm(2, 4),
        nn.PReLU(4),
        nn.Linear(5, 6, bias=False),
        nn.ReLU(),
    )


def test_shapes_are_listed_for_every_layer_that_has_any():
    assert layer_shapes(every_kind_of_layer()) == {
        "0": [8, 8, 4],
        "1": [4, 8, 1],
        "2": [4],
        "3": [4],
        "4": [4],
        "5": [4],
        "6": [4],
        "7": [6, 5],
    }


def test_a_reshaped_network_has_the_sizes_asked_for_and_works():
    network = every_kind_of_layer()
    reshape(
        network,
        {"0": [6, 6, 3], "1": [2, 6, 1], **{name: [2] for name in "23456"}, "7": [3, 5]},
    )
    assert network[0].weight.shape == (6, 2, 3, 3)
    assert network[1].weight.shape == (6, 2, 2, 2)
    assert network[1].bias.shape == network[2].running_var.shape == network[5].weight.shape == (2,)
    for parameter in network.parameters():
        nn.init.ones_(parameter)
        assert parameter.requires_grad
    assert network.eval()(torch.ones(1, 6, 6, 6)).shape == (1, 2, 5, 3)


def test_nothing_is_recorded_for_a_network_that_was_not_cut():
    spec = named_spec("unet_64", ngf=2)
    assert cut_shapes(build(spec), spec) is None


def test_a_removed_block_is_recorded_once_and_removed_again():
    spec = ResnetSpec(input_channels=3, output_channels=3, blocks=3, ngf=2)
    network = build(spec)
    network.model[11] = nn.Identity()
    shapes = cut_shapes(network, spec)
    assert [name for name, shape in shapes.items() if shape is None] == ["model.11"]
    again = build_empty(spec)
    reshape(again, shapes)
    assert isinstance(again.model[11], nn.Identity)
    assert layer_shapes(again) == layer_shapes(network)


@pytest.mark.parametrize(
    ("shapes", "message"), [({"nowhere": [1]}, "no layer nowhere"), ({"0": [1]}, "Layer 0 is a Conv2d")]
)
def test_shapes_of_another_network_are_refused(shapes, message):
    with pytest.raises(ValueError, match=message):
        reshape(every_kind_of_layer(), shapes)


def test_networks_are_built_without_memory():
    assert all(p.is_meta for p in build_empty(named_spec("unet_256")).parameters())
