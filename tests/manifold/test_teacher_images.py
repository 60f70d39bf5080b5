import numpy as np
import pytest
import torch
from torch import nn

from mggc.errors import MggcError
from mggc.manifold import open_teacher_images, teacher_batch, write_teacher_images

CPU = torch.device("cpu")


def batches(*sizes: int) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    return [torch.rand(size, 3, 8, 8, generator=random) * 2 - 1 for size in sizes]


def test_stored_images_are_the_generators_up_to_rounding(tmp_path):
    sources = batches(4, 4, 3)
    write_teacher_images(tmp_path / "teacher.npy", torch.tanh, sources, count=11, device=CPU)
    images = open_teacher_images(tmp_path / "teacher.npy")
    assert images.shape == (11, 3, 8, 8)
    assert images.dtype == np.uint8
    rows = torch.tensor([10, 0, 0, 7])
    expected = torch.cat(sources).tanh()[rows]
    assert (teacher_batch(images, rows) - expected).abs().max() <= 1 / 255 + 1e-6


def test_values_beyond_the_range_are_clipped(tmp_path):
    write_teacher_images(tmp_path / "teacher.npy", lambda x: 3 * x, batches(5), count=5, device=CPU)
    images = open_teacher_images(tmp_path / "teacher.npy")
    expected = (3 * batches(5)[0]).clamp(-1, 1)
    assert (teacher_batch(images, torch.arange(5)) - expected).abs().max() <= 1 / 255 + 1e-6


def test_memory_map_is_read_only_and_its_batches_are_not(tmp_path):
    write_teacher_images(tmp_path / "teacher.npy", torch.tanh, batches(2), count=2, device=CPU)
    images = open_teacher_images(tmp_path / "teacher.npy")
    assert not images.flags.writeable
    teacher_batch(images, torch.tensor([0])).zero_()


def test_generator_runs_in_eval_mode_without_gradients_and_gets_its_modes_back(tmp_path):
    class Observed(nn.Module):
        def __init__(self):
            super().__init__()
            self.dropout = nn.Dropout(0.5)
            self.norm = nn.BatchNorm2d(3).eval()
            self.scale = nn.Parameter(torch.ones(1))
            self.seen = []

        def forward(self, x):
            self.seen.append((self.training, self.dropout.training, torch.is_grad_enabled()))
            return self.dropout(self.norm(x)) * self.scale

    network = Observed()
    write_teacher_images(tmp_path / "teacher.npy", network, batches(2, 2), count=4, device=CPU)
    assert network.seen == [(False, False, False)] * 2
    assert network.training
    assert network.dropout.training
    assert not network.norm.training


def failing(images: torch.Tensor) -> torch.Tensor:
    if len(images) == 2:
        raise RuntimeError("no memory")
    return images


@pytest.mark.parametrize("before", [False, True])
def test_nothing_half_written_remains_when_the_generator_fails(tmp_path, before):
    path = tmp_path / "teacher.npy"
    if before:
        write_teacher_images(path, torch.tanh, batches(3), count=3, device=CPU)
    content = path.read_bytes() if before else None
    with pytest.raises(RuntimeError, match="no memory"):
        write_teacher_images(path, failing, batches(3, 2), count=5, device=CPU)
    assert list(tmp_path.iterdir()) == ([path] if before else [])
    assert content is None or path.read_bytes() == content


@pytest.mark.parametrize("count", [4, 6])
def test_a_wrong_count_is_refused(tmp_path, count):
    with pytest.raises(ValueError, match=f"count = {count}"):
        write_teacher_images(tmp_path / "teacher.npy", torch.tanh, batches(3, 2), count=count, device=CPU)
    assert list(tmp_path.iterdir()) == []


def test_no_images_are_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one"):
        write_teacher_images(tmp_path / "teacher.npy", torch.tanh, [], count=0, device=CPU)


@pytest.mark.parametrize("content", [None, b"nonsense", np.zeros(3)])
def test_another_file_is_refused(tmp_path, content):
    path = tmp_path / "teacher.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        np.save(path, content)
    with pytest.raises(MggcError, match=r"teacher\.npy") as caught:
        open_teacher_images(path)
    assert "\n" not in str(caught.value)
