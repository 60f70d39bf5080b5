"""A network of the user's own design, through the whole pipeline."""

from pathlib import Path

import pytest
import torch
from import_toys import Ears
from torch import nn

import mggc
from asserts import assert_cut_is_masked
from mggc.networks.files import load_network
from mggc.networks.specs import FactorySpec
from mggc.pruning.channels import trace_channels
from mggc.pruning.cut import cut
from mggc.runs.rundir import RunDir
from mggc.stages.networks import load_original
from mggc.stages.prune import run_plans
from mggc.stages.source import GeneratorSource
from own_networks import GroupNormGenerator, Louder, MobileGenerator, UpsamplingGenerator
from pipeline_toys import tiny_config, write_domains, write_pairs
from toys import images, random_plan, strong_weights

NETWORKS = [MobileGenerator, UpsamplingGenerator]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("data") / "pairs")


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("seed", range(4))
def test_the_cut_network_computes_what_the_masked_one_does(network: type[nn.Module], seed: int) -> None:
    own = strong_weights(network(), seed).eval()
    table = trace_channels(own, image_size=32)
    smaller = assert_cut_is_masked(own, table, random_plan(table, seed), images(2, 3, 32, 32), 1e-4)
    assert sum(p.numel() for p in smaller.parameters()) < sum(p.numel() for p in own.parameters())


@pytest.mark.parametrize(
    ("network", "model"), [(MobileGenerator, "cyclegan"), (UpsamplingGenerator, "pix2pix")]
)
def test_factory_and_weights_go_through_the_whole_pipeline(
    tmp_path: Path, pairs: Path, network: type[nn.Module], model: str
) -> None:
    data = pairs if model == "pix2pix" else write_domains(tmp_path / "domains")
    own = strong_weights(network()).eval()
    torch.save({"state_dict": {f"module.{k}": v for k, v in own.state_dict().items()}}, tmp_path / "own.pt")
    factory = f"own_networks:{network.__name__}"
    ears = Ears()
    result = mggc.compress(
        data,
        out=tmp_path / "run",
        generator=factory,
        weights=tmp_path / "own.pt",
        budget="40%",
        config=tiny_config(model, data),
        reporter=ears,
    )
    run = RunDir.open(result.run)
    with torch.no_grad():
        assert torch.equal(
            load_original(run, "generator").network(images(1, 3, 32, 32)), own(images(1, 3, 32, 32))
        )
    saved = load_network(result.compressed)
    assert saved.spec == FactorySpec(factory=factory, input_channels=3, output_channels=3)
    assert mggc.count_macs(saved.network, 32) == result.macs["compressed"] <= result.budget
    plan = run_plans(run).generator
    expected = cut(own, trace_channels(own, image_size=32), plan)
    assert {k: v.shape for k, v in expected.state_dict().items()} == {
        k: v.shape for k, v in saved.network.state_dict().items()
    }
    again = mggc.compress(
        data, out=tmp_path / "run", generator=factory, weights=tmp_path / "own.pt", budget="40%",
        config=tiny_config(model, data),
    )  # fmt: skip
    assert again == result


def test_a_module_with_its_factory_is_a_generator(tmp_path: Path, pairs: Path) -> None:
    own = strong_weights(MobileGenerator()).train()
    before = {key: value.clone() for key, value in own.state_dict().items()}
    config = tiny_config("pix2pix", pairs)
    result = mggc.compress(
        pairs, out=tmp_path, generator=own, factory="own_networks:MobileGenerator", config=config
    )
    assert mggc.count_macs(mggc.load_generator(tmp_path), 32) <= result.budget
    assert own.training
    assert all(torch.equal(before[key], value) for key, value in own.state_dict().items())


def test_a_factory_that_brings_its_weights_needs_no_file() -> None:
    source = GeneratorSource("own_networks:trained_mobile")
    assert source.digest() == source.digest()
    expected = strong_weights(MobileGenerator()).eval()(images(1, 3, 32, 32))
    assert torch.equal(source.generator().network(images(1, 3, 32, 32)), expected)


@pytest.mark.parametrize(
    ("generator", "options", "message"),
    [
        (MobileGenerator(), {}, "MobileGenerator given as generator needs factory="),
        (MobileGenerator(), {"factory": "own_networks"}, "Found factory='own_networks'"),
        (MobileGenerator(), {"factory": "own_networks:None_"}, "cannot be imported"),
        (MobileGenerator(), {"factory": "own_networks:UpsamplingGenerator"}, "MobileGenerator given as generator: unexp"),
        (MobileGenerator(), {"factory": "own_networks:Louder"}, "but another output"),
        (Louder(), {"factory": "own_networks:MobileGenerator"}, "but another output"),
        (MobileGenerator(), {"factory": "own_networks:MobileGenerator", "weights": "x.pt"}, "no weights"),
        ("own_networks:MobileGenerator", {}, "other weights at every call.*--weights"),
        ("own_networks:trained_mobile", {"factory": "own_networks:trained_mobile"}, "factory= goes with"),
        (None, {"weights": "x.pt"}, "weights= goes with"),
        (GroupNormGenerator(), {"factory": "own_networks:GroupNormGenerator"}, "mixing .GroupNorm. mixes channels"),
        ("own_networks:Halving", {"weights": "halving.pt"}, "images of the same size. Found .1, 3, 128, 128."),
        ("own_networks:strong_weights", {}, "when called without arguments. Found TypeError"),
    ],
)  # fmt: skip
def test_what_cannot_be_compressed_is_refused_before_anything_is_written(
    tmp_path: Path,
    pairs: Path,
    monkeypatch: pytest.MonkeyPatch,
    generator: nn.Module | str | None,
    options: dict[str, str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"only.weight": torch.ones(3, 3, 2, 2), "only.bias": torch.ones(3)}, "halving.pt")
    with pytest.raises(mggc.MggcError, match=message) as refused:
        mggc.compress(pairs, out="run", generator=generator, config=tiny_config("pix2pix", pairs), **options)
    assert "\n" not in str(refused.value)
    assert not Path("run").exists()
