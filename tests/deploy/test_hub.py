import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from deploy_toys import RESNET, UNET, generator
from huggingface_hub import ModelCard
from huggingface_hub.errors import LocalTokenNotFoundError
from torch import nn

import mggc
from mggc.deploy.hub import HubGenerator
from mggc.errors import MggcError
from mggc.networks.build import build
from mggc.networks.files import save_network
from mggc.networks.specs import FactorySpec, NetworkSpec, PatchSpec
from own_networks import trained_mobile
from toys import images


def assert_same(one: nn.Module, other: nn.Module) -> None:
    with torch.no_grad():
        assert torch.equal(one(images(1, 3, 32, 64)), other(images(1, 3, 32, 64)))


@pytest.mark.parametrize("spec", [UNET, RESNET], ids=["U-Net", "ResNet"])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_folder_round_trips(tmp_path: Path, spec: NetworkSpec, compressed: bool) -> None:
    network = generator(spec, compressed=compressed)
    HubGenerator(network, spec, origin={"seed": 3}).save_pretrained(tmp_path / "model")
    assert {path.name for path in (tmp_path / "model").iterdir()} == {
        "config.json",
        "model.safetensors",
        "README.md",
    }
    loaded = mggc.HubGenerator.from_pretrained(tmp_path / "model")
    assert not loaded.training
    assert loaded.origin == {"seed": 3}
    assert_same(loaded, network)
    assert_same(mggc.load_generator(tmp_path / "model"), network)
    loaded.save_pretrained(str(tmp_path / "again"))
    for path in (tmp_path / "model").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()
    picture = torch.zeros(3, 30, 41, dtype=torch.uint8)
    assert loaded.translate(picture).shape == picture.shape


def test_saving_into_a_repository_keeps_its_other_files_and_its_card(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nlibrary_name: mggc\n---\nMine.\n")
    (tmp_path / "sample.png").write_bytes(b"picture")
    HubGenerator(generator(UNET), UNET).save_pretrained(tmp_path)
    HubGenerator(generator(UNET, compressed=True), UNET).save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
        "sample.png",
    ]
    assert_same(HubGenerator.from_pretrained(tmp_path), generator(UNET, compressed=True))
    assert "Mine." in (tmp_path / "README.md").read_text()


class Api:
    """What `huggingface_hub.HfApi` would have been asked."""

    error: Exception | None = None
    uploads: list[dict[str, Any]] = []  # noqa: RUF012  # one list for the test

    def __init__(self, token: str | None = None) -> None:
        self.token = token

    def create_repo(self, repo_id: str, **_: Any) -> Any:
        if self.error is not None:
            raise self.error
        return type("Repository", (), {"repo_id": repo_id})

    def upload_folder(self, *, folder_path: Path, **options: Any) -> str:
        files = {path.name: path.read_bytes() for path in folder_path.iterdir()}
        self.uploads.append({**options, "token": self.token, "files": files})
        return f"https://huggingface.co/{options['repo_id']}/commit/1"


def test_push_uploads_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi", Api)
    monkeypatch.setattr(Api, "uploads", [])
    model = HubGenerator(generator(UNET), UNET)
    model.save_pretrained(tmp_path / "model")
    assert model.push_to_hub("me/model", token="hf_test").endswith("me/model/commit/1")
    (upload,) = Api.uploads
    assert (upload["repo_id"], upload["repo_type"], upload["token"]) == ("me/model", "model", "hf_test")
    assert upload["commit_message"] == "Add a generator compressed with mggc"
    assert upload["files"] == {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionError("Name or service not known\nand more"), "Name or service not known"),
        (LocalTokenNotFoundError("Token is required"), "Token is required"),
    ],
    ids=["offline", "not logged in"],
)
def test_what_keeps_from_pushing_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi", Api)
    monkeypatch.setattr(Api, "error", error)
    with pytest.raises(MggcError, match="me/model could not be pushed") as caught:
        HubGenerator(generator(UNET), UNET).push_to_hub("me/model")
    assert said in str(caught.value)
    assert "hf auth login" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_that_the_hub_refuses_is_said_in_one_line() -> None:
    with pytest.raises(MggcError, match="me/my/model could not be pushed"):
        HubGenerator(generator(UNET), UNET).push_to_hub("me/my/model")
    with pytest.raises(MggcError, match="no folder here and could not be downloaded"):
        HubGenerator.from_pretrained("me/my/model")


def test_a_download_is_loaded_like_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    HubGenerator(generator(RESNET), RESNET).save_pretrained(tmp_path / "cache")
    asked: dict[str, Any] = {}

    def download(name: str, **options: Any) -> str:
        asked.update(options, name=name)
        return str(tmp_path / "cache")

    monkeypatch.setattr("mggc.deploy.hub.snapshot_download", download)
    assert_same(HubGenerator.from_pretrained("me/model", revision="v1"), generator(RESNET))
    assert (asked["name"], asked["revision"]) == ("me/model", "v1")
    spec = FactorySpec(factory="own_networks:trained_mobile", input_channels=3, output_channels=3)
    save_network(tmp_path / "own", trained_mobile().eval(), spec=spec)
    assert HubGenerator.from_pretrained(tmp_path / "own").spec == spec, "a folder of the user's is trusted"
    monkeypatch.setattr("mggc.deploy.hub.snapshot_download", lambda *_, **__: str(tmp_path / "own"))
    with pytest.raises(MggcError, match="built by the code own_networks:trained_mobile"):
        HubGenerator.from_pretrained("me/model")


def test_a_discriminator_is_no_hub_generator(tmp_path: Path) -> None:
    spec = PatchSpec(input_channels=3, ndf=2)
    save_network(tmp_path / "judge", build(spec), spec=spec)
    with pytest.raises(MggcError, match="holds a discriminator"):
        HubGenerator.from_pretrained(tmp_path / "judge")


def test_the_card_is_one_that_the_hub_reads() -> None:
    card = HubGenerator(generator(UNET), UNET).generate_model_card()
    assert isinstance(card, ModelCard)
    assert card.data.library_name == "mggc"
    assert card.data.pipeline_tag == "image-to-image"
    assert "unet" in (card.data.tags or [])


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MggcError, match=r"pip install 'mggc\[hub\]'"):
        _ = mggc.HubGenerator
