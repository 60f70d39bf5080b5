import pytest
import torch

from mggc.errors import MggcError
from mggc.manifold import ResNet, embed, load_swav_checkpoint


def published_layout(network: ResNet) -> dict[str, torch.Tensor]:
    """The names of swav_800ep_pretrain.pth.tar, on a network's own weights."""
    weights = {f"module.{name}": tensor for name, tensor in network.state_dict().items()}
    weights["module.projection_head.0.weight"] = torch.zeros(2048, 2048)
    weights["module.projection_head.1.running_mean"] = torch.zeros(2048)
    weights["module.projection_head.3.weight"] = torch.zeros(128, 2048)
    weights["module.prototypes.weight"] = torch.zeros(3000, 128)
    return weights


@pytest.fixture(scope="module")
def network() -> ResNet:
    torch.manual_seed(0)
    return ResNet(depth=50)


@pytest.mark.parametrize("layout", ["published", "state_dict", "bare", "no batch counts"])
def test_a_file_in_the_published_layout_loads(network, tmp_path, layout):
    weights = published_layout(network)
    if layout == "no batch counts":
        weights = {name: tensor for name, tensor in weights.items() if not name.endswith("tracked")}
    if layout == "bare":
        weights = network.state_dict()
    torch.save(
        {"state_dict": weights, "epoch": 800} if layout == "state_dict" else weights,
        tmp_path / "swav.pth.tar",
    )
    encoder = load_swav_checkpoint(tmp_path / "swav.pth.tar", image_size=32)
    assert (encoder.name, encoder.dim) == ("swav-r50-imagenet", 2048)
    images = torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8)
    normalized = (images / 255 - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor(
        [0.229, 0.224, 0.225]
    ).view(3, 1, 1)
    with torch.no_grad():
        expected = network.eval()(normalized)
    torch.testing.assert_close(embed(encoder, images), expected, rtol=1e-4, atol=1e-4)


def damaged(kind: str, network: ResNet) -> object:
    weights = published_layout(network)
    if kind == "another network":
        return ResNet(depth=18, width=4).state_dict()
    if kind == "a missing layer":
        del weights["module.layer3.4.conv2.weight"]
    if kind == "a wider layer":
        weights["module.layer3.4.conv2.weight"] = torch.zeros(512, 512, 3, 3)
    return [1, 2, 3] if kind == "a list" else weights


@pytest.mark.parametrize("kind", ["another network", "a missing layer", "a wider layer", "a list"])
def test_another_file_is_refused_in_one_line_that_names_it(network, tmp_path, kind):
    torch.save(damaged(kind, network), tmp_path / "other.pth")
    with pytest.raises(MggcError, match=r"SwAV ResNet-50 checkpoint.*other\.pth") as caught:
        load_swav_checkpoint(tmp_path / "other.pth")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"not weights at all", b"PK\x03\x04 torn"])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "file.pth"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MggcError, match=r"file\.pth") as caught:
        load_swav_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_code_in_a_file_is_not_run(tmp_path):
    class Mischief:
        def __reduce__(self):
            return (print, ("run",))

    torch.save({"module.conv1.weight": Mischief()}, tmp_path / "mischief.pth")
    with pytest.raises(MggcError, match="does not read as weights"):
        load_swav_checkpoint(tmp_path / "mischief.pth")
