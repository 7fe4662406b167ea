"""The stand-in refuses what CuPy refuses and counts what crosses: else the other tests here would prove nothing."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def cupy(request, cuda_is_there):
    if request.config.getoption("--device") == "cuda":
        pytest.skip("this is about the stand-in")
    return cuda_is_there


REFUSED = [
    "a + h", "h + a", "np.add(a, h)", "a * np.array(2.0)", "np.asarray(a)", "np.array([a, a])", "np.maximum.reduce(a)",
    "np.logical_and.reduce(a)", "np.maximum.accumulate(a)", "np.argsort(a, stable=True)", "np.block([a])",
    "np.linalg.svdvals(a)", "np.linalg.multi_dot([a, a])", "np.empty_like(a, subok=False)", "np.ascontiguousarray(a)",
    "np.lib.stride_tricks.as_strided(a, (2,), (4,))", "np.vectorize(float)(a)", "range(a[0, 0])", "a.flags.writeable",
    "hash(a)", "a.__setitem__(0, h[0])", "np.repeat(a, a)", "np.concatenate([a, h])", "np.where(a > 0, a, h)",
    "a.__array_interface__", "np.add.at(cupy.zeros(2, np.int64), cupy.zeros(1, np.int64), 1)", "a.astype(object)",
    "a[a > 0, a > 0]", "np.add(a, a, subok=False)", "a.ctypes", "np.einsum_path('ij->i', a)", "np.divide(a, 1, order='C')",
    "np.take(a, cupy.arange(2), mode='clip')", "np.max(a, initial=0)", "np.linalg.cholesky(a, upper=True)", "a.mT2",
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_refuses(cupy, text):
    space = {"np": np, "cupy": cupy, "a": cupy.ones((2, 3), np.float32), "h": np.ones((2, 3), np.float32)}
    with pytest.raises((TypeError, NotImplementedError, AttributeError, ValueError)):
        eval(text, space)


CROSSINGS = {
    "a.get()": "to host", "a.tolist()": "to host", "a[0, 0].item()": "to host", "float(a[0, 0])": "to host",
    "bool(a[0, 0])": "to host", "repr(a)": "to host", "cupy.asnumpy(a)": "to host", "cupy.asarray(h)": "to device",
    "cupy.array([1, 2])": "to device", "a[[0, 1]]": "to device", "a[np.array([0])]": "to device", "a[a > 0]": "wait",
    "np.nonzero(a)": "wait", "np.unique(a)": "wait", "np.bincount(cupy.arange(3))": "wait",
}  # fmt: skip
FREE = [
    "a + a", "a + 1", "a + np.float32(2)", "np.float32(2) * a", "np.exp(a)", "np.add.reduce(a, axis=0)", "a.sum()",
    "a @ a.T", "a[0]", "a[:, 1:]", "a[cupy.arange(2)]", "np.where(a > 0, a, 0)", "np.zeros_like(a)", "cupy.zeros(3)",
    "a.reshape(-1)", "a.astype(np.float64)", "np.concatenate([a, a])", "np.add(a, a, out=a)", "a.__setitem__(0, 1.0)",
    "np.sort(a, axis=0)", "np.take_along_axis(a, a.astype(int), 1)", "a.max(axis=1, keepdims=True)", "a.copy()",
]  # fmt: skip


@pytest.mark.parametrize("text", [*CROSSINGS, *FREE])
def test_counts(cupy, text, watch):
    space = {"np": np, "cupy": cupy, "a": cupy.ones((2, 3), np.float32), "h": np.ones((2, 3), np.float32)}
    with watch() as counts:
        result = eval(text, space)
    counts.pop("where", None)
    assert counts == ({CROSSINGS[text]: 1} if text in CROSSINGS else {})
    if text in FREE and result is not None:
        assert type(result) is cupy.ndarray  # single numbers too: CuPy knows no scalars


def test_views_share_and_memory_is_counted(cupy):
    pool = cupy.get_default_memory_pool()
    before = pool.used_bytes()
    a = cupy.zeros((10, 10), np.float32)
    first = a[0, 0]
    first[...] = 5
    total = a.sum().item()
    assert total == 5 and pool.used_bytes() == before + 400
    del a
    assert pool.used_bytes() == before + 400  # the view still holds it
    del first
    assert pool.used_bytes() == before
