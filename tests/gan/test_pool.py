import torch

from mggc.gan.pool import ImagePool
from toys import images


def test_a_pool_returns_the_latest_images_until_it_is_full() -> None:
    pool = ImagePool(4)
    for seed in range(2):
        latest = images(2, 3, 4, 4, seed=seed)
        assert torch.equal(pool.exchange(latest), latest)
    assert len(pool.images) == 4


def test_a_full_pool_exchanges_about_half_of_the_images_for_old_ones() -> None:
    torch.manual_seed(0)
    pool = ImagePool(50)
    returned = [int(pool.exchange(torch.full((1, 1, 1, 1), float(number))).item()) for number in range(2000)]
    late = range(50, 2000)
    latest = sum(returned[number] == number for number in late) / len(late)
    assert 0.45 < latest < 0.55
    assert all(value <= number for number, value in enumerate(returned))
    assert len(pool.images) == 50


def test_nothing_is_lost_and_nothing_doubles() -> None:
    """Every image is in the pool or has been returned; one that comes back from the pool leaves it."""
    torch.manual_seed(1)
    pool = ImagePool(3)
    returned = [pool.exchange(torch.full((1, 1, 1, 1), float(number))).item() for number in range(200)]
    later = returned[3:]
    assert sorted(later + [image.item() for image in pool.images]) == list(range(200))


def test_a_pool_of_size_zero_keeps_nothing() -> None:
    pool = ImagePool(0)
    latest = images(2, 3, 4, 4)
    assert pool.exchange(latest) is latest
    assert pool.images == []


def test_images_come_without_their_history() -> None:
    latest = images(2, 3, 4, 4).requires_grad_()
    pool = ImagePool(8)
    assert not pool.exchange(latest * 2).requires_grad
    assert not any(image.requires_grad for image in pool.images)


def test_the_exchange_is_a_function_of_the_seed() -> None:
    def run(seed: int) -> torch.Tensor:
        pool = ImagePool(2)
        torch.manual_seed(seed)
        return torch.cat([pool.exchange(images(2, 1, 2, 2, seed=number)) for number in range(6)])

    assert torch.equal(run(1), run(1))
    assert not torch.equal(run(1), run(2))
