import pytest
import torch

from choice_toys import SIZE, Difference, TwoHalves, material, room_for_one_half
from mggc.baselines.choose import taylor
from mggc.baselines.taylor import taylor_scores
from mggc.config import PruneConfig
from mggc.data.loaders import Batch
from mggc.networks.build import build
from mggc.networks.specs import PatchSpec, UnetSpec
from mggc.pruning.masks import MaskedNetwork
from toys import images, strong_weights


def batches(count: int, channels: int = 1, size: int = SIZE) -> list[Batch]:
    return [
        Batch(
            images(2, channels, size, size, seed=number),
            images(2, channels, size, size, seed=100 + number),
            torch.arange(2),
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("useless_first", [True, False])
def test_channels_that_nothing_reads_are_dropped(useless_first: bool) -> None:
    generator = TwoHalves(useless_first=useless_first)
    given = material(generator, Difference(), budget=room_for_one_half(generator))
    assert taylor(given, iter(batches(3))).widths == {"used": 8, "useless": 1}


@pytest.mark.parametrize("conditional", [True, False])
def test_scores_are_the_squared_gradients_of_the_original_objective(conditional: bool) -> None:
    """Against finite differences of the objective written out, one channel at a time."""
    generator = strong_weights(build(UnetSpec(input_channels=1, output_channels=1, downs=5, ngf=2))).double()
    judge = PatchSpec(input_channels=2 if conditional else 1, ndf=2, layers=1)
    discriminator = strong_weights(build(judge), seed=1).double()
    config = PruneConfig(taylor_batches=2, generator_norm="running", discriminator_norm="running")
    given = material(
        generator, discriminator, size=32, conditional=conditional, config=config, precision="64-true"
    )
    drawn = [Batch(b.source.double(), b.target.double(), b.indices) for b in batches(5, size=32)]
    scores = taylor_scores(given, iter(drawn))
    masked = MaskedNetwork(generator, given.counter.table)

    def loss(batch: Batch, mask: torch.Tensor) -> float:
        fake = masked(batch.source, mask)
        if conditional:
            logits = discriminator(torch.cat([batch.source, fake], 1))
            return (-logits.mean() + 100 * (fake - batch.target).abs().mean()).item()
        return (discriminator(fake) - 1).square().mean().item()

    step = 1e-5
    for channel in range(0, given.counter.table.prunable, 5):
        slopes = []
        for batch in drawn[:2]:
            more, less = (torch.ones(given.counter.table.prunable).double() for _ in range(2))
            more[channel] += step
            less[channel] -= step
            with torch.no_grad():
                slopes.append((loss(batch, more) - loss(batch, less)) / (2 * step))
        expected = sum(slope**2 for slope in slopes) / 2
        assert scores[channel].item() == pytest.approx(expected, rel=1e-2, abs=1e-6)


def test_no_more_batches_are_drawn_than_configured() -> None:
    given = material(TwoHalves(useless_first=True), Difference(), config=PruneConfig(taylor_batches=2))
    drawn = iter(batches(3))
    taylor_scores(given, drawn)
    assert len(list(drawn)) == 1
