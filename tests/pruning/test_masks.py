import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from mggc.pruning.channels import ChannelGroup, ChannelTable, trace_channels
from mggc.pruning.masks import (
    MaskedNetwork,
    gumbel_noise,
    keep_probability,
    rescue_empty_groups,
    sample_mask,
)
from toys import Separable, Tangled, images, random_plan, strong_weights


def table_of(*sizes: int) -> ChannelTable:
    offsets = [sum(sizes[:number]) for number in range(len(sizes))]
    groups = tuple(ChannelGroup(str(n), size, offsets[n]) for n, size in enumerate(sizes))
    return ChannelTable(groups, (), (), image_size=8)


def test_at_a_logit_of_minus_three_the_keep_probability_is_0_951() -> None:
    probability = keep_probability(torch.tensor([-3.0], dtype=torch.float64)).item()
    assert probability == pytest.approx(math.exp(-math.exp(-3)), rel=1e-12)
    assert round(probability, 3) == 0.951


@pytest.mark.parametrize("logit", [-3.0, 0.0, 1.0])
def test_sampled_shares_are_the_keep_probability(logit: float) -> None:
    torch.manual_seed(0)
    draws = 200_000
    mask = sample_mask(torch.full((draws,), logit), table_of(draws), tau=0.4).counted
    expected = math.exp(-math.exp(logit))
    assert mask.mean().item() == pytest.approx(expected, abs=5 * math.sqrt(expected * (1 - expected) / draws))


def test_the_noise_is_gumbels() -> None:
    torch.manual_seed(0)
    noise = gumbel_noise(torch.empty(200_000, dtype=torch.float64))
    euler = 0.5772156649
    assert noise.mean().item() == pytest.approx(euler, abs=0.015)
    assert noise.var().item() == pytest.approx(math.pi**2 / 6, abs=0.03)
    assert (noise < 0).double().mean().item() == pytest.approx(math.exp(-1), abs=0.006)


def test_a_larger_logit_keeps_less() -> None:
    """The sign of Eq. 3: v = round(sigmoid(-(o + g) / τ))."""
    logits = torch.tensor([-30.0, 30.0])
    torch.manual_seed(0)
    assert sample_mask(logits, table_of(2), tau=0.4).counted.tolist() == [1, 0]
    assert (keep_probability(torch.linspace(-5, 3, 30)).diff() < 0).all()


def test_the_gradient_is_the_slope_of_the_sigmoid() -> None:
    logits = torch.linspace(-3, 3, 40, requires_grad=True)
    weights = torch.linspace(1, 2, 40)
    torch.manual_seed(1)
    mask = sample_mask(logits, table_of(40), tau=0.4).counted
    (weights * mask).sum().backward()
    torch.manual_seed(1)
    with torch.no_grad():
        soft = torch.sigmoid(-(logits + gumbel_noise(logits)) / 0.4)
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, weights * soft * (1 - soft) * (-1 / 0.4))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32),
    level=st.floats(-4, 60),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=5),
)
def test_masks_are_exactly_zero_or_one_and_no_group_is_empty(
    seed: int, level: float, sizes: list[int]
) -> None:
    table = table_of(*sizes)
    torch.manual_seed(seed)
    mask = sample_mask(level + torch.randn(table.prunable), table, tau=0.4).counted
    assert set(mask.tolist()) <= {0.0, 1.0}
    assert all(piece.sum() >= 1 for piece in table.split(mask))


@pytest.mark.parametrize("level", [50.0, 1e4])
def test_of_a_group_that_nobody_wants_the_best_channel_stays(level: float) -> None:
    """At such logits every probability rounds to zero; one channel is still the likeliest."""
    logits = torch.tensor([level + 300, level + 100, level, level + 200, -100.0])
    torch.manual_seed(0)
    assert sample_mask(logits, table_of(4, 1), tau=0.4).counted.tolist() == [0, 0, 1, 0, 1]


def test_only_empty_groups_are_rescued_by_their_best_channel_and_ties_by_the_first() -> None:
    mask = torch.tensor([0.0, 0, 0, 1, 0, 0, 0])
    scores = torch.tensor([0.1, 0.9, 0.2, 0.0, 5.0, 0.3, 0.3])
    assert rescue_empty_groups(mask, scores, table_of(3, 2, 2)).tolist() == [0, 1, 0, 1, 0, 1, 0]
    assert mask.sum() == 1


def test_without_noise_the_likelier_half_is_kept() -> None:
    logits = torch.linspace(-3, 3, 61)
    mask = sample_mask(logits, table_of(61), tau=0.4, noise=False).counted
    assert torch.equal(mask, (keep_probability(logits) > 0.5).float())


def test_a_relaxed_mask_is_played_soft_and_counted_hard() -> None:
    logits = torch.linspace(-3, 3, 40, requires_grad=True)
    torch.manual_seed(1)
    hard = sample_mask(logits, table_of(40), tau=0.4)
    torch.manual_seed(1)
    soft = sample_mask(logits, table_of(40), tau=0.4, relaxed=True)
    assert torch.equal(hard.played, hard.counted)
    assert torch.equal(soft.counted, hard.counted)
    assert torch.equal(soft.played.round(), soft.counted)
    assert ((soft.played > 0.01) & (soft.played < 0.99)).any()
    (gradient,) = torch.autograd.grad(soft.played.sum(), logits, retain_graph=True)
    (straight,) = torch.autograd.grad(soft.counted.sum(), logits)
    assert torch.equal(gradient, straight)


def test_masks_are_a_function_of_the_seed() -> None:
    table, logits = table_of(50, 50), torch.zeros(100)

    def draw(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return sample_mask(logits, table, tau=0.4).counted

    assert torch.equal(draw(3), draw(3))
    assert not torch.equal(draw(3), draw(4))


@pytest.mark.parametrize("make", [Separable, Tangled])
def test_a_full_mask_changes_nothing_and_gradients_reach_every_entry(make: type[nn.Module]) -> None:
    network = strong_weights(make()).eval()
    table = trace_channels(network, image_size=16)
    inputs = images(2, 3, 16, 16)
    expected = network(inputs)
    masked = MaskedNetwork(network, table)
    mask = torch.ones(table.prunable, requires_grad=True)
    output = masked(inputs, mask)
    assert torch.equal(output, expected)
    output.square().sum().backward()
    assert mask.grad is not None
    assert mask.grad.isfinite().all()
    assert (mask.grad != 0).float().mean() > 0.9  # a dead ReLU has none


def test_a_mask_is_forgotten_after_the_pass_even_when_it_fails() -> None:
    network = strong_weights(Separable()).eval()
    table = trace_channels(network, image_size=16)
    inputs = images(1, 3, 16, 16)
    expected = network(inputs)
    masked = MaskedNetwork(network, table)
    mask = random_plan(table, 0, share=0.5).mask(table)
    with torch.no_grad():
        assert not torch.equal(masked(inputs, mask), expected)
        with pytest.raises(RuntimeError):
            masked(inputs[:, :2], mask)
        assert torch.equal(network(inputs), expected)


def test_masking_right_after_the_convolution_would_be_wrong() -> None:
    """Why masks act at the readers: a norm's shift revives a channel that was zero before it."""
    network = strong_weights(
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1))
    ).eval()
    table = trace_channels(network, image_size=8)
    inputs, mask = images(1, 3, 8, 8), torch.tensor([1.0, 0.0, 0.0, 0.0])
    at_writer = network[1:](network[0](inputs) * mask[:, None, None])
    assert (MaskedNetwork(network, table)(inputs, mask) - at_writer).abs().max() > 0.01


def test_masks_take_the_dtype_of_the_features() -> None:
    network = strong_weights(Tangled()).eval()
    table = trace_channels(network, image_size=8)
    masked = MaskedNetwork(network.to(torch.bfloat16), table)
    output = masked(images(1, 3, 8, 8).to(torch.bfloat16), torch.ones(table.prunable))
    assert output.dtype == torch.bfloat16
