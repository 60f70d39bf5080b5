import sys
from pathlib import Path

import pytest
import torch
from jaxtyping import TypeCheckError
from torch import nn

from mggc.errors import MggcError
from mggc.networks.build import build, initialize
from mggc.networks.sizes import check_image_size, minimum_size, size_multiple
from mggc.networks.specs import (
    FactorySpec,
    PatchSpec,
    PixelSpec,
    ResnetSpec,
    UnetSpec,
    discriminator_spec,
    named_spec,
)
from mggc.runtime import step_generator


def test_initialization_depends_on_the_generator_alone():
    networks = []
    for seed in (0, 0, 1):
        torch.rand(seed + 1)  # the global generator has no say
        network = build(named_spec("resnet_6blocks", ngf=2, norm="batch"))
        networks.append(initialize(network, step_generator(seed, "G")).state_dict())
    assert all(torch.equal(networks[0][key], networks[1][key]) for key in networks[0])
    assert not torch.equal(networks[0]["model.1.weight"], networks[2]["model.1.weight"])


def test_initialization_draws_the_published_distributions():
    network = initialize(build(named_spec("basic", ngf=32)), step_generator(0))
    weight = network.get_parameter("model.5.weight")
    assert abs(weight.mean()) < 1e-3
    assert weight.std().item() == pytest.approx(0.02, rel=0.02)
    scale = network.get_parameter("model.9.weight")
    assert scale.mean().item() == pytest.approx(1, abs=0.01)
    assert scale.std().item() == pytest.approx(0.02, rel=0.2)
    assert not any(p.any() for name, p in network.named_parameters() if name.endswith("bias"))


def test_names_mean_what_they_mean_in_the_published_repository():
    assert named_spec("unet_128") == UnetSpec(
        input_channels=3, output_channels=3, downs=7, norm="batch", dropout=True
    )
    assert named_spec("resnet_9blocks", input_channels=1) == ResnetSpec(
        input_channels=1, output_channels=3, blocks=9, norm="instance", dropout=False
    )
    assert named_spec("unet_64", dropout=False, norm="instance", ngf=8) == UnetSpec(
        input_channels=3, output_channels=3, downs=6, ngf=8, norm="instance", dropout=False
    )
    assert named_spec("basic") == PatchSpec(input_channels=6, layers=3)
    assert named_spec("pixel", ngf=8) == PixelSpec(input_channels=6, ndf=8)
    assert discriminator_spec("n_layers", input_channels=3, layers=5) == PatchSpec(input_channels=3, layers=5)
    assert discriminator_spec("basic", input_channels=3, layers=5) == PatchSpec(input_channels=3, layers=3)


@pytest.mark.parametrize(
    ("name", "message"),
    [("unet_265", "'unet_265'. Did you mean unet_256?"), ("zebra", "The names are unet_256, unet_128")],
)
def test_an_unknown_name_is_answered_with_the_known_ones(name, message):
    with pytest.raises(MggcError, match=message.replace("?", r"\?")):
        named_spec(name)


SIZED = [
    UnetSpec(input_channels=3, output_channels=3, downs=5, ngf=1),
    ResnetSpec(input_channels=3, output_channels=3, blocks=1, ngf=1),
    PatchSpec(input_channels=3, ndf=1, layers=2, norm="instance"),
    PatchSpec(input_channels=3, ndf=1, layers=3),
    PixelSpec(input_channels=3, ndf=1),
]


@pytest.mark.parametrize("spec", SIZED, ids=str)
def test_networks_take_the_sizes_that_are_allowed(spec):
    network = build(spec)
    for size in (minimum_size(spec), minimum_size(spec) + size_multiple(spec)):
        check_image_size(spec, size)
        result = network(torch.randn(2, 3, size, size))
        if "output_channels" in type(spec).model_fields:
            assert result.shape == (2, 3, size, size)


@pytest.mark.parametrize("spec", SIZED[:4], ids=str)
def test_networks_cannot_keep_a_size_that_is_refused(spec):
    size = minimum_size(spec) - 1
    with pytest.raises(MggcError, match=f"not {size}. The nearest size is {minimum_size(spec)}"):
        check_image_size(spec, size)
    with pytest.raises((RuntimeError, ValueError, TypeCheckError)):
        build(spec)(torch.randn(2, 3, size, size))


def test_the_refusal_of_a_size_names_a_size_that_works():
    with pytest.raises(MggcError, match=r"multiples of 256 from 256 pixels upwards, not 300.*size is 256"):
        check_image_size(named_spec("unet_256"), 300)
    with pytest.raises(MggcError, match=r"multiples of 4 from 8 pixels upwards, not 255.*size is 256"):
        check_image_size(named_spec("resnet_9blocks"), 255)


@pytest.fixture
def factory_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import torch\ndef make(): return torch.nn.Conv2d(3, 3, 1)\ndef wrong(): return 3\n"
    (tmp_path / "users_own_network.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "users_own_network", raising=False)


@pytest.mark.usefixtures("factory_module")
def test_a_users_factory_is_found_in_the_current_folder():
    spec = FactorySpec(factory="users_own_network:make", input_channels=3, output_channels=3)
    assert isinstance(build(spec), nn.Conv2d)
    check_image_size(spec, 17)


@pytest.mark.usefixtures("factory_module")
@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("no_such_module_anywhere:make", "cannot be imported .No module named"),
        ("users_own_network:missing", "cannot be imported .*no attribute 'missing'"),
        ("users_own_network:wrong", "should return a torch.nn.Module. Found int"),
    ],
)
def test_a_factory_that_does_not_work_is_refused(factory, message):
    with pytest.raises(MggcError, match=message):
        build(FactorySpec(factory=factory, input_channels=3, output_channels=3))
