import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from mggc.errors import MggcError
from mggc.networks.checkpoints import read_state_dict

WEIGHTS = {"model.1.weight": torch.arange(4.0), "model.1.bias": torch.ones(2)}


def assert_read(path: Path, **options: Any) -> None:
    found = read_state_dict(path, **options)
    assert found.keys() == WEIGHTS.keys()
    assert all(torch.equal(found[key], value) for key, value in WEIGHTS.items())


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


def prefixed(prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + key: value for key, value in WEIGHTS.items()}


def test_a_bare_state_dict_is_read_in_every_container(tmp_path):
    assert_read(saved(tmp_path / "new.pth", WEIGHTS))
    torch.save(WEIGHTS, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert_read(tmp_path / "old.pth")
    save_file(WEIGHTS, tmp_path / "safe.safetensors")
    assert_read(tmp_path / "safe.safetensors")


@pytest.mark.parametrize(
    "content",
    [
        {"state_dict": WEIGHTS, "epoch": 3},
        {"model": {"generator_x": WEIGHTS}, "optimizer": {"state": {0: {"exp_avg": torch.ones(1)}}}},
        {"anything": WEIGHTS, "names": ["a"], "step": torch.tensor(3)},
        {"G": WEIGHTS, "D": {"model.0.weight": torch.ones(1)}},
        {"params": {"x.weight": torch.ones(1)}, "params_ema": WEIGHTS},
        {key: nn.Parameter(value) for key, value in WEIGHTS.items()},
    ],
)
def test_wrapping_dictionaries_are_opened(content, tmp_path):
    assert_read(saved(tmp_path / "wrapped.pth", content))


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.module."])
def test_prefixes_of_wrappers_are_dropped(prefix, tmp_path):
    assert_read(saved(tmp_path / "prefixed.pth", prefixed(prefix)))


def test_counters_left_by_profilers_are_dropped(tmp_path):
    counters = {name: torch.zeros(1) for name in ("total_ops", "total_params", "model.1.total_ops")}
    assert_read(saved(tmp_path / "counted.pth", WEIGHTS | counters))


def test_one_of_several_networks_can_be_named(tmp_path):
    path = saved(tmp_path / "both.pth", {"a": {"b": WEIGHTS, "c": {"w": torch.ones(1)}}})
    assert_read(path, entry="a.b")
    with pytest.raises(MggcError, match=r"several networks \(a.b, a.c\). Say which one"):
        read_state_dict(path)
    with pytest.raises(MggcError, match=r"no weights under 'b'. It has a.b, a.c"):
        read_state_dict(path, entry="b")


class Trap:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


def test_a_file_that_would_execute_code_is_refused_and_executes_nothing(tmp_path):
    marker = tmp_path / "executed"
    saved(tmp_path / "trap.pth", WEIGHTS | {"x": Trap(marker)})
    (tmp_path / "trap.pkl").write_bytes(pickle.dumps(Trap(marker)))
    with pytest.raises(MggcError, match=r"more than tensors \(posix.mkdir\).*Save the network's state_dict"):
        read_state_dict(tmp_path / "trap.pth")
    with pytest.raises(MggcError, match="not a PyTorch checkpoint"):
        read_state_dict(tmp_path / "trap.pkl")
    assert not marker.exists()


def test_a_whole_pickled_module_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(MggcError, match=r"torch.nn.modules.conv.Conv2d.*state_dict\(\) alone"):
        read_state_dict(saved(tmp_path / "module.pth", nn.Conv2d(1, 1, 1)))


def write_half(path: Path) -> None:
    content = saved(path, {"w": torch.ones(1000)}).read_bytes()
    path.write_bytes(content[: len(content) // 2])


UNREADABLE = {
    "absent.pth": (lambda path: None, "There is no file"),
    "absent.safetensors": (lambda path: None, "There is no file"),
    "folder.pth": (lambda path: path.mkdir(), "is a folder"),
    "half.pth": (write_half, "cut short or not a PyTorch checkpoint"),
    "half.safetensors": (lambda path: path.write_bytes(b"\x90" * 20), "damaged or cut short"),
    "empty.pth": (lambda path: path.touch(), "cut short or not a PyTorch checkpoint"),
    "page.pth": (lambda path: path.write_text("<!DOCTYPE html><p>Not found"), "not a PyTorch checkpoint"),
    "text.pth": (lambda path: path.write_text("hello, this is text\n" * 9), "not a PyTorch checkpoint"),
    "list.pth": (lambda path: saved(path, [torch.ones(1)]), "holds no tensors"),
    "numbers.pth": (lambda path: saved(path, {"epoch": 3}), "holds no tensors"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_checkpoint_is_refused_in_one_line(name, tmp_path):
    prepare, message = UNREADABLE[name]
    prepare(tmp_path / name)
    with pytest.raises(MggcError, match=message) as refusal:
        read_state_dict(tmp_path / name)
    assert name in str(refusal.value)
    assert "\n" not in str(refusal.value)
