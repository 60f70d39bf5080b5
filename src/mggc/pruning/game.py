"""The game of Eq. 2: two agents prune a frozen generator and a frozen discriminator against each other."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from lightning_fabric import Fabric
from torch import Tensor, nn

from mggc.config import GanMode, MacsConvention, NormMode, PruneConfig
from mggc.gan.objectives import fake_loss, generator_loss, real_loss
from mggc.gan.pairs import Source, Target
from mggc.networks.modes import set_modes
from mggc.pruning.agents import Choice, Offset, make_agent, silence
from mggc.pruning.learning import LogitsAverage, make_optimizer
from mggc.pruning.macs import MacsCounter
from mggc.pruning.masks import MaskedNetwork, SampledMask, keep_probability, rescue_empty_groups, sample_mask
from mggc.pruning.objectives import budget_penalty, sparsity_penalty
from mggc.pruning.plan import ChannelPlan, check_budget, plan_from_scores
from mggc.pruning.schedules import allowed_macs, temperature
from mggc.pruning.table import ChannelTable

AVERAGED_FROM = 0.5
"""Share of the game after which logits are averaged."""


class GameStep(NamedTuple):
    """One update of both agents; scalars are tensors, so that reading them is the caller's choice."""

    discriminator_loss: Tensor
    """f_D on neighbour images plus f_D on generated ones, without the sparsity penalty."""
    generator_loss: Tensor
    """f_G on generated images, without the budget penalty."""
    budget_penalty: Tensor
    """R of Eq. 5."""
    macs: Tensor
    """T(v_G), MACs of the sampled generator in the budget's convention."""
    generator_kept: Tensor
    """Kept share of each of the generator's channel groups."""
    discriminator_kept: Tensor
    """Kept share of each of the discriminator's channel groups."""


class Player:
    """One side of the game: a frozen network under masks, its agent, and the agent's optimizer."""

    def __init__(
        self,
        network: nn.Module,
        table: ChannelTable,
        config: PruneConfig,
        fabric: Fabric,
        *,
        prunes: bool = True,
        noise: bool = True,
        offset: Offset | None = None,
    ) -> None:
        self.table, self.config = table, config
        self.masked = MaskedNetwork(network, table).to(fabric.device)
        self.prunes, self.noise = prunes, noise
        agent = make_agent(table, config, offset=offset)
        self.agent, self.optimizer = fabric.setup(agent, make_optimizer(agent, config))
        self.average = LogitsAverage(torch.zeros(table.prunable, device=fabric.device))

    def choose(self, peer: Tensor) -> Choice:
        """The agent's logits and embedding, told the peer's embedding."""
        choice: Choice = self.agent(peer)
        return choice

    def sample(self, choice: Choice, *, tau: float) -> SampledMask:
        """A mask drawn from the logits; all ones when this side is not pruned."""
        if not self.prunes:
            return SampledMask(torch.ones_like(choice.logits), torch.ones_like(choice.logits))
        return sample_mask(choice.logits, self.table, tau=tau, noise=self.noise, relaxed=self.config.relaxed)

    def kept_by_group(self, mask: Tensor) -> Tensor:
        """Kept share of each channel group."""
        return torch.stack([piece.mean() for piece in self.table.split(mask.detach())])

    def state_dict(self) -> dict[str, Any]:
        """Agent, optimizer, and the average of the logits."""
        return {
            "agent": self.agent.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        self.agent.load_state_dict(state["agent"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.load_state_dict(state["average"])


class _Play(NamedTuple):
    """One draw of both masks, and what the generator makes under its own."""

    g_mask: SampledMask
    d_mask: SampledMask
    fake: Tensor


class Game:
    """Both players and the embeddings they told each other last.

    Args:
        generator: The original generator; private to the game from now on, frozen, its norms set as configured.
        discriminator: The original discriminator, likewise.
        generator_table: Channel table of the generator.
        discriminator_table: Channel table of the discriminator.
        config: Weights, switches and optimizer settings.
        fabric: Devices and precision.
        budget: MACs that the generator may keep, in ``convention``.
        convention: How MACs are counted.
        conditional: Whether the discriminator sees the source image too (Pix2Pix).
        gan_mode: The adversarial loss.
        initial: Where the generator's logits start; at the configured offset when absent.

    Raises:
        MggcError: No plan can meet the budget.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        generator_table: ChannelTable,
        discriminator_table: ChannelTable,
        config: PruneConfig,
        fabric: Fabric,
        *,
        budget: int,
        convention: MacsConvention,
        conditional: bool,
        gan_mode: GanMode,
        initial: Float[Tensor, " prunable"] | None = None,
    ) -> None:
        self.config, self.fabric = config, fabric
        self.budget, self.conditional, self.gan_mode = budget, conditional, gan_mode
        self.counter = MacsCounter(generator_table, convention=convention)
        check_budget(self.counter, budget)
        freeze(generator, norm=config.generator_norm, dropout=config.dropout)
        freeze(discriminator, norm=config.discriminator_norm, dropout=False)
        self.g = Player(generator, generator_table, config, fabric, offset=initial)
        self.d = Player(
            discriminator,
            discriminator_table,
            config,
            fabric,
            prunes=config.prune_discriminator,
            noise=config.discriminator_noise,
        )
        self.g_embedding = self.d_embedding = silence(generator_table.group_index.to(fabric.device))
        costs = self.counter.channel_costs().to(fabric.device)
        self._gradient_scale = (costs / costs.mean()) ** config.cost_scaling

    def step(
        self,
        source: Source,
        neighbor: Target,
        neighbor_source: Source | None = None,
        *,
        progress: float = 1.0,
    ) -> GameStep:
        """Update both agents once.

        Args:
            source: x, source images.
            neighbor: y'', for each of them a teacher image drawn from its neighbourhood.
            neighbor_source: The source images that the neighbour images were made from; for the pairing ``own`` only.
            progress: Share of the game that this update completes; schedules follow it.
        """
        config, beside = self.config, self._beside(source, neighbor_source)
        tau = temperature(config.tau, config.tau_end, progress)
        allowed = allowed_macs(
            self.budget, self.counter.total, tightening=config.tightening, progress=progress
        )
        d_choice, g_choice = self._exchange(progress)
        with self.fabric.autocast():
            plays = [self._play(source, d_choice, g_choice, tau=tau) for _ in range(config.masks_per_update)]
            d_loss = _mean(self._discriminator_loss(source, beside, neighbor, play) for play in plays)
        if self.d.prunes:
            sparsity = _mean(sparsity_penalty(play.d_mask.counted) for play in plays)
            _descend(self.fabric, self.d, d_loss + config.lambda2 * sparsity)
        # The generator's agent answers the mask that was just played, not the updated agent's next one.
        with self.fabric.autocast():
            g_loss = _mean(self._generator_loss(source, play) for play in plays)
        macs = [self.counter(play.g_mask.counted) for play in plays]
        penalty = _mean(budget_penalty(used, allowed) for used in macs)
        _descend(self.fabric, self.g, g_loss + config.lambda1 * penalty)
        last = plays[-1]
        return GameStep(
            discriminator_loss=d_loss.detach(),
            generator_loss=g_loss.detach(),
            budget_penalty=penalty.detach(),
            macs=macs[-1].detach(),
            generator_kept=self.g.kept_by_group(last.g_mask.counted),
            discriminator_kept=self.d.kept_by_group(last.d_mask.counted),
        )

    @torch.no_grad()
    def logits(self) -> tuple[Tensor, Tensor]:
        """The logits that plans are read from, generator's first: the agents' current ones, or their average."""
        if self.config.decode == "average" and self.g.average.count:
            return self.g.average.mean(), self.d.average.mean()
        g_peer, d_peer = self._peers()
        return self.g.choose(g_peer).logits, self.d.choose(d_peer).logits

    def plans(self) -> tuple[ChannelPlan, ChannelPlan]:
        """The deterministic decode: plans for generator and discriminator.

        The generator's channels are ranked by P(keep) and taken until the budget is used up. The discriminator keeps
        every channel with P(keep) above one half, and at least one in each group.
        """
        g_logits, d_logits = (logits.cpu() for logits in self.logits())
        g_plan = plan_from_scores(
            -g_logits, self.counter, budget=self.budget, multiple_of=self.config.multiple_of
        )
        return g_plan, decode_discriminator(d_logits, self.d.table, prunes=self.d.prunes)

    def state_dict(self) -> dict[str, Any]:
        """Everything that a resumed game needs; the frozen networks are not part of it."""
        return {
            "g": self.g.state_dict(),
            "d": self.d.state_dict(),
            "g_embedding": self.g_embedding,
            "d_embedding": self.d_embedding,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        self.g.load_state_dict(state["g"])
        self.d.load_state_dict(state["d"])
        self.g_embedding = state["g_embedding"].to(self.fabric.device)
        self.d_embedding = state["d_embedding"].to(self.fabric.device)

    def _peers(self) -> tuple[Tensor, Tensor]:
        """What the generator's and the discriminator's agent hear; zeros without feedback."""
        if self.config.feedback:
            return self.d_embedding, self.g_embedding
        return torch.zeros_like(self.d_embedding), torch.zeros_like(self.g_embedding)

    def _exchange(self, progress: float) -> tuple[Choice, Choice]:
        """Both agents speak at once, each having heard what the other said last."""
        g_peer, d_peer = self._peers()
        d_choice, g_choice = self.d.choose(d_peer), self.g.choose(g_peer)
        self.d_embedding, self.g_embedding = d_choice.embedding.detach(), g_choice.embedding.detach()
        if progress > AVERAGED_FROM:
            self.d.average.add(d_choice.logits)
            self.g.average.add(g_choice.logits)
        if self.config.cost_scaling:
            fixed = g_choice.logits.detach()
            scaled = fixed + self._gradient_scale * (g_choice.logits - fixed)  # the same values
            g_choice = g_choice._replace(logits=scaled)
        return d_choice, g_choice

    def _play(self, source: Source, d_choice: Choice, g_choice: Choice, *, tau: float) -> _Play:
        d_mask, g_mask = self.d.sample(d_choice, tau=tau), self.g.sample(g_choice, tau=tau)
        return _Play(g_mask, d_mask, self.g.masked(source, g_mask.played))

    def _beside(self, source: Source, neighbor_source: Source | None) -> Source:
        """What the discriminator sees beside neighbour images.

        Raises:
            ValueError: Their own source images are needed and were not given.
        """
        if self.config.pairing != "own":
            return source
        if neighbor_source is None:
            raise ValueError("With pairing='own', `neighbor_source` should be given. Found None.")
        return neighbor_source

    def _discriminator_loss(self, source: Source, beside: Source, neighbor: Target, play: _Play) -> Tensor:
        mask = play.d_mask.played
        real_logits = self._judge(beside, neighbor, mask).float()
        fake_logits = self._judge(source, play.fake.detach(), mask).float()
        return real_loss(real_logits, self.gan_mode) + fake_loss(fake_logits, self.gan_mode)

    def _generator_loss(self, source: Source, play: _Play) -> Tensor:
        logits = self._judge(source, play.fake, play.d_mask.played.detach()).float()
        return generator_loss(logits, self.gan_mode)

    def _judge(self, source: Source, image: Target, d_mask: Tensor) -> Tensor:
        if self.config.pairing == "blind":
            source = torch.zeros_like(source)
        seen = torch.cat([source, image], dim=1) if self.conditional else image
        logits: Tensor = self.d.masked(seen, d_mask)
        return logits


def _mean(losses: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(losses)).mean()


def _descend(fabric: Fabric, player: Player, loss: Tensor) -> None:
    player.optimizer.zero_grad()
    fabric.backward(loss)
    player.optimizer.step()


def decode_discriminator(logits: Tensor, table: ChannelTable, *, prunes: bool) -> ChannelPlan:
    """Keep the channels with P(keep) > 1/2, and at least the likeliest of each group; all when it is not pruned."""
    mask = (keep_probability(logits) > 0.5).to(logits.dtype) if prunes else torch.ones_like(logits)
    # Ranked by the logits: the probabilities of unlikely channels all round to zero.
    return ChannelPlan.from_mask(rescue_empty_groups(mask, -logits, table), table)


def freeze(network: nn.Module, *, norm: NormMode, dropout: bool) -> None:
    """Fix a network's weights and set each layer's mode for the game.

    ``norm="batch"`` is the default for both: a discriminator was never trained otherwise, and a mask shifts every
    activation of a generator. Modes are set layer by layer, since tracing leaves networks in eval mode.
    """
    network.requires_grad_(False)
    set_modes(network, norm=norm, dropout=dropout)
