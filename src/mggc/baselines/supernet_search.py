"""A width search scored by a once-for-all supernet, after GAN Compression."""

from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from mggc.baselines.chooser import Material
from mggc.baselines.comparison import ends_period, whole_discriminator
from mggc.baselines.supernet import Supernet
from mggc.baselines.widths import WidthSpace
from mggc.gan.pairs import Source, Target
from mggc.pruning.plan import ChannelPlan
from mggc.runtime import step_generator


class SupernetSearch:
    """Train one generator at random widths, then breed the widths at which it does best.

    Source: Li et al., "GAN Compression: Efficient Architectures for Interactive Conditional GANs", CVPR 2020, and its
    released code. Taken over: first a once-for-all generator is trained, at widths drawn evenly for every update, with
    channels sorted by L1 norm, from pretrained weights, with the adversarial loss and the L1 distance to the target
    (weight 100, paired) or to the original's image (weight 10, unpaired), Adam at 2e-4; then an evolutionary search
    over widths, scored with the shared weights: the best quarter survives, half of the others are mutants (each width
    redrawn with probability 0.2), half take each width from either of two parents.

    What differs: the layers stay as they are (no separable convolutions) and no features are distilled. Every channel
    group has a width of its own, with ``choices`` shares in even ratios; the source has eight groups with three to six
    widths. The source refuses candidates above the budget; here a candidate's widths are scaled together until the
    budget is used up, so that all cost the same. Candidates are scored by the training objective on training batches,
    the same for all of a generation and new ones for the next, instead of FID or mIoU on a validation set, and there
    are far fewer of them. Only the plan is handed on: finetuning starts from the original's weights.

    In the second phase one update is a forward pass of each candidate on one batch.

    Args:
        material: The original networks and the terms of the task.
        training: Share of the updates that train the supernet; the search has at least one.
        choices: Shares of a group's width to choose from.
        population: Candidates in a generation.
        generations: Generations, spread evenly over the search; with fewer updates there are as many as updates.
        parents: Share of the candidates that survive and have children.
        mutation: Probability that a mutant's width is redrawn.
        lr: Adam's learning rate.
        lambda_recon: Weight of the distance; absent: 100 for pairs, 10 otherwise.
    """

    def __init__(
        self,
        material: Material,
        *,
        training: float = 0.5,
        choices: int = 8,
        population: int = 32,
        generations: int = 25,
        parents: float = 0.25,
        mutation: float = 0.2,
        lr: float = 2e-4,
        lambda_recon: float | None = None,
    ) -> None:
        if population < 2:
            raise ValueError(f"Parameter population should be at least 2. Found {population}.")
        self.material, self.generations, self.mutation = material, generations, mutation
        self.parents = max(1, round(parents * population))
        self.training = training_updates(material.updates, share=training)
        self.space = WidthSpace(material, choices=choices)
        self.supernet = Supernet(material, lr=lr, lambda_recon=lambda_recon)
        self.steps = self.generation = 0
        self.genomes = self.space.random(population, step_generator(material.seed, "first candidates"))
        """The candidates: for each group the number of a share, one candidate a row, survivors first."""
        self.scores = torch.zeros(population, dtype=torch.float64)
        """Sums over the batches that this generation has seen; lower is better."""
        self._masks: list[Tensor] | None = None

    def step(self, source: Source, target: Target) -> dict[str, Tensor]:
        """Train the supernet at random widths; later, score all candidates on a batch and breed when it is time."""
        step, self.steps = self.steps, self.steps + 1
        if step < self.training:
            chance = step_generator(self.material.seed, "supernet widths", step)
            shares = self.space.choices[self.space.random(1, chance)[0]]
            return self.supernet.learn(source, target, self.space.mask(shares))
        found = self.supernet.score(source, target, self._candidates())
        self.scores = self.scores + found
        search = self.material.updates - self.training
        if ends_period(step - self.training, periods=self.generations, updates=search):
            self._breed()
        return {"best_score": found.min(), "mean_score": found.mean()}

    def plans(self) -> tuple[ChannelPlan, ChannelPlan]:
        """The best candidate's plan, and the whole discriminator."""
        best = self.genomes[self.scores.argmin()]
        return self.space.plan(self.space.choices[best]), whole_discriminator(self.material)

    def state_dict(self) -> dict[str, Any]:
        """The supernet, the candidates and what is known of them."""
        return {
            "steps": self.steps,
            "generation": self.generation,
            "genomes": self.genomes,
            "scores": self.scores,
            "supernet": self.supernet.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        self.steps, self.generation = state["steps"], state["generation"]
        self.genomes, self.scores = state["genomes"].cpu(), state["scores"].cpu()
        self.supernet.load_state_dict(state["supernet"])
        self._masks = None

    def _candidates(self) -> list[Tensor]:
        """The candidates' keep masks, computed once for each generation."""
        if self._masks is None:
            self._masks = [self.space.plan_mask(self.space.choices[genome]) for genome in self.genomes]
        return self._masks

    def _breed(self) -> None:
        """Keep the best candidates, best first, and fill up with their mutants and crossed children."""
        chance = step_generator(self.material.seed, "candidates", self.generation)
        survivors = self.genomes[self.scores.argsort(stable=True)[: self.parents]]
        places = len(self.genomes) - len(survivors)
        mutants = self._mutants(survivors, places // 2, chance)
        crossed = self._crossed(survivors, places - places // 2, chance)
        self.genomes = torch.cat([survivors, mutants, crossed])
        self.scores = torch.zeros_like(self.scores)
        self.generation += 1
        self._masks = None

    def _mutants(
        self, parents: Int[Tensor, "parents groups"], count: int, chance: torch.Generator
    ) -> Int[Tensor, "count groups"]:
        chosen = parents[torch.randint(len(parents), (count,), generator=chance)]
        redrawn = torch.rand(chosen.shape, generator=chance) < self.mutation
        return torch.where(redrawn, self.space.random(count, chance), chosen)

    def _crossed(
        self, parents: Int[Tensor, "parents groups"], count: int, chance: torch.Generator
    ) -> Int[Tensor, "count groups"]:
        one, other = parents[torch.randint(len(parents), (2, count), generator=chance)]
        return torch.where(torch.rand(one.shape, generator=chance) < 0.5, one, other)


def training_updates(updates: int, *, share: float) -> int:
    """Updates of the training phase: a share of all, but at least one update is left for the search."""
    return min(round(share * updates), updates - 1)
