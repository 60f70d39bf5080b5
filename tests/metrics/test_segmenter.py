import pytest
import torch

from mggc.data.transforms import to_float
from mggc.metrics import IGNORED, Segmenter, fit_segmenter


def scenes(count: int, size: int = 24) -> tuple[torch.Tensor, torch.Tensor]:
    """Photographs of noise, brighter in class 1, dark in class 2; a corner does not count and looks like nothing else."""
    generator = torch.Generator().manual_seed(0)
    labels = (
        torch.randint(3, (count, 3, 3), generator=generator).repeat_interleave(8, 1).repeat_interleave(8, 2)
    )
    level = torch.tensor([120, 220, 20])[labels]
    noise = torch.randint(-20, 21, (count, 3, size, size), generator=generator)
    photos = (level[:, None] + noise).clamp(0, 255).to(torch.uint8)
    labels[:, :4, :4] = IGNORED
    return photos, labels


def trained(
    seed: int, updates: int, photos: torch.Tensor, labels: torch.Tensor
) -> tuple[Segmenter, list[float]]:
    network = Segmenter(3, seed=seed)
    losses = [step.loss for step in fit_segmenter(network, photos, labels, updates=updates, seed=seed)]
    return network, losses


def test_training_learns_to_tell_classes_on_photographs_not_seen():
    photos, labels = scenes(20)
    network, losses = trained(0, 40, photos[:12], labels[:12])
    assert not network.training
    with torch.no_grad():
        found = network(to_float(photos[12:])).argmax(1)
    counted = labels[12:] != IGNORED
    assert (found == labels[12:])[counted].float().mean() > 0.9
    assert losses[-1] < losses[0] / 3


def test_weights_are_a_function_of_the_seed_alone():
    photos, labels = scenes(4)
    torch.manual_seed(1)
    first, _ = trained(5, 3, photos, labels)
    torch.manual_seed(2)
    before = torch.get_rng_state()
    second, _ = trained(5, 3, photos, labels)
    assert torch.get_rng_state().equal(before), "nobody else's randomness is touched"
    other, _ = trained(6, 3, photos, labels)
    assert all(
        a.equal(b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )
    assert not first.out.weight.equal(other.out.weight)


@pytest.mark.parametrize("size", [(24, 24), (17, 30), (64, 48)])
def test_logits_have_the_images_resolution(size):
    network = Segmenter(5, seed=0).eval()
    assert network(torch.zeros(2, 3, *size)).shape == (2, 5, *size)


def test_photographs_in_which_nothing_counts_change_nothing_into_nan():
    photos, labels = scenes(2)
    network, losses = trained(0, 2, photos, torch.full_like(labels, IGNORED))
    assert losses == [0.0, 0.0]
    assert all(parameter.isfinite().all() for parameter in network.parameters())


def test_photographs_and_labels_have_to_match():
    photos, labels = scenes(3)
    with pytest.raises((ValueError, TypeError), match="labels"):
        next(fit_segmenter(Segmenter(3, seed=0), photos, labels[:2], updates=1, seed=0))
