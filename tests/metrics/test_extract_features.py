import pytest
import torch
from torch import Tensor, nn

from mggc.data.transforms import to_float
from mggc.metrics import extract_features
from toys import strong_weights


class Pooled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 7, 3), nn.BatchNorm2d(7), nn.ReLU())

    def forward(self, images: Tensor) -> Tensor:
        return self.body(images).mean((2, 3))


def stored(count: int) -> Tensor:
    return torch.randint(256, (count, 3, 9, 9), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


@pytest.mark.parametrize("batch_size", [1, 3, 5, 64])
def test_features_do_not_depend_on_the_batch_size(batch_size):
    network, images = strong_weights(Pooled()).train(), stored(5)
    features = extract_features(network, images, batch_size=batch_size)
    one_by_one = torch.cat([network.eval()(to_float(image[None])) for image in images])
    assert torch.allclose(features, one_by_one, rtol=1e-5, atol=1e-6)
    assert not features.requires_grad


def test_the_extractor_keeps_its_mode_and_statistics():
    network = Pooled().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    extract_features(network, stored(4))
    assert network.training
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())


def test_no_images_have_no_features():
    with pytest.raises(ValueError, match="an image or more"):
        extract_features(Pooled(), stored(0))
