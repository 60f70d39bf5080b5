import math

import pytest
import torch

from mggc.manifold import check_collapse
from mggc.manifold.collapse import effective_rank, mean_pairwise_cosine


def features(images: int = 100, dim: int = 32, seed: int = 0) -> torch.Tensor:
    return torch.rand(images, dim, generator=torch.Generator().manual_seed(seed))


def test_random_features_and_a_fallen_loss_pass():
    report = check_collapse(features(), loss=0.6 * math.log(60), prototypes=60)
    assert report.warning is None
    assert report.loss_ratio == pytest.approx(0.6)


@pytest.mark.parametrize("noise", [0.0, 1e-7, 1e-3])
def test_constant_features_are_flagged(noise):
    constant = torch.ones(100, 32) + noise * features()
    report = check_collapse(constant, loss=1.0, prototypes=60)
    assert report.mean_cosine > 0.999
    assert report.warning is not None
    assert "\n" not in report.warning
    for advice in ("--encode.prototypes", "--encode.epsilon", "--encode.epochs", "--encode.weights"):
        assert advice in report.warning


def test_zero_features_are_flagged():
    assert check_collapse(torch.zeros(10, 4), loss=1.0, prototypes=60).warning is not None


def test_features_on_a_line_are_flagged():
    along = torch.linspace(0, 1, 100)[:, None]
    line = along * torch.tensor([1.0, 0.0, 0.0]) + (1 - along) * torch.tensor([0.0, 1.0, 0.0])
    report = check_collapse(line, loss=1.0, prototypes=60)
    assert report.effective_rank < 3
    assert "dimensions" in report.warning


@pytest.mark.parametrize("loss", [math.log(60), 1.2 * math.log(60), math.nan])
def test_a_stalled_loss_is_flagged(loss):
    assert "chance" in check_collapse(features(), loss=loss, prototypes=60).warning


def test_mean_cosine_is_that_of_all_pairs():
    embeddings = features(7, 5)
    units = embeddings / embeddings.norm(dim=1, keepdim=True)
    pairs = [float(units[i] @ units[j]) for i in range(7) for j in range(7) if i != j]
    assert mean_pairwise_cosine(embeddings) == pytest.approx(sum(pairs) / len(pairs), rel=1e-5)


@pytest.mark.parametrize("shape", [(40, 8), (8, 40)])
def test_effective_rank_is_that_of_the_singular_values(shape):
    embeddings = features(*shape).double()
    units = embeddings / embeddings.norm(dim=1, keepdim=True)
    values = torch.linalg.svdvals(units - units.mean(0))
    shares = values[values > 1e-9] / values.sum()
    expected = math.exp(-sum(share * math.log(share) for share in shares.tolist()))
    assert effective_rank(embeddings) == pytest.approx(expected, rel=1e-5)
