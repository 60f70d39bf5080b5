import json
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from mggc.errors import MggcError
from mggc.networks.build import build, initialize
from mggc.networks.files import load_network, save_network
from mggc.networks.reshape import reshape
from mggc.networks.specs import FactorySpec, NetworkSpec, PixelSpec, ResnetSpec, UnetSpec, named_spec
from mggc.runtime import step_generator

SPECS = [
    UnetSpec(input_channels=1, output_channels=3, downs=5, ngf=2),
    UnetSpec(input_channels=3, output_channels=3, downs=5, ngf=2, norm="instance", dropout=False),
    ResnetSpec(input_channels=3, output_channels=3, blocks=2, ngf=2),
    ResnetSpec(input_channels=3, output_channels=3, blocks=2, ngf=2, norm="batch", bias=True, dropout=True),
    named_spec("basic", ngf=2, norm="none"),
    PixelSpec(input_channels=3, ndf=2),
]


def make(spec: NetworkSpec) -> nn.Module:
    return initialize(build(spec), step_generator(0)).eval()


def cut_resnet(inner_width: int, *, norm: str = "batch") -> tuple[nn.Module, ResnetSpec]:
    """A narrower first block, and the second one removed."""
    spec = ResnetSpec(input_channels=3, output_channels=3, blocks=2, ngf=2, norm=norm)
    network = build(spec)
    block = "model.10.conv_block"
    reshape(
        network,
        {f"{block}.1": [inner_width, 8, 1], f"{block}.5": [8, inner_width, 1], "model.11": None}
        | ({f"{block}.2": [inner_width]} if norm != "none" else {}),
    )
    return initialize(network, step_generator(0)).eval(), spec


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_a_network_comes_back_bit_for_bit_in_eval_mode(spec, tmp_path):
    network, images = make(spec), torch.randn(2, spec.input_channels, 32, 32)
    save_network(tmp_path / "net", network, spec=spec, provenance={"step": 7})
    loaded = load_network(tmp_path / "net")
    assert torch.equal(loaded.network(images), network(images))
    assert not loaded.network.training
    assert (loaded.spec, loaded.layers, loaded.provenance) == (spec, None, {"step": 7})
    assert all(p.requires_grad for p in loaded.network.parameters())
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["config.json", "model.safetensors", "net"]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(inner_width=st.integers(1, 12), norm=st.sampled_from(["batch", "instance", "none"]))
def test_a_cut_network_comes_back_bit_for_bit(tmp_path, inner_width, norm):
    network, spec = cut_resnet(inner_width, norm=norm)
    save_network(tmp_path / "net", network, spec=spec, overwrite=True)
    loaded = load_network(tmp_path / "net")
    images = torch.randn(2, 3, 16, 16)
    assert torch.equal(loaded.network(images), network(images))
    save_network(tmp_path / "again", loaded.network, spec=loaded.spec, overwrite=True)
    assert (tmp_path / "again/config.json").read_bytes() == (tmp_path / "net/config.json").read_bytes()
    assert (tmp_path / "again/model.safetensors").read_bytes() == (
        tmp_path / "net/model.safetensors"
    ).read_bytes()


def test_the_config_says_all_that_a_reader_needs(tmp_path):
    network, spec = cut_resnet(5)
    save_network(tmp_path / "net", network, spec=spec)
    config = json.loads((tmp_path / "net/config.json").read_text())
    assert config["format"] == "mggc/1"
    assert config["network"]["kind"] == "resnet"
    assert config["layers"]["model.10.conv_block.1"] == [5, 8, 1]
    assert config["layers"]["model.11"] is None
    assert config["preprocessing"] == {"range": [-1, 1], "channels": "RGB", "size_multiple": 4}


def test_a_loaded_network_does_not_follow_the_file(tmp_path):
    spec = SPECS[-1]
    save_network(tmp_path, make(spec), spec=spec)
    loaded = load_network(tmp_path)
    before = {key: value.clone() for key, value in loaded.network.state_dict().items()}
    path = tmp_path / "model.safetensors"
    with path.open("r+b") as file:
        file.seek(path.stat().st_size - 64)
        file.write(b"\xff" * 64)
    assert all(torch.equal(before[key], value) for key, value in loaded.network.state_dict().items())


def test_channels_last_and_tied_weights_can_be_saved(tmp_path):
    spec = SPECS[0]
    network = make(spec).to(memory_format=torch.channels_last)
    network.model.model[0].weight = nn.Parameter(network.model.model[0].weight[:])
    save_network(tmp_path / "net", network, spec=spec)
    images = torch.randn(1, 1, 32, 32)
    torch.testing.assert_close(load_network(tmp_path / "net").network(images), network(images))


def test_an_existing_network_is_replaced_only_if_allowed(tmp_path):
    spec = SPECS[-1]
    save_network(tmp_path / "net", make(spec), spec=spec, provenance={"take": 1})
    with pytest.raises(MggcError, match="holds a network already"):
        save_network(tmp_path / "net", make(spec), spec=spec)
    save_network(tmp_path / "net", make(spec), spec=spec, provenance={"take": 2}, overwrite=True)
    assert load_network(tmp_path / "net").provenance == {"take": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


def test_a_folder_with_other_files_is_never_replaced(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(MggcError, match=r"other files \(thesis.tex"):
        save_network(tmp_path, make(SPECS[-1]), spec=SPECS[-1], overwrite=True)
    with pytest.raises(MggcError, match="but is a file"):
        save_network(tmp_path / "thesis.tex", make(SPECS[-1]), spec=SPECS[-1], overwrite=True)


def test_a_failed_save_leaves_the_old_network_and_nothing_else(tmp_path, monkeypatch):
    spec = SPECS[-1]
    save_network(tmp_path / "net", make(spec), spec=spec, provenance={"take": 1})

    def disk_full(*_, **__) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mggc.networks.files.save", disk_full)
    with pytest.raises(OSError, match="No space"):
        save_network(tmp_path / "net", make(spec), spec=spec, overwrite=True)
    assert load_network(tmp_path / "net").provenance == {"take": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


def test_a_network_of_another_specification_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="not the one of its specification"):
        save_network(tmp_path / "net", make(SPECS[2]), spec=SPECS[0])
    assert not (tmp_path / "net").exists()


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_network(tmp_path / "net", make(SPECS[-1]), spec=SPECS[-1])
    return tmp_path / "net"


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


DAMAGES = {
    "no config": (
        lambda f: (f / "config.json").unlink(),
        "is not the folder of a network: it has no config.json",
    ),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "There is no file .*model.safetensors"),
    "half a config": (lambda f: (f / "config.json").write_text('{"format": "mg'), "not readable as JSON"),
    "list": (lambda f: (f / "config.json").write_text("[]"), "should have the format mggc/1. Found None"),
    "future": (lambda f: edit_config(f, format="mggc/9"), "should have the format mggc/1. Found 'mggc/9'"),
    "kind": (lambda f: edit_config(f, network={"kind": "vgg"}), "config.json: network: .*'vgg'"),
    "layer": (lambda f: edit_config(f, layers={"net.9": [1]}), "config.json: The network has no layer net.9"),
    "shape": (
        lambda f: edit_config(f, layers={"net.3": [9]}),
        r"net.3.weight has the shape \[4\].*needs \[9\]",
    ),
    "cut short": (
        lambda f: (f / "model.safetensors").write_bytes((f / "model.safetensors").read_bytes()[:-9]),
        "model.safetensors is damaged or cut short",
    ),
    "empty": (lambda f: (f / "model.safetensors").write_bytes(b""), "damaged or cut short"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_folder_is_refused_in_one_line(damage, saved):
    break_it, message = DAMAGES[damage]
    break_it(saved)
    with pytest.raises(MggcError, match=message) as refusal:
        load_network(saved)
    assert str(saved) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_weights_that_are_not_finite_are_neither_written_nor_read(saved, tmp_path):
    network = make(SPECS[-1])
    nn.init.constant_(network.net[2].weight, torch.nan)
    with pytest.raises(MggcError, match=r"net\.2\.weight holds NaN"):
        save_network(tmp_path / "other", network, spec=SPECS[-1])
    content = bytearray((saved / "model.safetensors").read_bytes())
    content[-4:] = b"\x00\x00\xc0\x7f"
    (saved / "model.safetensors").write_bytes(content)
    with pytest.raises(MggcError, match="holds NaN"):
        load_network(saved)


def test_a_users_own_network_comes_back_through_its_factory(tmp_path):
    spec = FactorySpec(factory="test_network_files:own_network", input_channels=3, output_channels=3)
    network = own_network()
    save_network(tmp_path / "net", network, spec=spec)
    images = torch.randn(1, 3, 8, 8)
    assert torch.equal(load_network(tmp_path / "net").network(images), network(images))


def own_network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.PReLU(4), nn.Conv2d(4, 3, 1), nn.Tanh())
