import pytest
import torch

from mggc.manifold import ResNet

# torchvision's resnet18 and resnet50 without fc.
PARAMETERS = {18: 11_176_512, 50: 23_508_032}
ENTRIES = {18: 120, 50: 318}
DIM = {18: 512, 50: 2048}


@pytest.mark.parametrize("depth", [18, 50])
def test_resnets_have_torchvisions_entries_and_parameters(depth):
    network = ResNet(depth=depth)
    assert sum(parameter.numel() for parameter in network.parameters()) == PARAMETERS[depth]
    assert len(network.state_dict()) == ENTRIES[depth]
    assert network.dim == DIM[depth]


def test_resnet50_has_torchvisions_names_and_shapes():
    weights = ResNet(depth=50).state_dict()
    assert weights["conv1.weight"].shape == (64, 3, 7, 7)
    assert weights["layer1.0.downsample.0.weight"].shape == (256, 64, 1, 1)
    assert weights["layer1.0.downsample.1.running_var"].shape == (256,)
    assert weights["layer4.2.conv2.weight"].shape == (512, 512, 3, 3)
    assert weights["layer4.2.bn3.bias"].shape == (2048,)
    assert "layer1.0.downsample.0.weight" not in ResNet(depth=18).state_dict()


@pytest.mark.parametrize("depth", [18, 50])
@pytest.mark.parametrize("small_images", [False, True])
@pytest.mark.parametrize("size", [28, 64])
def test_features_are_one_nonnegative_vector_for_each_image(depth, small_images, size):
    network = ResNet(depth=depth, width=4, small_images=small_images)
    features = network(torch.randn(2, 3, size, size))
    assert features.shape == (2, network.dim)
    assert features.min() >= 0


def test_stem_for_small_images_keeps_twice_the_resolution():
    sides = []
    for small_images in (False, True):
        network = ResNet(depth=18, width=4, small_images=small_images)
        network.layer1.register_forward_hook(lambda _module, _inputs, output: sides.append(output.shape[-1]))
        network(torch.zeros(2, 3, 64, 64))
    assert sides == [16, 32]
