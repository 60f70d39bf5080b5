"""The players' heads: what emits a network's logits and its architecture embedding (Eq. 3 and 4)."""

from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mggc.config import PruneConfig
from mggc.pruning.table import ChannelTable

TOKEN_DIM = 64
HIDDEN_DIM = 128

Offset = float | Float[Tensor, " prunable"]
"""Added to the logits: one number, or one for each channel."""
Embedding = Float[Tensor, "directions 1 hidden"]


class Choice(NamedTuple):
    """What an agent says in one step."""

    logits: Float[Tensor, " prunable"]
    """o of Eq. 3 and 4: P(keep) = exp(-exp(o))."""
    embedding: Embedding
    """h: what the peer is told about this architecture."""


@runtime_checkable
class Agent(Protocol):
    """Anything that turns its peer's architecture embedding into logits and an embedding of its own."""

    def __call__(self, peer: Embedding) -> Choice:
        """Logits and embedding, given the peer's embedding."""


class GruAgent(nn.Module):
    """Fixed orthogonal tokens, one for each channel group, read by a bidirectional GRU that starts from the peer's embedding.

    The embedding is the GRU's final hidden state. It has the shape of the initial one, so feedback costs no parameters.
    Structure after the authors' earlier hyper-networks; the paper itself gives no sizes.
    """

    tokens: Tensor
    offset: Tensor

    def __init__(self, table: ChannelTable, *, offset: Offset) -> None:
        super().__init__()
        sizes = [group.size for group in table.groups]
        tokens = torch.empty(len(sizes), 1, TOKEN_DIM)
        nn.init.orthogonal_(tokens.view(len(sizes), TOKEN_DIM))
        self.register_buffer("tokens", tokens)
        self.gru = nn.GRU(TOKEN_DIM, HIDDEN_DIM, bidirectional=True)
        self.norm = nn.LayerNorm(2 * HIDDEN_DIM)
        self.heads = nn.ModuleList(nn.Linear(2 * HIDDEN_DIM, size, bias=False) for size in sizes)
        self.register_buffer("offset", torch.as_tensor(offset), persistent=False)

    def forward(self, peer: Embedding) -> Choice:
        """Logits for all groups, one after the other, and this architecture's embedding."""
        # In full precision always: half precision would tie the logits of many channels, and gain nothing here.
        with torch.autocast(self.tokens.device.type, enabled=False):
            states, embedding = self.gru(self.tokens, peer.to(self.tokens.dtype))
            features = torch.relu(self.norm(states))[:, 0]
            logits = torch.cat([head(feature) for head, feature in zip(self.heads, features, strict=True)])
            return Choice(logits + self.offset, embedding)


class FreeLogits(nn.Module):
    """One free parameter for each channel and nothing to tell: the ``Baseline`` row of Table 2."""

    def __init__(self, table: ChannelTable, *, offset: Offset) -> None:
        super().__init__()
        self.logits = nn.Parameter(0.01 * torch.randn(table.prunable) + offset)

    def forward(self, peer: Embedding) -> Choice:
        """The parameters themselves; the peer is not heard."""
        return Choice(self.logits, torch.zeros_like(peer))


def make_agent(
    table: ChannelTable, config: PruneConfig, *, offset: Offset | None = None
) -> GruAgent | FreeLogits:
    """The agent that a configuration asks for; its logits start at the configured offset, or at those given."""
    kind = GruAgent if config.agents else FreeLogits
    return kind(table, offset=config.offset if offset is None else offset)


def silence(like: Tensor) -> Embedding:
    """The embedding of a peer that says nothing, on the device of ``like``."""
    return torch.zeros(2, 1, HIDDEN_DIM, device=like.device)
