from itertools import islice
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric

from mggc.config import EncodeConfig
from mggc.data.images import PairHalf, list_images
from mggc.data.loaders import stack
from mggc.manifold import (
    build_encoder,
    crop_settings,
    embed,
    encoder_spec,
    fit_swav,
    make_swav_state,
    nearest_neighbors,
    neighbor_grid,
)


@pytest.mark.real_images
@pytest.mark.parametrize("folder", ["facades/train", "edges2shoes/train"])
def test_an_encoder_trains_on_photographs_and_finds_noisy_copies(real_images: Path, folder: str):
    paths = list_images(real_images / folder)[:40]
    images = stack(PairHalf(paths, half="B", channels=3), image_size=64)
    config = EncodeConfig(width=8, batch_size=16, local_crops=2)
    torch.manual_seed(0)
    encoder = build_encoder(encoder_spec(config, data_image_size=64))
    fabric = Fabric(accelerator="cpu")
    state = make_swav_state(encoder, config, seed=0, fabric=fabric)
    views = crop_settings(encoder, config, flip=True)
    training = fit_swav(state, images, config, seed=0, total=20, crop_settings=views, fabric=fabric)
    assert all(record.loss < 2 * record.uniform_loss for record in islice(training, 20))

    noise = torch.randint(-4, 5, images.shape, generator=torch.Generator().manual_seed(0))
    copies = (images + noise).clamp(0, 255).to(torch.uint8)
    neighbors = nearest_neighbors(embed(encoder, torch.cat([images, copies])), 5)
    found = neighbors.indices[:40, 0] == torch.arange(40, 80)
    assert found.float().mean() > 0.9
    assert neighbor_grid(images.numpy(), neighbors.indices[:40] % 40, torch.arange(3)).width > 6 * 96
