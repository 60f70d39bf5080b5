import math

import pytest
import torch
from lightning_fabric import Fabric

from mggc.config import EncodeConfig
from mggc.errors import MggcError
from mggc.manifold import (
    CropSettings,
    SwavRecord,
    SwavState,
    build_encoder,
    crop_settings,
    encoder_spec,
    fit_swav,
    make_swav_state,
    swav_updates,
)
from mggc.manifold.swav_training import batch_rows, learning_rate

CONFIG = EncodeConfig(width=4, batch_size=6, local_crops=1, queue_batches=2, prototypes=5, projection_dim=8)
IMAGES = torch.randint(0, 256, (10, 1, 20, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def fabric() -> Fabric:
    return Fabric(accelerator="cpu")


def new_state(fabric: Fabric, config: EncodeConfig = CONFIG) -> SwavState:
    torch.manual_seed(0)
    encoder = build_encoder(encoder_spec(config, data_image_size=16))
    return make_swav_state(encoder, config, seed=0, fabric=fabric)


def train(
    state: SwavState,
    fabric: Fabric,
    *,
    total: int,
    stop: int | None = None,
    images: torch.Tensor = IMAGES,
    config: EncodeConfig = CONFIG,
    settings: CropSettings | None = None,
) -> list[SwavRecord]:
    settings = settings or crop_settings(state.model.encoder, config, flip=False)
    records = []
    for record in fit_swav(state, images, config, seed=0, total=total, crop_settings=settings, fabric=fabric):
        records.append(record)
        if record.step == stop:
            break
    return records


def equal(first: object, second: object) -> bool:
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(equal(first[key], second[key]) for key in first)
    if isinstance(first, list):
        return len(first) == len(second) and all(map(equal, first, second))
    return first == second


@pytest.mark.parametrize("stop", [1, 5])
def test_a_resumed_training_is_bit_equal_to_an_uninterrupted_one(fabric, tmp_path, stop):
    whole = new_state(fabric)
    records = train(whole, fabric, total=9)
    first = new_state(fabric)
    begun = train(first, fabric, total=9, stop=stop)
    torch.save(first.state_dict(), tmp_path / "checkpoint.pt")
    # Another beginning, and other random numbers drawn meanwhile.
    torch.rand(7)
    resumed = make_swav_state(
        build_encoder(encoder_spec(CONFIG, data_image_size=16)), CONFIG, seed=5, fabric=fabric
    )
    resumed.load_state_dict(torch.load(tmp_path / "checkpoint.pt", weights_only=True))
    assert begun + train(resumed, fabric, total=9) == records
    assert equal(resumed.state_dict(), whole.state_dict())


def test_training_draws_nothing_from_the_global_generator(fabric):
    state = new_state(fabric)
    before = torch.get_rng_state()
    train(state, fabric, total=2)
    assert torch.equal(torch.get_rng_state(), before)


def test_records_count_updates_and_name_the_loss_of_chance(fabric):
    records = train(new_state(fabric), fabric, total=3)
    assert [record.step for record in records] == [1, 2, 3]
    assert all(record.total == 3 for record in records)
    assert records[0].uniform_loss == pytest.approx(math.log(5))
    assert all(1 <= record.prototypes_used <= 5.001 for record in records)
    assert all(0 <= record.assignment_entropy <= math.log(5) + 1e-3 for record in records)


def test_prototypes_stay_frozen_for_at_most_a_tenth_of_the_updates(fabric):
    state = new_state(fabric)
    start = state.model.prototypes.weight.clone()
    moved = []
    for record in fit_swav(
        state,
        IMAGES,
        CONFIG,
        seed=0,
        total=20,
        crop_settings=crop_settings(state.model.encoder, CONFIG, flip=False),
        fabric=fabric,
    ):
        moved.append(not torch.allclose(state.model.prototypes.weight, start, atol=1e-6))
        if record.step == 3:
            break
    assert moved == [False, False, True]


def test_clusters_of_colors_are_learned(fabric):
    random = torch.Generator().manual_seed(0)
    colors = torch.tensor([[250, 10, 10], [10, 250, 10], [10, 10, 250], [240, 240, 20]])
    noise = torch.randint(-10, 10, (32, 3, 16, 16), generator=random)
    images = (colors.repeat(8, 1)[:, :, None, None] + noise).clamp(0, 255).to(torch.uint8)
    config = CONFIG.model_copy(
        update={"batch_size": 16, "prototypes": 4, "lr": 5e-3, "epsilon": 0.05, "queue_batches": 0}
    )
    state = new_state(fabric, config)
    settings = CropSettings(size=16, local_crops=1, jitter=0.0, grey_share=0.0)
    records = train(state, fabric, total=60, images=images, config=config, settings=settings)
    assert records[-1].loss < 0.6 * records[-1].uniform_loss


def test_every_epoch_shows_every_image_once():
    rows = torch.cat([batch_rows(10, batch_size=4, seed=0, step=step) for step in range(10)])
    epochs = rows.view(4, 10)
    assert all(sorted(epoch.tolist()) == list(range(10)) for epoch in epochs)
    assert not torch.equal(epochs[0], epochs[1])


def test_a_batch_may_be_larger_than_the_set():
    rows = batch_rows(3, batch_size=8, seed=0, step=1)
    assert len(rows) == 8
    assert set(rows.tolist()) == {0, 1, 2}


def test_learning_rate_warms_up_and_ends_at_zero():
    rates = [learning_rate(step, total=100, peak=2.0) for step in range(100)]
    assert rates[:10] == pytest.approx([0.2 * step for step in range(1, 11)])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0, abs=1e-12)
    assert learning_rate(0, total=1, peak=2.0) == 2.0


def test_updates_follow_epochs_where_none_are_given():
    assert swav_updates(EncodeConfig(epochs=3, batch_size=4), images=10) == 8
    assert swav_updates(EncodeConfig(epochs=3, batch_size=4, updates=5), images=10) == 5


@pytest.mark.parametrize(("images", "batch_size"), [(1, 6), (10, 1)])
def test_single_images_cannot_be_compared(fabric, images, batch_size):
    config = CONFIG.model_copy(update={"batch_size": batch_size})
    with pytest.raises(MggcError, match="at least 2"):
        train(new_state(fabric, config), fabric, total=1, images=IMAGES[:images], config=config)
