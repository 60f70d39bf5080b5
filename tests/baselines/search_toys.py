"""Small tasks for the choosers that learn, and what all of them have to do."""

import copy
import io
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from asserts import assert_same
from choice_toys import Difference as Difference
from mggc.baselines.chooser import Chooser, Material
from mggc.config import PruneConfig
from mggc.networks.build import build
from mggc.networks.specs import NetworkSpec, PatchSpec, ResnetSpec, UnetSpec
from mggc.pruning.channels import trace_channels
from mggc.pruning.macs import MacsCounter
from toys import cpu_fabric, images, strong_weights

SIZE = 32
Make = Callable[[Material], Chooser]


class Blind(nn.Module):
    """Copies the image through the channels of ``used``; those of ``useless`` are computed and multiplied by zero."""

    def __init__(self, *, useless_first: bool) -> None:
        super().__init__()
        self.useless_first = useless_first
        for name in ("useless", "used") if useless_first else ("used", "useless"):
            self.add_module(name, nn.Conv2d(1, 8, 1, bias=False))
        self.out = nn.Conv2d(16, 1, 1, bias=False)
        signs = torch.tensor([1.0, -1.0] * 4)
        with torch.no_grad():
            self.used.weight.copy_(signs[:, None, None, None])
            self.useless.weight.copy_(signs[:, None, None, None])
            # x = relu(x) - relu(-x), four times over.
            self.out.weight.copy_(torch.cat([signs, signs])[None, :, None, None] / 4)

    def forward(self, images: Tensor) -> Tensor:
        parts = [torch.relu(self.used(images)), 0 * torch.relu(self.useless(images))]
        return self.out(torch.cat(parts[::-1] if self.useless_first else parts, dim=1))  # type: ignore[no-any-return]


def material(
    *,
    conditional: bool = True,
    share: float = 0.3,
    updates: int = 4,
    residual: bool = False,
    config: PruneConfig | None = None,
) -> Material:
    """A small U-Net with batch norm or ResNet with instance norm, one channel in and two out, and its PatchGAN."""
    generator, counter = _traced(_GENERATORS[residual], seed=1)
    judge = PatchSpec(input_channels=3 if conditional else 2, ndf=4, layers=2)
    discriminator, judge_counter = _traced(judge, seed=2)
    return Material(
        generator=copy.deepcopy(generator),
        discriminator=copy.deepcopy(discriminator),
        counter=counter,
        discriminator_table=judge_counter.table,
        budget=round(share * counter.total),
        conditional=conditional,
        gan_mode="hinge" if conditional else "lsgan",
        config=config or PruneConfig(),
        fabric=cpu_fabric(),
        seed=0,
        updates=updates,
    )


_GENERATORS = {
    True: ResnetSpec(input_channels=1, output_channels=2, blocks=2, ngf=8),
    False: UnetSpec(input_channels=1, output_channels=2, downs=5, ngf=8, dropout=True),
}


@cache
def _traced(spec: NetworkSpec, *, seed: int) -> tuple[nn.Module, MacsCounter]:
    network = strong_weights(build(spec), seed).eval()
    return network, MacsCounter(trace_channels(network, image_size=SIZE))


def blind_material(*, updates: int, seed: int) -> Material:
    """A budget for all eight useful channels and for the one useless channel that has to stay."""
    generator, discriminator = Blind(useless_first=seed % 2 == 1), Difference()
    counter = MacsCounter(trace_channels(generator, image_size=8))
    return material(updates=updates)._replace(
        generator=generator,
        discriminator=discriminator,
        counter=counter,
        discriminator_table=trace_channels(discriminator, image_size=8),
        budget=counter.total * 9 // 16,
        seed=seed,
    )


def batch(number: int) -> tuple[Tensor, Tensor]:
    return images(2, 1, SIZE, SIZE, seed=number), images(2, 2, SIZE, SIZE, seed=1000 + number)


def run(chooser: Chooser, steps: range) -> list[dict[str, Tensor]]:
    return [chooser.step(*batch(step)) for step in steps]


def choose_blindly(make: Make, *, seed: int, updates: int) -> dict[str, int]:
    """Widths that a chooser gives the useful and the useless channels."""
    task = blind_material(updates=updates, seed=seed)
    chooser = make(task)
    for step in range(updates):
        source = images(4, 1, 8, 8, seed=1000 * seed + step)
        chooser.step(source, source)
    return chooser.plans()[0].widths


def reloaded(state: dict[str, Any]) -> dict[str, Any]:
    """The state as it comes back from a file."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)  # type: ignore[no-any-return]


def assert_chooses_within_budget(make: Make, task: Material) -> None:
    """Before, during and after the updates, plans use the budget up, keep D whole, and come with finite figures."""
    chooser = make(task)
    assert isinstance(chooser, Chooser)
    for step in range(task.updates + 1):
        generator_plan, discriminator_plan = chooser.plans()
        macs = task.counter(generator_plan.mask(task.counter.table)).item()
        assert 0.98 * task.budget <= macs <= task.budget
        assert all(generator_plan.kept.values())
        assert discriminator_plan.mask(task.discriminator_table).all()
        if step < task.updates:
            figures = chooser.step(*batch(step))
            assert all(value.dim() == 0 and bool(value.isfinite()) for value in figures.values())


def assert_resumes(make: Make, make_task: Callable[[], Material]) -> None:
    """Stopped after any update and continued by a new object, a choice ends as it does without a stop."""
    updates = make_task().updates
    whole = make(make_task())
    states = []
    for step in range(updates):
        whole.step(*batch(step))
        states.append(reloaded(whole.state_dict()))
    for stop in {1, updates // 2, updates - 1}:
        torch.manual_seed(stop)  # what the global generator holds must not matter
        resumed = make(make_task())
        resumed.load_state_dict(copy.deepcopy(states[stop - 1]))
        assert resumed.plans() is not None
        run(resumed, range(stop, updates))
        assert_same(reloaded(resumed.state_dict()), states[-1])
        assert resumed.plans() == whole.plans()
