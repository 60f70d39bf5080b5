import pytest
import torch
from torch import Tensor, nn

from asserts import assert_same, snapshot
from mggc.finetune.recalibrate import recalibrate
from mggc.networks.build import build
from mggc.networks.specs import ResnetSpec, UnetSpec
from mggc.pruning.channels import trace_channels
from mggc.pruning.cut import cut
from toys import images, random_plan, strong_weights


def unet(seed: int = 0) -> nn.Module:
    return strong_weights(build(UnetSpec(input_channels=1, output_channels=1, downs=5, ngf=2)), seed)


def batches(number: int) -> list[Tensor]:
    return [images(3, 1, 32, 32, seed=seed) for seed in range(number)]


def statistics_by_hand(network: nn.Module, given: list[Tensor]) -> dict[nn.Module, tuple[Tensor, Tensor]]:
    """Mean over the batches of each norm's input's mean and unbiased variance, norms working on batches, dropout off."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    sums: dict[nn.Module, list[tuple[Tensor, Tensor]]] = {norm: [] for norm in norms}

    def normalize(norm: nn.BatchNorm2d, inputs: tuple[Tensor, ...], _: Tensor) -> Tensor:
        variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3), unbiased=False)
        count = inputs[0].numel() / len(mean)
        sums[norm].append((mean, variance * count / (count - 1)))
        scaled = (inputs[0] - mean[:, None, None]) / (variance + norm.eps).sqrt()[:, None, None]
        return scaled * norm.weight[:, None, None] + norm.bias[:, None, None]

    handles = [norm.register_forward_hook(normalize) for norm in norms]
    network.eval()
    with torch.no_grad():
        for batch in given:
            network(batch)
    for handle in handles:
        handle.remove()
    return {
        norm: (torch.stack([m for m, _ in pairs]).mean(0), torch.stack([v for _, v in pairs]).mean(0))
        for norm, pairs in sums.items()
    }


@pytest.mark.parametrize("number", [1, 4])
def test_statistics_are_those_of_plain_passes(number: int) -> None:
    network = unet()
    expected = statistics_by_hand(network, batches(number))
    recalibrate(network, iter(batches(number)))
    for norm, (mean, variance) in expected.items():
        torch.testing.assert_close(norm.running_mean, mean, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(norm.running_var, variance, atol=1e-4, rtol=1e-4)
        assert norm.num_batches_tracked == number


def test_what_the_statistics_were_before_does_not_matter() -> None:
    one, other = unet(), unet()
    for module in other.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.constant_(module.running_mean, 17.0)  # type: ignore[arg-type]
    recalibrate(one, batches(2))
    recalibrate(other, batches(2))
    assert_same(snapshot(one), snapshot(other))


def test_weights_modes_and_momenta_are_left_as_they_were() -> None:
    network = unet().train()
    network.get_submodule("model.model.1").eval()
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    norms[0].momentum = 0.3
    weights = [parameter.detach().clone() for parameter in network.parameters()]
    modes = [module.training for module in network.modules()]
    recalibrate(network, batches(1))
    assert modes == [module.training for module in network.modules()]
    assert [norm.momentum for norm in norms] == [0.3] + [0.1] * (len(norms) - 1)
    assert all(torch.equal(one, other) for one, other in zip(weights, network.parameters(), strict=True))
    assert all(parameter.grad is None and parameter.requires_grad for parameter in network.parameters())


def test_modes_and_momenta_come_back_after_an_error_too() -> None:
    network = unet().train()
    with pytest.raises(RuntimeError):
        recalibrate(network, [images(1, 2, 32, 32)])
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert all(norm.momentum == 0.1 and norm.training for norm in norms)


def test_a_cut_network_gets_statistics_of_its_own() -> None:
    network = unet().eval()
    table = trace_channels(network, image_size=32)
    smaller = cut(network, table, random_plan(table, 0, share=0.4))
    given = batches(3)

    def mismatch(candidate: nn.Module) -> float:
        """How far the eval-mode output is from the output with the statistics of the batch."""
        with torch.no_grad():
            evaluated = candidate.eval()(torch.cat(given))
            for module in candidate.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.train()
            return float((evaluated - candidate(torch.cat(given))).abs().mean())

    before = mismatch(cut(network, table, random_plan(table, 0, share=0.4)))
    recalibrate(smaller, given)
    assert mismatch(smaller) < 0.2 * before


def test_networks_without_batch_norm_are_left_alone_and_see_no_batch() -> None:
    def never() -> Tensor:
        raise AssertionError

    network = build(ResnetSpec(input_channels=1, output_channels=1, blocks=1, ngf=2))
    before = snapshot(network)
    recalibrate(network, (never() for _ in range(3)))
    assert_same(snapshot(network), before)


def test_no_batch_is_an_error_that_leaves_the_statistics_alone() -> None:
    network = unet()
    before = snapshot(network)
    with pytest.raises(ValueError, match="at least one batch"):
        recalibrate(network, [])
    assert_same(snapshot(network), before)
