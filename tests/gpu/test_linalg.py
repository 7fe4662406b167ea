"""Linear algebra and CTC on the GPU: the CPU's numbers for single matrices and batches, and nothing goes to the CPU for it.

Where an answer is free to choose its signs or its order, a sum that does not depend on them is compared.
"""

from __future__ import annotations

import importlib
import sys
import types

import numpy as np
import pytest

import teachgrad as torch
from gpu import lines

pytestmark = pytest.mark.gpu
F = torch.nn.functional

SQUARE = np.random.default_rng(0).standard_normal((2, 3, 4, 4)) + 3 * np.eye(4)
TALL = np.random.default_rng(1).standard_normal((2, 5, 3))

WITHOUT_WAITING = [
    "torch.linalg.lu(a)[1] + torch.linalg.lu(a)[2]", "torch.linalg.lu_factor_ex(t)[0]", "torch.linalg.lu(t.mT)[2]",
    "torch.lu_unpack(*torch.linalg.lu_factor_ex(a)[:2])[2]", "torch.linalg.cholesky_ex(a @ a.mT)[0]",
    "torch.linalg.cholesky_ex(a @ a.mT, upper=True)[0]", "torch.linalg.solve_ex(a, a[0, 0])[0]", "torch.linalg.inv_ex(a)[0]",
    "torch.linalg.lu_solve(*torch.linalg.lu_factor_ex(a[0, 0])[:2], a)", "torch.cholesky_solve(a, a[0, 0].tril())",
    "torch.linalg.solve_triangular(a, a[0, 0], upper=True)", "torch.linalg.solve_triangular(a[0, 0], a, upper=False)",
    "torch.linalg.solve_triangular(a, t[:, None, :4, :].mT, upper=True, left=False, unitriangular=True)",
    "torch.linalg.pinv(t)", "torch.linalg.pinv(a @ a.mT, hermitian=True)", "torch.linalg.pinv(a, atol=0.1, rtol=1e-3)",
    "torch.linalg.lstsq(t, t[..., :2] ** 2)[0]", "torch.linalg.lstsq(t, t, driver='gels')[1]", "torch.det(a)",
    "torch.linalg.lstsq(t.mT, t[0, :3, 0])[0]", "torch.linalg.matrix_rank(t)", "torch.linalg.qr(t)[1].abs()",
    "torch.linalg.svd(t, full_matrices=False)[1]", "torch.linalg.eigvalsh(a @ a.mT)", "torch.polygamma(2, t)",
    "torch.polygamma(1, a)", "torch.linalg.matrix_norm(t, 2)", "torch.svd(t, compute_uv=False)[0]",
    "torch.histogram(t, 4, range=(-1.0, 1.5))[0]", "torch.histogram(t, 3, range=(-1.0, 1.5), weight=t * t, density=True)[0]",
    "torch.histogramdd(t, [2, 3, 2], range=[-1.0, 1.0] * 3, density=True)[0]", "torch.histc(t, 5, -1, 1)",
    "torch.linalg.householder_product(t, t[:, 0].abs())", "torch.linalg.solve_ex(a, a[..., :0])[0]",
]  # fmt: skip
ONE_LOOK = [
    "torch.linalg.matrix_exp(a)",
    "torch.matrix_exp(20 * a[0])",
    "torch.linalg.inv(a)",
    "torch.linalg.cholesky(a @ a.mT)",
]


@pytest.mark.parametrize("text", [*WITHOUT_WAITING, *ONE_LOOK])
def test_the_cpu_s_numbers(text, watch, request):
    found, wanted = [], []
    for place, into in (("cpu", wanted), ("cuda", found)):
        a, t = (torch.from_numpy(each.copy()).to(place).requires_grad_() for each in (SQUARE, TALL))
        free = place == "cpu" or text in ONE_LOOK
        space = {"torch": torch, "a": a, "t": t}
        with torch.device(place):
            if free:
                value = eval(text, space)
            else:
                with watch() as counts:
                    value = eval(text, space)
                assert not counts, counts
            into.append(value)
            if value.requires_grad:
                start = lines.cotangents([value], place)
                if free:
                    into += torch.autograd.grad(value, (a, t), start, allow_unused=True)
                else:
                    with watch() as counts:
                        into += torch.autograd.grad(value, (a, t), start, allow_unused=True)
                    assert not counts, counts
    assert all(value.device.type == "cuda" for value in found if value is not None)
    assert [value is None for value in found] == [value is None for value in wanted]
    lines.check_same(
        *[[lines.host(v) for v in values if v is not None] for values in (found, wanted)], text, 1e-7, 1e-8
    )


def test_lstsq_knows_one_way_there():
    a, b = torch.ones(3, 2, device="cuda").tril(), torch.ones(3, 1, device="cuda")
    with pytest.raises(RuntimeError) as info:
        torch.linalg.lstsq(a, b, driver="gelsd")
    assert str(info.value) == "torch.linalg.lstsq: `driver` other than `gels` is not supported on CUDA"
    found = torch.linalg.lstsq(a, b)
    assert found.rank.shape == (0,) and found.singular_values.shape == (0,) and found.residuals.shape == (1,)


def test_what_has_no_inverse_is_told():
    A = torch.tensor([[[2.0, 1.0], [1.0, 3.0]], [[1.0, 2.0], [2.0, 4.0]]], device="cuda")
    text = "linalg.inv: (Batch element 1): The diagonal element 2 is zero, the inversion could not be completed because the "
    with pytest.raises(torch.linalg.LinAlgError) as info:
        torch.linalg.inv(A)
    assert str(info.value) == text + "input matrix is singular."
    assert torch.linalg.inv_ex(A)[1].tolist() == [0, 1] and torch.linalg.solve_ex(A, A)[1].tolist() == [0, 1]
    A[1, 0, 0] = float("nan")  # PyTorch inverts that, to nan
    assert torch.linalg.inv(A)[1].isnan().all()
    root, info = torch.linalg.cholesky_ex(torch.tensor([[4.0, 2.0], [2.0, 1.0]], device="cuda"))
    assert info.item() == 2 and root[0, 0] == 2
    upper = torch.linalg.solve_triangular(torch.tensor([[0.0, 1.0], [0.0, 2.0]], device="cuda"), A[0], upper=True)
    assert upper[0].isinf().all() and upper[1].tolist() == [0.5, 1.5]


def losses(place):
    torch.manual_seed(0)
    with torch.device("cpu"):
        scores = torch.randn(9, 4, 5, dtype=torch.float64)
        targets = torch.tensor([[1, 2, 2, 3], [4, 4, 0, 0], [3, 0, 0, 0], [0, 0, 0, 0]])
    scores = scores.to(place).requires_grad_()
    for reduction, zero in (("none", False), ("mean", True)):
        yield (
            scores,
            lambda reduction=reduction, zero=zero: F.ctc_loss(
                scores.log_softmax(2),
                targets.to(place),
                (9, 5, 1, 0),
                (4, 2, 1, 0),
                reduction=reduction,
                zero_infinity=zero,
            ),
        )


def test_ctc():
    """Sequences of several lengths, one of them in no time at all."""
    for (x, of_cpu), (y, of_gpu) in zip(losses("cpu"), losses("cuda"), strict=True):
        one, other = of_cpu(), of_gpu()
        assert other.is_cuda
        torch.testing.assert_close(other.cpu(), one)
        one.sum().backward()
        other.sum().backward()
        torch.testing.assert_close(y.grad.cpu(), x.grad, equal_nan=True)
        x.grad = y.grad = None


def spectrum(place):
    """Sums over all eigenvalues and eigenvectors, which say nothing of their order and their phases, and their gradient."""
    A = torch.from_numpy(SQUARE[0].copy()).to(place).requires_grad_()
    values, vectors = torch.linalg.eig(A)
    total = (values**3).sum().real + (values.abs() * (vectors.abs() ** 4).sum(-2)).sum()
    total.backward()
    return total, A.grad


def test_eigenvalues():
    (total, grad), (wanted, slope) = spectrum("cuda"), spectrum("cpu")
    torch.testing.assert_close(total.cpu(), wanted)
    torch.testing.assert_close(grad.cpu(), slope)


def test_eigenvalues_where_cupy_has_them(request, monkeypatch, watch):
    """CuPy 14 has: then nothing but whether all numbers are finite is asked."""
    if request.config.getoption("--device") == "cuda":
        pytest.skip("the stand-in has CuPy 13's functions")
    from gpu.decompositions import decomposition

    cupy = sys.modules["cupy"]
    monkeypatch.setattr(cupy.linalg, "eig", decomposition("eig", "a"), raising=False)
    available = types.SimpleNamespace(check_availability=lambda name: name == "geev")
    monkeypatch.setitem(sys.modules, "cupyx.cusolver", available)
    assert importlib.import_module("cupyx.cusolver") is available
    with watch() as counts:
        found = spectrum("cuda")
    counts.pop("where")
    assert counts == {"to host": 1, "to device": 1}  # `SQUARE` goes there
    torch.testing.assert_close(found[1].cpu(), spectrum("cpu")[1])
