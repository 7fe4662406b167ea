"""gradcheck finds wrong gradients and says where; assert_close and make_tensor."""

from __future__ import annotations

import pytest

import teachgrad

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # PyTorch's make_dual, at its first use


def point(torch, *values):
    return torch.tensor(values or (1.0, 2.0, 3.0), dtype=torch.float64, requires_grad=True)


def function(torch, forward, backward, **more):
    body = {"forward": forward, "backward": backward, **more}
    return type("Custom", (torch.autograd.Function,), {key: staticmethod(value) for key, value in body.items()}).apply


def square(torch, backward, **more):
    return function(
        torch, lambda ctx, x: ctx.save_for_forward(x) or ctx.save_for_backward(x) or x * x, backward, **more
    )


def wrong_in_one_place(torch):
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * 2 * x + torch.tensor([0.0, 0.5, 0.0]) * grad

    return square(torch, backward)


WRONG = """\
Jacobian mismatch for output 0 with respect to input 0,
numerical:tensor([[2.0000, 0.0000, 0.0000],
        [0.0000, 4.0000, 0.0000],
        [0.0000, 0.0000, 6.0000]], dtype=torch.float64)
analytical:tensor([[2.0000, 0.0000, 0.0000],
        [0.0000, 4.5000, 0.0000],
        [0.0000, 0.0000, 6.0000]], dtype=torch.float64)
"""


@pytest.mark.parametrize("options", [{}, {"fast_mode": True}, {"check_forward_ad": True}], ids=str)
def test_right(torch, options):
    check = torch.autograd.gradcheck
    assert check(torch.sin, (point(torch),), **options) is True
    assert check(lambda x, y: (x.sum() * y, x.prod()), (point(torch), point(torch, 0.5, 0.2)), **options)
    assert check(lambda x, k: x * k, (point(torch), 3), **options)
    assert check(lambda x, y: x * 2, (point(torch), point(torch)), **options)
    assert check(lambda x: [x.exp(), x.sum()], point(torch), **options)


def test_second_derivatives(torch):
    check = torch.autograd.gradgradcheck
    assert check(torch.sin, (point(torch),))
    assert check(lambda x, y: x**3 * y, (point(torch), point(torch)), check_fwd_over_rev=True)
    assert check(lambda x: (x * x).sum(), point(torch), grad_outputs=(torch.tensor(2.0, dtype=torch.float64),))
    with pytest.raises(torch.autograd.gradcheck.__globals__["GradcheckError"]):
        check(lambda x: wrong_in_one_place(torch)(x) * x, point(torch))


def test_wrong(torch):
    check = torch.autograd.gradcheck
    with pytest.raises(RuntimeError) as info:
        check(wrong_in_one_place(torch), (point(torch),))
    assert str(info.value) == WRONG and type(info.value).__name__ == "GradcheckError"
    assert check(wrong_in_one_place(torch), (point(torch),), raise_exception=False) is False
    assert check(wrong_in_one_place(torch), (point(torch),), atol=0.6) is True


def test_which_input(torch):
    with pytest.raises(RuntimeError, match=r"^Jacobian mismatch for output 0 with respect to input 1,"):
        torch.autograd.gradcheck(
            lambda a, b: wrong_in_one_place(torch)(b).sum() * a.sum(), (point(torch), point(torch))
        )
    with pytest.raises(RuntimeError, match=r"^Jacobian mismatch for output 1 with respect to input 0,"):
        torch.autograd.gradcheck(lambda a: (a, wrong_in_one_place(torch)(a)), (point(torch),))


def test_the_note_names_the_entry():
    with pytest.raises(RuntimeError) as info:
        teachgrad.autograd.gradcheck(lambda a, b: wrong_in_one_place(teachgrad)(b), (3, point(teachgrad)))
    (note,) = info.value.__notes__
    assert note.startswith("Line ") and note.endswith(
        "The largest difference is in row 1, column 1: how element [1] of input 1 moves element 1 (counted through) "
        "of output 0. The rule says 4.5, a small step says 4; they differ by 0.5."
    )


def test_kink(torch):
    with pytest.raises(RuntimeError, match=r"numerical:tensor\(\[\[0\.5000\]\], dtype=torch\.float64\)"):
        torch.autograd.gradcheck(torch.relu, (point(torch, 0.0),))


def test_forward_mode(torch):
    wrong = square(
        torch, lambda ctx, grad: grad * 2 * ctx.saved_tensors[0], jvp=lambda ctx, v: v * ctx.saved_tensors[0]
    )
    assert torch.autograd.gradcheck(wrong, (point(torch),))
    with pytest.raises(
        RuntimeError, match=r"^Jacobian computed with forward mode mismatch for output 0 with respect to input"
    ):
        torch.autograd.gradcheck(wrong, (point(torch),), check_forward_ad=True)


def test_complex(torch):
    z = torch.tensor([1 + 2j, 3 - 1j], dtype=torch.complex128, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: z.real * 2, (z,))
    assert torch.autograd.gradcheck(lambda z: (z.imag, z + 1), (z,), check_forward_ad=True)
    with pytest.raises(
        RuntimeError, match=r"^While considering the imaginary part of complex outputs only, Jacobian mismatch"
    ):
        torch.autograd.gradcheck(square(torch, lambda ctx, grad: grad * 2 * ctx.saved_tensors[0]), (z,))


def test_zero_gradient_expected(torch, fails):
    check, error = torch.autograd.gradcheck, type(_error(torch))
    with fails(error, "Numerical gradient for function expected to be zero"):
        check(lambda x: x.detach() * 3, (point(torch),))
    assert check(lambda x: torch.ones(2, dtype=torch.float64), (point(torch),))


def _error(torch):
    try:
        torch.autograd.gradcheck(wrong_in_one_place(torch), (point(torch),))
    except RuntimeError as error:
        return error


def test_not_the_same_twice(torch, fails):
    calls = []
    unsteady = function(
        torch, lambda ctx, x: x * 2, lambda ctx, grad: calls.append(0) or grad * (2 + 1e-7 * len(calls))
    )
    with fails(
        type(_error(torch)),
        "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives "
        "different "
        "values, although analytical gradient matches numerical gradient.The tolerance for nondeterminism was 0.0.",
    ):
        torch.autograd.gradcheck(unsteady, (point(torch),))
    assert torch.autograd.gradcheck(unsteady, (point(torch),), nondet_tol=1e-3)


def test_not_linear_in_the_gradient(torch):
    affine = function(torch, lambda ctx, x: x * 2, lambda ctx, grad: grad * 2 if grad.any() else grad + 1)
    with pytest.raises(RuntimeError, match=r"not multiplied by grad_output|numerical"):
        torch.autograd.gradcheck(affine, (point(torch),))


def test_arguments(torch, fails, warned):
    check = torch.autograd.gradcheck
    with fails(
        ValueError,
        "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True.",
    ):
        check(torch.sin, (point(torch).detach(),))
    with fails(AssertionError, "Expected at least one of check_forward_ad or check_backward_ad to be True"):
        check(torch.sin, (point(torch),), check_backward_ad=False)
    with fails(
        RuntimeError,
        "The 0th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping to "
        "be able to "
        "compute the numerical gradients correctly. You should call .contiguous on the input before passing it to "
        "gradcheck.",
    ):
        check(torch.sin, (point(torch, 1.0).expand(3),))
    with warned() as messages:
        check(lambda x: x * 1.0, (point(torch).float(),), raise_exception=False)
    assert str(messages[0].message).startswith(
        "Input #0 requires gradient and is not a double precision floating point or complex. This check will "
        "likely fail"
    )


def test_inputs_stay_as_they_were(torch):
    x = point(torch)
    torch.autograd.gradcheck(torch.sin, (x,))
    assert x.tolist() == [1.0, 2.0, 3.0] and x.grad is None


# -- testing --------------------------------------------------------------------------------------------------------
APART = """\
Tensor-likes are not close!

Mismatched elements: 1 / 3 (33.3%)
Greatest absolute difference: 0.5 at index (1,) (up to 1e-05 allowed)
Greatest relative difference: 0.20000000298023224 at index (1,) (up to 1.3e-06 allowed)"""
SCALARS = """\
Scalars are not close!

Expected 2.0 but got 1.0.
Absolute difference: 1.0 (up to {0} allowed)
Relative difference: 0.5 (up to {1} allowed)"""
UNEQUAL = """\
Tensor-likes are not equal!

Mismatched elements: 1 / 2 (50.0%)
Greatest absolute difference: 1 at index (1,)
Greatest relative difference: 0.3333333432674408 at index (1,)"""
CLOSE = {
    "x, x + 1e-7": None,
    "x, t([1.0, 2.5, 3.0])": APART,
    "t(1.0), t(2.0)": SCALARS.format("1e-05", "1.3e-06"),
    "1.0, 2.0": SCALARS.format("1e-07", "1e-07"),
    "t([1, 2]), t([1, 3])": UNEQUAL,
    "[x, {'a': x}], [x, {'a': t([1.0, 2.5, 3.0])}]": APART + "\n\nThe failure occurred for item [1]['a']",
    "x, x[:2]": "The values for attribute 'shape' do not match: torch.Size([3]) != torch.Size([2]).",
    "x, x.double()": "The values for attribute 'dtype' do not match: torch.float32 != torch.float64.",
    "x, x.double(), check_dtype=False": None,
    "[x], [x, x]": "The length of the sequences mismatch: 1 != 2",
    "{'a': x}, {'b': x}": "The keys of the mappings do not match:\nMissing keys in the actual mapping: ['b']\n"
    "Additional keys in the actual mapping: ['a']",
    "t([nan]), t([nan]), equal_nan=True": None,
    "None, 3": "None mismatch: None is not 3",
    "True, False": "Booleans mismatch: True is not False",
    "1, 1.0": "The (d)types do not match: <class 'int'> != <class 'float'>.",
    "x, x + 1, msg='mine'": "mine",
    "x, t([1.0, 2.5, 3.0]), msg=lambda m: m + '!'": APART + "!",
    "x, x + 1, rtol=0, atol=2": None,
    "x.numpy(), x.numpy()": None,
    "m[:, :2], m[:, :2].clone(), check_stride=True": "The values for attribute 'stride()' do not match: (3, "
    "1) != (2, 1).",
}


@pytest.mark.parametrize("case", CLOSE)
def test_assert_close(torch, case):
    scope = {"A": torch.testing.assert_close, "t": torch.tensor, "nan": float("nan"), "m": torch.ones(2, 3)}
    scope["x"] = torch.tensor([1.0, 2.0, 3.0])
    expected = CLOSE[case]
    if expected is None:
        eval(f"A({case})", scope)
        return
    with pytest.raises(AssertionError) as info:
        eval(f"A({case})", scope)
    assert str(info.value) == expected


def test_assert_close_refuses(torch, fails):
    close, x = torch.testing.assert_close, torch.ones(2)
    with fails(ValueError, "Both 'rtol' and 'atol' must be either specified or omitted, but got no atol."):
        close(x, x, rtol=0.1)
    for pair in (("a", "a"), (x, x.tolist()), (x, x.numpy()), (3, torch.tensor(3))):
        with pytest.raises(TypeError, match=r"^No comparison pair was able to handle inputs of type <class '"):
            close(*pair)


MADE = {
    "(2, 3), dtype=torch.float32": "tensor([[-8.9233, -7.0998, -3.8548],\n        [-8.5148, -0.5109, -7.9179]])",
    "4, dtype=torch.int64": None,
    "4, dtype=torch.bool": None,
    "3, dtype=torch.uint8": None,
    "2, 2, dtype=torch.complex64": None,
    "2, 3, dtype=torch.float64, low=-1, high=1, requires_grad=True": None,
    "2, 3, dtype=torch.float32, noncontiguous=True": None,
    "5, dtype=torch.int64, low=0, high=2, exclude_zero=True": None,
}


@pytest.mark.oracle
@pytest.mark.parametrize("case", MADE)
def test_make_tensor(case):
    oracle = pytest.importorskip("torch")
    seen = []
    for torch in (teachgrad, oracle):
        torch.manual_seed(3)
        made = eval(f"torch.testing.make_tensor({case}, device='cpu')", {"torch": torch})
        seen.append((repr(made), made.is_contiguous()))
    assert seen[0] == seen[1]
    assert MADE[case] in (None, seen[0][0])


def test_make_tensor_refuses(torch):
    with pytest.raises(ValueError, match=r"^`low` must be less than `high`, but got 3 >= 1"):
        torch.testing.make_tensor(3, dtype=torch.float32, device="cpu", low=3, high=1)
    with pytest.raises(ValueError, match=r"^`requires_grad=True` is not supported for boolean and integral dtypes"):
        torch.testing.make_tensor(3, dtype=torch.int64, device="cpu", requires_grad=True)
