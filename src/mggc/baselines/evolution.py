"""Evolutionary search over channel plans, after Co-Evolutionary Compression."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mggc.baselines.chooser import Material
from mggc.baselines.comparison import ends_period, judged, still, whole_discriminator
from mggc.gan.pairs import Source, Target
from mggc.pruning.masks import MaskedNetwork
from mggc.pruning.plan import ChannelPlan, plan_from_scores
from mggc.runtime import step_generator
from mggc.shapes import KeepMask


class Evolution:
    """A genetic algorithm over the keep masks of the generator; no weight is trained.

    Source: Shu et al., "Co-Evolutionary Compression for Unpaired Image Translation", ICCV 2019, and its released search
    script. Taken over: an individual is a keep mask; its fitness is the inverse of the discriminator-aware discrepancy,
    the mean of (D(G(x; v)) - D(G(x)))²; the best individual survives, and the rest of the next generation is copied
    (probability 0.2), crossed by exchanging a stretch of two masks (0.7) or mutated by flipping a stretch (0.1), with
    parents drawn by roulette; 32 individuals, 50 generations, weights inherited as they are.

    What differs: one population, since the generator of the way back is not at hand, so that the cycle term of the
    fitness is missing (a paired translation never had it). Every individual uses up the same budget: a child is brought
    back to it by dropping or adding channels at random, and the term that rewards small networks is left out. Every
    channel group has bits of its own, where the source shares 256 bits among all residual blocks. Fitness is the mean
    over those training batches that fall into a generation, the same for all individuals, instead of a pass over the
    validation set; norms use the statistics that the game's settings ask for, instead of the running ones.

    One update is a forward pass of each individual on one batch.

    Args:
        material: The original networks and the terms of the task.
        population: Individuals in a generation.
        generations: Generations, spread evenly over the updates; with fewer updates there are as many as updates.
        selection: Probability that a place in the next generation goes to a copy.
        crossover: Probability that two places go to the children of a pair; mutation has the rest.
    """

    def __init__(
        self,
        material: Material,
        *,
        population: int = 32,
        generations: int = 50,
        selection: float = 0.2,
        crossover: float = 0.7,
    ) -> None:
        if population < 2:
            raise ValueError(f"Parameter population should be at least 2. Found {population}.")
        self.material, self.generations = material, generations
        self.selection, self.crossover = selection, crossover
        config, counter = material.config, material.counter
        generator = still(material.generator, material, norm=config.generator_norm)
        self.generator = MaskedNetwork(generator, counter.table).to(material.fabric.device)
        self.discriminator = still(material.discriminator, material, norm=config.discriminator_norm)
        self.steps = self.generation = self.batches = 0
        chance = step_generator(material.seed, "first generation")
        first = torch.randint(2, (population, counter.table.prunable), generator=chance).float()
        self.masks = torch.stack([self._within_budget(mask, chance) for mask in first])
        """The individuals, one keep mask a row; after a generation the first is the best of the one before."""
        self.discrepancies = torch.zeros(population, dtype=torch.float64)
        """Sums over the batches that this generation has seen."""

    def step(self, source: Source, target: Target) -> dict[str, Tensor]:
        """Compare all individuals on a batch; at the end of a generation breed the next one."""
        found = self._measure(source).cpu().double()
        self.discrepancies = self.discrepancies + found
        self.batches += 1
        if ends_period(self.steps, periods=self.generations, updates=self.material.updates):
            self._breed()
        self.steps += 1
        return {"best_discrepancy": found.min(), "mean_discrepancy": found.mean()}

    def plans(self) -> tuple[ChannelPlan, ChannelPlan]:
        """The fittest individual's plan, and the whole discriminator."""
        best = self.masks[self.discrepancies.argmin()]
        return ChannelPlan.from_mask(best, self.material.counter.table), whole_discriminator(self.material)

    def state_dict(self) -> dict[str, Any]:
        """The population and what is known of it."""
        return {
            "steps": self.steps,
            "generation": self.generation,
            "batches": self.batches,
            "masks": self.masks,
            "discrepancies": self.discrepancies,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        self.steps, self.generation, self.batches = state["steps"], state["generation"], state["batches"]
        self.masks, self.discrepancies = state["masks"].cpu(), state["discrepancies"].cpu()

    @torch.no_grad()
    def _measure(self, source: Source) -> Float[Tensor, " population"]:
        """The discriminator-aware discrepancy of each individual on one batch."""
        whole = torch.ones(self.masks.shape[1])
        expected = self._opinion(source, whole)
        found = [(self._opinion(source, mask) - expected).square().mean() for mask in self.masks]
        mean: Tensor = self.material.fabric.all_reduce(torch.stack(found), reduce_op="mean")
        return mean

    def _opinion(self, source: Source, mask: KeepMask) -> Tensor:
        """What the discriminator says of the masked generator's images."""
        with self.material.fabric.autocast():
            fake = self.generator(source, mask.to(source.device)).to(source.dtype)
            logits: Tensor = self.discriminator(judged(source, fake, conditional=self.material.conditional))
        return logits.float()

    def _breed(self) -> None:
        """Replace the population by its offspring, the best individual first."""
        chance = step_generator(self.material.seed, "generation", self.generation)
        fitness = (self.discrepancies / self.batches).clamp(min=1e-12).reciprocal()
        children = [self.masks[self.discrepancies.argmin()]]
        while len(children) < len(self.masks):
            children += [self._within_budget(child, chance) for child in self._offspring(fitness, chance)]
        self.masks = torch.stack(children[: len(self.masks)])
        self.discrepancies = torch.zeros_like(self.discrepancies)
        self.batches = 0
        self.generation += 1

    def _offspring(self, fitness: Tensor, chance: torch.Generator) -> list[KeepMask]:
        """One copy, two crossed children or one mutant."""
        draw = torch.rand((), generator=chance).item()
        one, other = self.masks[torch.multinomial(fitness, 2, replacement=True, generator=chance)]
        if draw < self.selection:
            return [one]
        first, last = torch.randint(len(one) + 1, (2,), generator=chance).sort().values.tolist()
        stretch = torch.zeros_like(one, dtype=torch.bool)
        stretch[first:last] = True
        if draw < self.selection + self.crossover:
            return [torch.where(stretch, other, one), torch.where(stretch, one, other)]
        return [torch.where(stretch, 1 - one, one)]

    def _within_budget(self, mask: KeepMask, chance: torch.Generator) -> KeepMask:
        """The mask with channels dropped or added at random until the budget is just met."""
        # Kept channels come before dropped ones, in random order among themselves.
        scores = mask + torch.rand(mask.shape, generator=chance)
        counter = self.material.counter
        multiple_of = self.material.config.multiple_of
        plan = plan_from_scores(scores, counter, budget=self.material.budget, multiple_of=multiple_of)
        return plan.mask(counter.table)
