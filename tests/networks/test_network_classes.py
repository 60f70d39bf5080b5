import pytest
import torch
import torch_pruning
from torch import Tensor, nn

from functional_reference import patchgan_layout, pixel_layout, resnet_layout, unet_layout
from mggc.networks.build import build
from mggc.networks.patchgan import PatchDiscriminator, PixelDiscriminator
from mggc.networks.resnet import ResnetGenerator
from mggc.networks.specs import PatchSpec, ResnetSpec, UnetSpec, named_spec
from mggc.networks.unet import UnetGenerator

NORMS = ("batch", "instance", "none")


def shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in network.state_dict().items()}


@pytest.mark.parametrize(
    ("spec", "parameters", "entries"),
    [
        (named_spec("unet_256"), 54.414e6, 82),
        (named_spec("unet_256", norm="instance"), 54.410e6, 32),
        (named_spec("unet_128"), 41.829e6, 70),
        (named_spec("resnet_9blocks"), 11.378e6, 48),
        (named_spec("resnet_9blocks", norm="batch"), 11.383e6, 140),
        (named_spec("resnet_6blocks"), 7.838e6, 36),
        (PatchSpec(input_channels=6), 2.769e6, 22),
        (PatchSpec(input_channels=3, norm="instance"), 2.765e6, 10),
    ],
    ids=str,
)
def test_networks_are_as_large_as_the_published_ones(spec, parameters, entries):
    with torch.device("meta"):
        network = build(spec)
    assert round(sum(p.numel() for p in network.parameters()), -3) == parameters
    assert len(network.state_dict()) == entries


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("downs", [5, 6, 7, 8])
def test_unet_keys_and_shapes_follow_the_published_table(downs, norm):
    network = UnetGenerator(1, 3, downs=downs, ngf=2, norm=norm, dropout=True)
    assert shapes(network) == unet_layout(downs=downs, ngf=2, norm=norm, inputs=1)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("blocks", [1, 6, 9])
def test_resnet_keys_and_shapes_follow_the_published_table(blocks, dropout, norm):
    network = ResnetGenerator(3, 1, blocks=blocks, ngf=2, norm=norm, dropout=dropout)
    assert shapes(network) == resnet_layout(blocks=blocks, ngf=2, norm=norm, dropout=dropout, outputs=1)


@pytest.mark.parametrize("norm", NORMS)
def test_discriminator_keys_and_shapes_follow_the_published_tables(norm):
    for layers in (1, 2, 3, 5):
        patch = PatchDiscriminator(6, ndf=2, layers=layers, norm=norm)
        assert shapes(patch) == patchgan_layout(layers=layers, ndf=2, norm=norm)
    assert shapes(PixelDiscriminator(4, ndf=2, norm=norm)) == pixel_layout(ndf=2, norm=norm, inputs=4)


def test_dropout_sits_at_the_unets_middle_levels_only():
    names = {
        name
        for name, module in UnetGenerator(3, 3, downs=8, ngf=1).named_modules()
        if isinstance(module, nn.Dropout)
    }
    assert names == {"model.model.1.model" + ".3.model" * above + ".7" for above in (3, 4, 5)}
    assert not any(isinstance(m, nn.Dropout) for m in UnetGenerator(3, 3, downs=5, ngf=1).modules())


@pytest.mark.parametrize(
    "spec",
    [
        UnetSpec(input_channels=3, output_channels=3, downs=6, ngf=2),
        ResnetSpec(input_channels=3, output_channels=3, blocks=1, ngf=2, dropout=True),
    ],
    ids=str,
)
def test_dropout_acts_in_training_mode_only(spec):
    network, images = build(spec), torch.randn(2, 3, 64, 64)
    assert not torch.equal(network(images), network(images))
    network.eval()
    assert torch.equal(network(images), network(images))


def test_a_unet_of_four_levels_is_refused():
    with pytest.raises(ValueError, match=r"at least 5 levels\. Found downs=4"):
        UnetGenerator(3, 3, downs=4)


def test_patchgan_turns_256_pixels_into_30_logits_and_pixel_gives_one_for_each():
    assert PatchDiscriminator(6, ndf=1)(torch.zeros(1, 6, 256, 256)).shape == (1, 1, 30, 30)
    assert PixelDiscriminator(6, ndf=1)(torch.zeros(1, 6, 20, 24)).shape == (1, 1, 20, 24)


@pytest.mark.parametrize("name", ["unet_64", "resnet_6blocks", "basic"])
def test_a_hook_sees_features_that_nothing_overwrites_later(name):
    network = build(named_spec(name, ngf=2)).eval()
    seen: list[tuple[Tensor, Tensor]] = []
    for module in network.modules():
        module.register_forward_hook(lambda *args: seen.append((args[2], args[2].clone())))
    network(torch.randn(1, 6 if name == "basic" else 3, 64, 64))
    assert all(torch.equal(kept, copied) for kept, copied in seen)


@pytest.mark.parametrize(("name", "groups"), [("unet_256", 15), ("resnet_9blocks", 14), ("basic", 4)])
def test_torch_pruning_traces_the_channel_groups(name, groups):
    spec = named_spec(name, ngf=4)
    network, images = build(spec), torch.zeros(1, spec.input_channels, 256, 256)
    graph = torch_pruning.DependencyGraph().build_dependency(network, example_inputs=images)
    last = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)][-1]
    found = graph.get_all_groups(ignored_layers=[last], root_module_types=(nn.Conv2d, nn.ConvTranspose2d))
    assert len(list(found)) == groups
