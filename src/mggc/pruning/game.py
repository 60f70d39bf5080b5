"""The game of Eq. 2: two agents prune a frozen generator and a frozen discriminator against each other."""

from typing import Any, NamedTuple

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from mggc.config import GanMode, MacsConvention, NormMode, PruneConfig
from mggc.gan.objectives import fake_loss, generator_loss, real_loss
from mggc.gan.pairs import Source, Target
from mggc.networks.modes import set_modes
from mggc.pruning.agents import Choice, FreeLogits, GruAgent, make_agent, silence
from mggc.pruning.macs import MacsCounter
from mggc.pruning.masks import MaskedNetwork, keep_probability, rescue_empty_groups, sample_mask
from mggc.pruning.objectives import budget_penalty, sparsity_penalty
from mggc.pruning.plan import ChannelPlan, check_budget, plan_from_scores
from mggc.pruning.table import ChannelTable


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
        self, network: nn.Module, table: ChannelTable, config: PruneConfig, fabric: Fabric, *, prunes: bool
    ) -> None:
        self.table = table
        self.tau = config.tau
        self.masked = MaskedNetwork(network, table).to(fabric.device)
        self.prunes = prunes
        self.agent, self.optimizer = _set_up(make_agent(table, config), config, fabric)

    def choose(self, peer: Tensor) -> Choice:
        """The agent's logits and embedding, told the peer's embedding."""
        choice: Choice = self.agent(peer)
        return choice

    def sample(self, choice: Choice) -> Tensor:
        """A mask drawn from the logits; all ones when this side is not pruned."""
        if not self.prunes:
            return torch.ones_like(choice.logits)
        return sample_mask(choice.logits, self.table, tau=self.tau)

    def kept_by_group(self, mask: Tensor) -> Tensor:
        """Kept share of each channel group."""
        return torch.stack([piece.mean() for piece in self.table.split(mask.detach())])


def _set_up(agent: GruAgent | FreeLogits, config: PruneConfig, fabric: Fabric) -> tuple[Any, Any]:
    lr = config.lr if config.agents else config.free_logits_lr
    optimizer = torch.optim.AdamW(agent.parameters(), lr=lr, weight_decay=config.weight_decay)
    return fabric.setup(agent, optimizer)  # type: ignore[no-any-return]


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
    ) -> None:
        self.config, self.fabric = config, fabric
        self.budget, self.conditional, self.gan_mode = budget, conditional, gan_mode
        self.counter = MacsCounter(generator_table, convention=convention)
        check_budget(self.counter, budget)
        freeze(generator, norm=config.generator_norm, dropout=config.dropout)
        freeze(discriminator, norm=config.discriminator_norm, dropout=False)
        self.g = Player(generator, generator_table, config, fabric, prunes=True)
        self.d = Player(discriminator, discriminator_table, config, fabric, prunes=config.prune_discriminator)
        self.g_embedding = self.d_embedding = silence(generator_table.group_index.to(fabric.device))

    def step(self, source: Source, neighbor: Target) -> GameStep:
        """Update both agents once.

        Args:
            source: x, source images.
            neighbor: y'', for each of them a teacher image drawn from its neighbourhood.
        """
        d_choice, g_choice = self._exchange()
        d_mask, g_mask = self.d.sample(d_choice), self.g.sample(g_choice)
        with self.fabric.autocast():
            fake = self.g.masked(source, g_mask)
            d_loss = self._discriminator_loss(source, neighbor, fake.detach(), d_mask)
        if self.d.prunes:
            _descend(self.fabric, self.d, d_loss + self.config.lambda2 * sparsity_penalty(d_mask))
        # The generator's agent answers the mask that was just played, not the updated agent's next one.
        with self.fabric.autocast():
            g_loss = generator_loss(self._judge(source, fake, d_mask.detach()).float(), self.gan_mode)
        macs = self.counter(g_mask)
        penalty = budget_penalty(macs, self.budget)
        _descend(self.fabric, self.g, g_loss + self.config.lambda1 * penalty)
        return GameStep(
            discriminator_loss=d_loss.detach(),
            generator_loss=g_loss.detach(),
            budget_penalty=penalty.detach(),
            macs=macs.detach(),
            generator_kept=self.g.kept_by_group(g_mask),
            discriminator_kept=self.d.kept_by_group(d_mask),
        )

    @torch.no_grad()
    def logits(self) -> tuple[Tensor, Tensor]:
        """The agents' current logits, generator's first, without noise."""
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
            "g_agent": self.g.agent.state_dict(),
            "d_agent": self.d.agent.state_dict(),
            "g_optimizer": self.g.optimizer.state_dict(),
            "d_optimizer": self.d.optimizer.state_dict(),
            "g_embedding": self.g_embedding,
            "d_embedding": self.d_embedding,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        self.g.agent.load_state_dict(state["g_agent"])
        self.d.agent.load_state_dict(state["d_agent"])
        self.g.optimizer.load_state_dict(state["g_optimizer"])
        self.d.optimizer.load_state_dict(state["d_optimizer"])
        self.g_embedding = state["g_embedding"].to(self.fabric.device)
        self.d_embedding = state["d_embedding"].to(self.fabric.device)

    def _peers(self) -> tuple[Tensor, Tensor]:
        """What the generator's and the discriminator's agent hear; zeros without feedback."""
        if self.config.feedback:
            return self.d_embedding, self.g_embedding
        return torch.zeros_like(self.d_embedding), torch.zeros_like(self.g_embedding)

    def _exchange(self) -> tuple[Choice, Choice]:
        """Both agents speak at once, each having heard what the other said last."""
        g_peer, d_peer = self._peers()
        d_choice, g_choice = self.d.choose(d_peer), self.g.choose(g_peer)
        self.d_embedding, self.g_embedding = d_choice.embedding.detach(), g_choice.embedding.detach()
        return d_choice, g_choice

    def _discriminator_loss(self, source: Source, neighbor: Target, fake: Target, d_mask: Tensor) -> Tensor:
        real_logits = self._judge(source, neighbor, d_mask).float()
        fake_logits = self._judge(source, fake, d_mask).float()
        return real_loss(real_logits, self.gan_mode) + fake_loss(fake_logits, self.gan_mode)

    def _judge(self, source: Source, image: Target, d_mask: Tensor) -> Tensor:
        logits: Tensor = self.d.masked(
            torch.cat([source, image], dim=1) if self.conditional else image, d_mask
        )
        return logits


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
