import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mggc.manifold import EncoderSpec, build_encoder
from mggc.manifold.swav import FeatureQueue, SwavModel, SwavOutput, assign, sinkhorn, swapped_prediction_loss


def reference_sinkhorn(scores: np.ndarray, *, epsilon: float, iterations: int) -> np.ndarray:
    """The loop of the published code, in float64."""
    q = np.exp(np.float64(scores) / epsilon).T
    q /= q.sum()
    prototypes, batch = q.shape
    for _ in range(iterations):
        q /= q.sum(axis=1, keepdims=True)
        q /= prototypes
        q /= q.sum(axis=0, keepdims=True)
        q /= batch
    return (q * batch).T


def reference_loss(scores: np.ndarray, assignments: np.ndarray, temperature: float) -> float:
    """Eq. 2 of SwAV, term by term, averaged as in the published code."""
    terms = []
    for large in range(len(assignments)):
        for crop in range(len(scores)):
            if crop != large:
                exponentials = np.exp(scores[crop] / temperature)
                probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
                terms.append(-(assignments[large] * np.log(probabilities)).sum(axis=1).mean())
    return float(np.mean(terms))


@given(
    seed=st.integers(0, 1000),
    batch=st.integers(2, 20),
    prototypes=st.integers(2, 20),
    epsilon=st.sampled_from([0.03, 0.05, 1.0]),
    iterations=st.integers(1, 10),
)
@settings(max_examples=50, deadline=None)
def test_sinkhorn_is_the_published_loop(seed, batch, prototypes, epsilon, iterations):
    scores = torch.rand(batch, prototypes, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    assignments = sinkhorn(scores, epsilon=epsilon, iterations=iterations)
    expected = reference_sinkhorn(scores.numpy(), epsilon=epsilon, iterations=iterations)
    np.testing.assert_allclose(assignments.numpy(), expected, atol=1e-4)


def test_sinkhorn_uses_all_prototypes_equally():
    scores = torch.rand(40, 10, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assignments = sinkhorn(scores, epsilon=0.1, iterations=500)
    torch.testing.assert_close(assignments.sum(1), torch.ones(40))
    torch.testing.assert_close(assignments.sum(0), torch.full((10,), 4.0), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_sinkhorn_is_finite_however_sharp(dtype):
    scores = torch.tensor([[1.0, -1.0, 0.0], [1.0, -1.0, -1.0], [1.0, 1.0, 1.0]], dtype=dtype)
    assignments = sinkhorn(scores, epsilon=1e-4, iterations=3)
    assert assignments.dtype == torch.float32
    torch.testing.assert_close(assignments.sum(1), torch.ones(3))


@pytest.mark.parametrize("crops", [2, 3, 6])
def test_loss_is_the_published_one(crops):
    random = torch.Generator().manual_seed(crops)
    scores = torch.rand(crops, 5, 7, generator=random) * 2 - 1
    assignments = torch.rand(2, 5, 7, generator=random).softmax(dim=2)
    loss = swapped_prediction_loss(scores, assignments, temperature=0.1)
    assert loss.item() == pytest.approx(
        reference_loss(scores.double().numpy(), assignments.double().numpy(), 0.1), rel=1e-5
    )


def test_loss_of_a_model_that_knows_nothing_is_ln_prototypes():
    assignments = torch.rand(2, 5, 30).softmax(dim=2)
    loss = swapped_prediction_loss(torch.full((4, 5, 30), 0.3), assignments, temperature=0.1)
    assert loss.item() == pytest.approx(math.log(30), rel=1e-5)


def test_no_gradient_flows_into_assignments():
    scores = torch.rand(2, 4, 3, requires_grad=True)
    assignments = sinkhorn(scores[0], epsilon=0.05, iterations=3)
    assert not assignments.requires_grad


def small_model() -> SwavModel:
    torch.manual_seed(0)
    encoder = build_encoder(EncoderSpec(name="tiny", depth=18, width=4, image_size=16, small_images=True))
    return SwavModel(encoder, projection_dim=8, prototypes=5)


def test_projections_and_prototypes_are_unit_vectors():
    model = small_model()
    output = model([torch.randn(3, 3, 16, 16), torch.randn(3, 3, 16, 16), torch.randn(3, 3, 8, 8)])
    assert output.projections.shape == (3, 3, 8)
    torch.testing.assert_close(output.projections.norm(dim=2), torch.ones(3, 3))
    torch.testing.assert_close(model.prototypes.weight.norm(dim=1), torch.ones(5))
    assert output.scores.abs().max() <= 1 + 1e-5


def test_crops_keep_their_order():
    model = small_model().eval()
    crops = [torch.randn(3, 1, size, size) for size in (16, 16, 8, 8, 16)]
    together = model(crops).projections
    for crop, projection in zip(crops, together, strict=True):
        torch.testing.assert_close(model([crop]).projections[0], projection, rtol=1e-4, atol=1e-5)


def test_queue_holds_the_newest_features_and_is_full_when_it_says_so():
    queue = FeatureQueue(capacity=5, dim=1)
    for batch in range(3):
        assert not queue.is_full()
        queue.push(torch.full((2, 2, 1), float(batch)))
    assert queue.is_full()
    assert queue.projections[0, :, 0].tolist() == [2, 2, 1, 1, 0]


def test_an_empty_queue_never_takes_part():
    queue = FeatureQueue(capacity=0, dim=4)
    queue.push(torch.rand(2, 3, 4))
    assert not queue.is_full()


@pytest.mark.parametrize("full", [False, True])
def test_assignments_are_made_with_the_queue_once_it_is_full(full):
    random = torch.Generator().manual_seed(0)
    prototypes = F.normalize(torch.randn(6, 4, generator=random), dim=1)
    projections = F.normalize(torch.randn(3, 5, 4, generator=random), dim=2)
    output = SwavOutput(projections, projections @ prototypes.T)
    queue = FeatureQueue(capacity=8, dim=4)
    queue.push(F.normalize(torch.randn(2, 8 if full else 7, 4, generator=random), dim=2))
    found = assign(output, queue, prototypes, epsilon=0.05, iterations=3)
    for view in range(2):
        seen = torch.cat([projections[view], queue.projections[view]]) if full else projections[view]
        expected = reference_sinkhorn((seen @ prototypes.T).numpy(), epsilon=0.05, iterations=3)[:5]
        np.testing.assert_allclose(found[view].numpy(), expected, atol=1e-4)
