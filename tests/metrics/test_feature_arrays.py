import numpy as np
import pytest
import torch

from mggc.metrics.arrays import as_double, as_double_pair


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_features_of_any_float_type_become_float64(dtype):
    features = torch.tensor([[0.5, -2.0], [3.0, 0.25]], dtype=dtype)
    assert as_double(features).dtype == torch.float64
    assert as_double(features).tolist() == [[0.5, -2.0], [3.0, 0.25]]


def test_read_only_numpy_arrays_are_read_without_a_warning():
    features = np.arange(6, dtype=np.float32).reshape(3, 2)
    features.flags.writeable = False
    assert as_double(features).tolist() == features.tolist()


def test_features_leave_the_graph():
    assert not as_double(torch.ones(2, 3, requires_grad=True)).requires_grad


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_features_that_are_not_finite_are_refused(bad):
    with pytest.raises(ValueError, match="finite"):
        as_double(torch.tensor([[1.0, bad]]))


def test_sets_with_different_features_are_refused():
    with pytest.raises((ValueError, TypeError), match="4"):
        as_double_pair(torch.zeros(2, 3), np.zeros((2, 4)))
