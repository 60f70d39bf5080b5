"""A greedy width search from coarse steps to fine ones on a fairly trained supernet, after CF-GAN."""

import math
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mggc.baselines.chooser import Material
from mggc.baselines.comparison import ends_period, whole_discriminator
from mggc.baselines.supernet import Supernet
from mggc.baselines.supernet_search import training_updates
from mggc.baselines.widths import WidthSpace
from mggc.gan.pairs import Source, Target
from mggc.pruning.plan import ChannelPlan
from mggc.runtime import step_generator
from mggc.shapes import KeepMask


class _Candidate(NamedTuple):
    shares: Float[Tensor, " groups"]
    mask: KeepMask


class CoarseToFine:
    """Train one generator fairly at all widths, narrow it greedily to the budget, then shift width in ever finer steps.

    Source: Wang et al., "Coarse-to-Fine Searching for Efficient Generative Adversarial Networks", 2021 (arXiv
    2104.09223), called CF-GAN. Taken over: a supernet trained fairly, so that every choice gets as many updates as
    every other, and a search that is divided into subproblems from coarse to fine, each solved with the shared weights
    before the next.

    What differs, and it is much: this follows the source's idea, not its details, for which no released code was found.
    The source searches paths, then operators, then channels, of a space of its own. A given generator has its paths and
    operators, so all stages here choose channels. Fairness is built like this: in each run of ``choices`` updates,
    every group is trained at each of its widths once, in an order of its own. Coarse: from full width, the group whose
    next narrower choice costs the least objective per logarithm of MACs is narrowed, again and again, until the budget
    holds. Fine: one group is widened or narrowed by half a choice (later a quarter), all others are scaled so that the
    budget is used up, and the best of these moves is made if it is better than none. Candidates are scored by the
    training objective on training batches, the same for all that compete. Only the plan is handed on: finetuning starts
    from the original's weights.

    In the search one update is a forward pass of each candidate (about twice as many as groups) on one batch; where the
    budget is due, the coarse stage makes several decisions on one batch.

    Args:
        material: The original networks and the terms of the task.
        training: Share of the updates that train the supernet; the search has at least one. It is half coarse, half
            fine.
        choices: Shares of a group's width to choose from.
        moves: Fine moves, spread evenly over their half of the search.
        lr: Adam's learning rate.
        lambda_recon: Weight of the L1 distance; absent: 100 for pairs, 10 otherwise.
    """

    def __init__(
        self,
        material: Material,
        *,
        training: float = 0.5,
        choices: int = 8,
        moves: int = 40,
        lr: float = 2e-4,
        lambda_recon: float | None = None,
    ) -> None:
        self.material, self.moves = material, moves
        self.training = training_updates(material.updates, share=training)
        self.coarse = math.ceil((material.updates - self.training) / 2)
        self.space = WidthSpace(material, choices=choices)
        self.supernet = Supernet(material, lr=lr, lambda_recon=lambda_recon)
        self.steps = self.moved = 0
        self.fine = False
        """Whether the coarse stage is over."""
        self.shares = torch.ones(len(self.space.table.groups), dtype=torch.float64)
        """Where the search stands: a share for each group."""
        self.scores: Tensor | None = None
        """Sums of the candidates' scores since the last decision; None right after one."""
        self.batches = 0
        """Batches that the sums are over."""
        self._open: list[_Candidate] | None = None

    def step(self, source: Source, target: Target) -> dict[str, Tensor]:
        """Train the supernet; later, score the candidates on a batch and decide when it is time."""
        step, self.steps = self.steps, self.steps + 1
        if step < self.training:
            return self.supernet.learn(source, target, self.space.mask(self._fair_shares(step)))
        macs = self.space.counter(self._candidates()[0].mask)
        scores = self._score(source, target)
        figures = {"score": scores[0] / self.batches, "macs_share": macs / self.space.counter.total}
        step -= self.training
        if step < self.coarse:
            self._narrow(source, target, ceiling=self._ceiling(step))
            if step == self.coarse - 1:
                self.fine = True
                self._go_to(self.shares)
        elif ends_period(
            step - self.coarse,
            periods=self.moves,
            updates=self.material.updates - self.training - self.coarse,
        ):
            self._shift(scores)
        return figures

    def plans(self) -> tuple[ChannelPlan, ChannelPlan]:
        """The plan of the shares where the search stands, and the whole discriminator."""
        return self.space.plan(self.shares), whole_discriminator(self.material)

    def state_dict(self) -> dict[str, Any]:
        """The supernet, where the search stands, and what is known of the next move."""
        return {
            "steps": self.steps,
            "moved": self.moved,
            "fine": self.fine,
            "shares": self.shares,
            "scores": self.scores,
            "batches": self.batches,
            "supernet": self.supernet.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        self.steps, self.moved, self.fine = state["steps"], state["moved"], state["fine"]
        self._go_to(state["shares"].cpu())
        self.scores = None if state["scores"] is None else state["scores"].cpu()
        self.batches = state["batches"]
        self.supernet.load_state_dict(state["supernet"])

    def _fair_shares(self, step: int) -> Float[Tensor, " groups"]:
        """Shares such that each run of as many updates as choices has every choice of every group once."""
        run, position = divmod(step, len(self.space.choices))
        chance = step_generator(self.material.seed, "fair widths", run)
        orders = torch.rand(len(self.shares), len(self.space.choices), generator=chance).argsort(dim=1)
        return self.space.choices[orders[:, position]]

    def _ceiling(self, step: int) -> float:
        """MACs allowed after an update of the coarse stage: from all to the budget in even ratios."""
        budget, total = self.material.budget, self.space.counter.total
        return float(budget * (total / budget) ** (1 - (step + 1) / self.coarse))

    def _narrow(self, source: Source, target: Target, *, ceiling: float) -> None:
        """Narrow groups, the cheapest to do without first, until the ceiling holds or all are at their narrowest."""
        while True:
            macs = torch.stack([self.space.counter(candidate.mask) for candidate in self._candidates()])
            if macs[0] <= ceiling or len(macs) == 1:
                return
            scores = self._score(source, target) if self.scores is None else self.scores
            cost = (scores[1:] - scores[0]) / (macs[0] / macs[1:]).log()
            self._go_to(self._candidates()[1 + int(cost.argmin())].shares)

    def _shift(self, scores: Float[Tensor, " candidates"]) -> None:
        """Make the best move, unless staying is as good."""
        self.moved += 1
        self._go_to(self._candidates()[int(scores.argmin())].shares)

    def _score(self, source: Source, target: Target) -> Float[Tensor, " candidates"]:
        """Score the candidates on a batch; their sums since the last decision."""
        found = self.supernet.score(source, target, [candidate.mask for candidate in self._candidates()])
        self.scores = found if self.scores is None else self.scores + found
        self.batches += 1
        return self.scores

    def _go_to(self, shares: Float[Tensor, " groups"]) -> None:
        self.shares, self.scores, self._open, self.batches = shares, None, None, 0

    def _candidates(self) -> list[_Candidate]:
        """Where the search stands, and where it may go from there; a function of the saved state."""
        if self._open is None:
            self._open = self._shifted() if self.fine else self._narrower()
        return self._open

    def _narrower(self) -> list[_Candidate]:
        """Every group at its next choice that makes it narrower."""
        now = self.space.mask(self.shares)
        candidates = [_Candidate(self.shares, now)]
        for group in range(len(self.shares)):
            for choice in self.space.choices.flip(0):
                shares = self.shares.clone()
                shares[group] = choice
                mask = self.space.mask(shares)
                if mask.sum() < now.sum():
                    candidates.append(_Candidate(shares, mask))
                    break
        return candidates

    def _shifted(self) -> list[_Candidate]:
        """Every group a little wider, or a little narrower, at the same budget."""
        ratio = (self.space.choices[1] / self.space.choices[0]).item()
        factor = ratio ** (0.5 if self.moved < self.moves / 2 else 0.25)
        candidates = [_Candidate(self.shares, self.space.plan_mask(self.shares))]
        for group in range(len(self.shares)):
            for scale in (factor, 1 / factor):
                shares = self.shares.clone()
                shares[group] *= scale
                candidates.append(_Candidate(shares, self.space.plan_mask(shares)))
        return candidates
