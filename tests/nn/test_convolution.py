"""Convolution and pooling where the short ways that they take could show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import teachgrad
import teachgrad.nn.functional as F
from teachgrad.ops import convolution

torch = pytest.importorskip("torch")


def awkward(kind: str) -> np.ndarray[Any, Any]:
    """Planes full of ties, or with NaN and -inf here and there."""
    random = np.random.default_rng(0)
    planes = random.integers(0, 3, (2, 3, 9, 8)).astype(np.float32)
    if kind == "nan":
        planes[random.random(planes.shape) < 0.2] = np.nan
        planes[random.random(planes.shape) < 0.5] = -np.inf
    return planes


@pytest.mark.parametrize("kind", ["ties", "nan"])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation"), [(2, 2, 0, 1), (3, 1, 1, 1), (2, 3, 1, 2), (17, 1, 8, 1)]
)
def test_the_same_pixel_wins(kind: str, kernel: int, stride: int, padding: int, dilation: int) -> None:
    planes, how = awkward(kind), (kernel, stride, padding, dilation)
    values, indices = F.max_pool2d(teachgrad.tensor(planes), *how, return_indices=True)
    expected, places = torch.nn.functional.max_pool2d(torch.tensor(planes), *how, return_indices=True)
    np.testing.assert_array_equal(values.numpy(), expected.numpy())
    np.testing.assert_array_equal(indices.numpy(), places.numpy())


def gradients() -> list[np.ndarray[Any, Any]]:
    random = np.random.default_rng(1)
    leaves = [teachgrad.tensor(random.normal(size=s), requires_grad=True) for s in [(2, 4, 6, 5), (6, 2, 3, 2), (6,)]]
    (F.conv2d(*leaves, stride=(2, 1), padding=1, groups=2) ** 2).sum().backward()
    return [leaf.grad.numpy() for leaf in leaves]


def test_columns_that_were_kept_and_columns_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = gradients()
    monkeypatch.setattr(convolution, "KEPT_COLUMNS", 0)
    for first, again in zip(kept, gradients(), strict=True):
        np.testing.assert_allclose(first, again)


def test_columns_are_kept_only_where_they_are_wanted() -> None:
    x, w = teachgrad.ones(1, 1, 5, 5, requires_grad=True), teachgrad.ones(1, 1, 3, 3, requires_grad=True)
    assert F.conv2d(x, w).grad_fn._saved_columns is not None
    assert F.conv2d(x, w.detach()).grad_fn._saved_columns is None
    packed = []

    def pack(tensor: Any) -> Any:
        packed.append(tuple(tensor.shape))
        return tensor

    with teachgrad.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        F.conv2d(x, w).sum().backward()
    assert packed == [(1, 1, 5, 5), (1, 1, 3, 3)]


def test_an_input_changed_after_pooling_is_noticed() -> None:
    x = teachgrad.ones(1, 1, 4, 4, requires_grad=True) * 1
    pooled = F.max_pool2d(x, 2)
    with teachgrad.no_grad():
        x.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        pooled.sum().backward()


def test_one_pixel_kernels_share_no_memory_with_their_input() -> None:
    x = teachgrad.ones(1, 1, 3, 3)
    for answer in (F.max_pool2d(x, 1), F.avg_pool2d(x, 1), F.unfold(x, 1), F.conv2d(x, teachgrad.ones(1, 1, 1, 1))):
        answer.zero_()
        assert x.sum() == 9
