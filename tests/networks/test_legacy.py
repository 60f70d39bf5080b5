from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from functional_reference import (
    Layout,
    patchgan_forward,
    patchgan_layout,
    pixel_forward,
    pixel_layout,
    random_weights,
    resnet_forward,
    resnet_layout,
    unet_forward,
    unet_layout,
)
from mggc.errors import MggcError
from mggc.networks.build import build
from mggc.networks.checkpoints import read_state_dict
from mggc.networks.inference import infer_spec
from mggc.networks.legacy import export_legacy, load_checkpoint
from mggc.networks.reshape import reshape
from mggc.networks.specs import FactorySpec, PatchSpec, PixelSpec, ResnetSpec, UnetSpec, named_spec

NORMS = ("batch", "instance", "none")


def checkpoint(
    folder: Path, layout: Layout, name: str = "latest_net_G.pth"
) -> tuple[Path, dict[str, Tensor]]:
    weights = random_weights(layout)
    torch.save(weights, folder / name)
    return folder / name, weights


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("downs", [5, 6, 7])
def test_an_imported_unet_computes_exactly_what_the_original_did(downs, norm, tmp_path):
    path, weights = checkpoint(tmp_path, unet_layout(downs=downs, ngf=3, norm=norm, inputs=1))
    loaded, images = load_checkpoint(path), torch.randn(2, 1, 2**downs, 2**downs)
    assert loaded.spec == UnetSpec(input_channels=1, output_channels=3, downs=downs, ngf=3, norm=norm)
    expected = unet_forward(weights, images, downs=downs, norm=norm)
    assert torch.equal(loaded.network(images), expected)
    assert expected.std() > 0.1


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("blocks", [6, 9])
def test_an_imported_resnet_computes_exactly_what_the_original_did(blocks, dropout, norm, tmp_path):
    path, weights = checkpoint(
        tmp_path, resnet_layout(blocks=blocks, ngf=3, norm=norm, dropout=dropout, outputs=2)
    )
    loaded, images = load_checkpoint(path), torch.randn(2, 3, 24, 32)
    assert loaded.spec == ResnetSpec(
        input_channels=3, output_channels=2, blocks=blocks, ngf=3, norm=norm, dropout=dropout
    )
    expected = resnet_forward(weights, images, blocks=blocks, norm=norm, dropout=dropout)
    assert torch.equal(loaded.network(images), expected)
    assert expected.std() > 0.1


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("layers", [1, 3, 5])
def test_an_imported_patchgan_computes_exactly_what_the_original_did(layers, norm, tmp_path):
    path, weights = checkpoint(tmp_path, patchgan_layout(layers=layers, ndf=3, norm=norm))
    loaded, images = load_checkpoint(path), torch.randn(2, 6, 128, 96)
    assert loaded.spec == PatchSpec(input_channels=6, ndf=3, layers=layers, norm=norm)
    assert torch.equal(loaded.network(images), patchgan_forward(weights, images, layers=layers, norm=norm))


@pytest.mark.parametrize("norm", NORMS)
def test_an_imported_pixel_discriminator_computes_exactly_what_the_original_did(norm, tmp_path):
    path, weights = checkpoint(tmp_path, pixel_layout(ndf=3, norm=norm))
    loaded, images = load_checkpoint(path), torch.randn(2, 6, 16, 16)
    assert loaded.spec == PixelSpec(input_channels=6, ndf=3, norm=norm)
    assert torch.equal(loaded.network(images), pixel_forward(weights, images, norm=norm))


NETWORKS = st.one_of(
    st.builds(
        UnetSpec,
        input_channels=st.integers(1, 4),
        output_channels=st.integers(1, 4),
        downs=st.integers(5, 8),
        ngf=st.integers(1, 3),
        norm=st.sampled_from(NORMS),
    ),
    st.builds(
        ResnetSpec,
        input_channels=st.integers(1, 4),
        output_channels=st.integers(1, 4),
        blocks=st.integers(1, 10),
        ngf=st.integers(1, 3),
        norm=st.sampled_from(NORMS),
        dropout=st.booleans(),
    ),
    st.builds(
        PatchSpec,
        input_channels=st.integers(1, 8),
        ndf=st.integers(1, 3),
        layers=st.integers(1, 6),
        norm=st.sampled_from(NORMS),
    ),
    st.builds(
        PixelSpec, input_channels=st.integers(1, 8), ndf=st.integers(1, 3), norm=st.sampled_from(NORMS)
    ),
)


@settings(max_examples=40, deadline=None)
@given(spec=NETWORKS)
def test_a_specification_is_recovered_from_the_weights_alone(spec):
    assert infer_spec(build(spec).state_dict(), source=Path("x.pth")) == spec


@settings(max_examples=20, deadline=None)
@given(spec=NETWORKS.filter(lambda spec: spec.norm == "batch"))
def test_biases_beside_batch_norm_are_recovered_too(spec):
    biased = spec.model_copy(update={"bias": True})
    assert infer_spec(build(biased).state_dict(), source=Path("x.pth")) == biased


def test_biases_beside_batch_norm_are_used(tmp_path):
    layout = resnet_layout(blocks=1, ngf=2, norm="batch", dropout=False, bias=True)
    path, weights = checkpoint(tmp_path, layout)
    images = torch.randn(1, 3, 16, 16)
    expected = resnet_forward(weights, images, blocks=1, norm="batch", dropout=False)
    assert torch.equal(load_checkpoint(path).network(images), expected)


def test_a_bias_without_norm_weights_means_instance_norm_unless_told_otherwise(tmp_path):
    path, weights = checkpoint(tmp_path, unet_layout(downs=5, ngf=2, norm="none", bias=True))
    images = torch.randn(2, 3, 32, 32)
    for norm in ("instance", "none"):
        loaded = load_checkpoint(path, norm=norm)
        assert torch.equal(loaded.network(images), unet_forward(weights, images, downs=5, norm=norm))
    assert load_checkpoint(path).spec.norm == "instance"
    (tmp_path / "train_opt.txt").write_text("norm: none\n")
    assert load_checkpoint(path).spec.norm == "none"


@pytest.mark.parametrize("track", [True, False])
def test_running_statistics_of_instance_norms_are_dropped(track, tmp_path):
    layout = resnet_layout(blocks=2, ngf=2, norm="instance", dropout=False)
    path, weights = checkpoint(tmp_path, layout)
    names = ("running_mean", "running_var", *(["num_batches_tracked"] if track else []))
    torch.save(weights | {f"model.2.{name}": torch.ones(2) for name in names}, path)
    loaded, images = load_checkpoint(path), torch.randn(2, 3, 16, 16)
    expected = resnet_forward(weights, images, blocks=2, norm="instance", dropout=False)
    assert torch.equal(loaded.network(images), expected)
    assert loaded.provenance["dropped_instance_norm_statistics"]


def test_batch_counters_that_early_pytorch_did_not_write_are_added(tmp_path):
    path, weights = checkpoint(tmp_path, patchgan_layout(layers=2, ndf=2, norm="batch"))
    torch.save({key: value for key, value in weights.items() if "num_batches" not in key}, path)
    loaded, images = load_checkpoint(path), torch.randn(1, 6, 32, 32)
    assert torch.equal(loaded.network(images), patchgan_forward(weights, images, layers=2, norm="batch"))


def test_a_unet_that_put_the_decoder_first_is_turned_round(tmp_path):
    path, weights = checkpoint(tmp_path, unet_layout(downs=6, ngf=2, norm="batch"))
    images = torch.randn(2, 3, 64, 64)
    expected = unet_forward(weights, images, downs=6, norm="batch", decoder_first=True)
    turned = load_checkpoint(path, concat_order="decoder_first").network(images)
    # Sums over the same products in another order: equal up to rounding, not bit for bit.
    torch.testing.assert_close(turned, expected, atol=1e-5, rtol=0)
    assert (load_checkpoint(path).network(images) - expected).abs().max() > 0.01
    resnet, _ = checkpoint(tmp_path, resnet_layout(blocks=1, ngf=2, norm="batch", dropout=False), "r.pth")
    with pytest.raises(MggcError, match="is no U-Net"):
        load_checkpoint(resnet, concat_order="decoder_first")


def test_half_precision_weights_come_back_in_single_precision(tmp_path):
    path, weights = checkpoint(tmp_path, pixel_layout(ndf=2, norm="batch"))
    torch.save({key: value.half() for key, value in weights.items()}, path)
    network = load_checkpoint(path).network
    assert torch.equal(network.net[0].weight, weights["net.0.weight"].half().float())


def test_wrapped_and_prefixed_checkpoints_load_too(tmp_path):
    path, weights = checkpoint(tmp_path, unet_layout(downs=5, ngf=2, norm="batch"))
    torch.save({"netG": {f"module.{key}": value for key, value in weights.items()}, "epoch": 3}, path)
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(
        load_checkpoint(path).network(images), unet_forward(weights, images, downs=5, norm="batch")
    )


def test_dropout_of_a_unet_comes_from_the_argument_then_the_options_then_the_default(tmp_path):
    path, _ = checkpoint(tmp_path, unet_layout(downs=5, ngf=1, norm="batch"))
    assert load_checkpoint(path).spec.dropout
    assert not load_checkpoint(path, unet_dropout=False).spec.dropout
    (tmp_path / "train_opt.txt").write_text("               no_dropout: True       \t[default: False]\n")
    assert not load_checkpoint(path).spec.dropout
    assert load_checkpoint(path, unet_dropout=True).spec.dropout


def renamed(weights: dict[str, Tensor], old: str, new: str) -> dict[str, Tensor]:
    return {key.replace(old, new): value for key, value in weights.items()}


RESNET = random_weights(resnet_layout(blocks=2, ngf=2, norm="instance", dropout=False))
UNET = random_weights(unet_layout(downs=5, ngf=2, norm="batch"))
REFUSED = {
    "an extra layer": (RESNET | {"model.40.weight": torch.ones(1)}, "unexpected key model.40.weight"),
    "a renamed layer": (renamed(RESNET, "model.4.", "model.44."), "unexpected key model.44.weight"),
    "separable convolutions": (
        renamed(RESNET, "conv_block.1.", "conv_block.1.conv.0."),
        "unexpected key model.10.conv_block.1.conv.0.weight",
    ),
    "a layer less": ({k: v for k, v in UNET.items() if "model.1.model.2" not in k}, "2.weight is missing"),
    "a cut layer": (UNET | {"model.model.1.model.1.weight": torch.ones(3, 2, 4, 4)}, r"needs \[4, 2, 4, 4\]"),
    "no padding": (renamed(RESNET, "model.1.", "model.0."), "before July 2017"),
    "no outer layer": (renamed(RESNET, "model.19.", "model.20."), "key model.19.weight is missing"),
    "a shallow U-Net": (
        {k: v for k, v in UNET.items() if k.count(".3") < 2},
        "U-Net of [234] levels; at least 5",
    ),
    "another network": (
        {"features.0.weight": torch.ones(2, 3, 3, 3)},
        r"first is features.0.weight.*a factory",
    ),
    "a classifier": ({f"model.{i}.weight": torch.ones(2, 2, 4, 4) for i in (0, 2)}, "at least 3"),
    "NaN": (
        UNET | {"model.model.3.bias": torch.tensor([0.0, torch.nan, 0.0])},
        "model.model.3.bias holds NaN",
    ),
    "infinity": (RESNET | {"model.1.bias": torch.tensor([0.0, torch.inf])}, "model.1.bias holds NaN or inf"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_one_of_these_networks_is_refused_with_the_key_that_says_so(case, tmp_path):
    weights, message = REFUSED[case]
    torch.save(weights, tmp_path / "latest_net_G.pth")
    with pytest.raises(MggcError, match=message) as refusal:
        load_checkpoint(tmp_path / "latest_net_G.pth")
    assert "latest_net_G.pth" in str(refusal.value)


@pytest.mark.parametrize(
    "layout", [unet_layout(downs=5, ngf=2, norm="batch"), pixel_layout(ndf=2, norm="none")]
)
def test_an_exported_checkpoint_holds_what_was_imported(layout, tmp_path):
    path, weights = checkpoint(tmp_path, layout)
    loaded = load_checkpoint(path)
    export_legacy(tmp_path / "out.pth", loaded.network, spec=loaded.spec)
    again = read_state_dict(tmp_path / "out.pth")
    assert {key: tuple(value.shape) for key, value in again.items()} == layout
    assert all(torch.equal(again[key], value) for key, value in weights.items())
    assert not list(tmp_path.glob(".*"))


def test_networks_that_the_other_repository_cannot_build_are_not_exported(tmp_path):
    spec = named_spec("pixel", ngf=2)
    network = build(spec)
    reshape(network, {"net.0": [1, 6, 1], "net.2": [4, 1, 1]})
    with pytest.raises(MggcError, match="cannot build a cut network"):
        export_legacy(tmp_path / "cut.pth", network, spec=spec)
    own = FactorySpec(factory="torch.nn:Identity", input_channels=3, output_channels=3)
    with pytest.raises(MggcError, match=r"no such network \(factory\)"):
        export_legacy(tmp_path / "own.pth", network, spec=own)
    assert not list(tmp_path.iterdir())
