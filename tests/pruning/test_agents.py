import pytest
import torch
from torch import nn

from mggc.config import PruneConfig
from mggc.pruning.agents import HIDDEN_DIM, Agent, FreeLogits, GruAgent, make_agent, silence
from mggc.pruning.channels import ChannelGroup, ChannelTable
from mggc.pruning.masks import keep_probability

TABLE = ChannelTable(
    (ChannelGroup("a", 5, 0), ChannelGroup("b", 3, 5), ChannelGroup("c", 16, 8)), (), (), image_size=8
)


def test_an_agent_emits_one_logit_for_each_channel_and_an_embedding_that_its_peer_can_hear() -> None:
    agent = GruAgent(TABLE, offset=-3.0)
    choice = agent(silence(torch.empty(0)))
    assert choice.logits.shape == (TABLE.prunable,)
    assert choice.embedding.shape == silence(torch.empty(0)).shape == (2, 1, HIDDEN_DIM)
    assert isinstance(agent, Agent)


@pytest.mark.parametrize("agents", [True, False])
def test_the_game_starts_near_a_keep_probability_of_0_951(agents: bool) -> None:
    torch.manual_seed(0)
    agent = make_agent(TABLE, PruneConfig(agents=agents))
    assert isinstance(agent, GruAgent if agents else FreeLogits)
    start = keep_probability(agent(silence(torch.empty(0))).logits)
    assert start.mean().item() == pytest.approx(0.951, abs=0.03)


def test_agents_hear_their_peer_and_free_logits_do_not() -> None:
    torch.manual_seed(0)
    peer = torch.randn(2, 1, HIDDEN_DIM)
    for agent, hears in ((GruAgent(TABLE, offset=0.0), True), (FreeLogits(TABLE, offset=0.0), False)):
        silent, told = agent(torch.zeros_like(peer)), agent(peer)
        assert torch.equal(silent.logits, told.logits) is not hears
        assert torch.equal(silent.embedding, told.embedding) is not hears


def test_the_tokens_are_orthogonal_and_fixed() -> None:
    agent = GruAgent(TABLE, offset=0.0)
    tokens = agent.tokens.squeeze(1)
    torch.testing.assert_close(tokens @ tokens.T, torch.eye(3), atol=1e-5, rtol=0)
    assert "tokens" not in dict(agent.named_parameters())
    assert "tokens" in agent.state_dict()


def test_a_logit_depends_on_its_own_group_s_head_alone() -> None:
    torch.manual_seed(0)
    agent = GruAgent(TABLE, offset=0.0)
    peer = silence(torch.empty(0))
    before = agent(peer).logits
    with torch.no_grad():
        agent.heads[1].weight.add_(1.0)
    changed = agent(peer).logits != before
    assert changed.nonzero().flatten().tolist() == [5, 6, 7]


def test_logits_keep_full_precision_under_autocast() -> None:
    """In half precision many channels of a group would tie, and their order would be lost."""
    torch.manual_seed(0)
    table = ChannelTable((ChannelGroup("a", 512, 0),), (), (), image_size=8)
    agent = GruAgent(table, offset=-3.0)
    expected = agent(silence(torch.empty(0))).logits
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = agent(silence(torch.empty(0))).logits
    assert torch.equal(found, expected)
    assert len(found.unique()) > 500


def test_every_parameter_of_an_agent_learns() -> None:
    torch.manual_seed(0)
    agent = GruAgent(TABLE, offset=0.0)
    agent(torch.randn(2, 1, HIDDEN_DIM)).logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in agent.parameters())


def test_more_groups_than_token_dimensions_are_fine() -> None:
    groups = tuple(ChannelGroup(str(number), 2, 2 * number) for number in range(70))
    agent: nn.Module = GruAgent(ChannelTable(groups, (), (), image_size=8), offset=0.0)
    assert agent(silence(torch.empty(0))).logits.shape == (140,)
