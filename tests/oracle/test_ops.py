"""Every entry of the op table against PyTorch: values, dtypes, shapes, graphs, gradients and second derivatives.

Nothing here lists ops. The pointwise ones say their domain and are called generically; the others bring `samples`; an
entry with neither fails `test_every_entry_is_covered`.
"""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import teachgrad  # noqa: E402 - after the skip
from oracle.compare import (  # noqa: E402
    LIBRARIES,
    array_of,
    check_tensor,
    check_values,
    cotangent,
    first_line,
    make,
    outcome,
    outputs_of,
)
from oracle.inputs import CALLS, FACES, IN_PLACE, numbers, sample_arrays  # noqa: E402
from teachgrad.ops.table import FUNCTIONS, METHODS, OPS  # noqa: E402

POINTWISE = {name: op for name, op in OPS.items() if op.pointwise and not op.samples}
EXACT = {
    "add", "sub", "rsub.tensor", "rsub.number", "mul", "div", "div.floor", "div.trunc", "neg", "abs", "sign", "relu",
    "floor", "ceil", "trunc", "frac", "round.whole", "maximum", "minimum", "where.tensors", "reciprocal", "add.alpha",
    "sub.alpha", "remainder.tensor", "remainder.number", "fmod.tensor", "fmod.number", "clamp.numbers",
    "clamp.tensors", "clamp_min.number", "clamp_min.tensor", "clamp_max.number", "clamp_max.tensor",
}  # fmt: skip
"""Ops whose result is rounded at most once, and so the same everywhere."""

WRONG_IN_PYTORCH = {("pow.tensor", "bool"), ("logaddexp", "bool"), ("atan2", "uint8"), ("atan2", "bool")}
"""(op, dtype of one input) where PyTorch's own gradient fails or overflows: it computes in that dtype."""

OTHER_GRAPH = {
    "torch.bilinear(x, y, m[None])",  # PyTorch has one node for it (TrilinearBackward0), here it is composed
    "torch.rrelu(x)",  # RreluWithNoiseBackward0 in PyTorch; without training it is leaky_relu
}
"""Lines whose result is right and whose graph is knowingly another."""

ON_INTEGERS = {
    "F.kl_div(x, mask.to(x.dtype), reduction='batchmean')": "PyTorch refuses integers, here they become floats",
    "F.kl_div(x, p, reduction='sum')": "PyTorch refuses integers, here they become floats",
    "torch.nanmean(x)": "PyTorch refuses integers, here they become floats",
    "torch.addbmm(torch.ones(3, 5), b, c)": "float beside int: NumPy's error instead of PyTorch's",
    "torch.baddbmm(torch.ones(2, 3, 5), b, c)": "float beside int: NumPy's error instead of PyTorch's",
    "torch.addmm(x, x, m, beta=0.5, alpha=2)": "PyTorch cuts beta to an integer",
    "torch.addmv(s, m, u, beta=3, alpha=0.5)": "PyTorch cuts alpha to an integer",
    "torch.matrix_power(m, 3)": "PyTorch has it for integers, here only for floats",
    "x.masked_fill(mask[0], float('-inf'))": "OverflowError instead of RuntimeError",
}
"""Lines that we knowingly treat otherwise when x, y, ... are whole numbers."""

WITH_GAPS = {
    "torch.take_along_dim(x, idx)": "PyTorch fails where a reshape would do",
    "torch.view_as_real(torch.view_as_complex(c[:, :, :2] * 1))": "PyTorch fails, here a copy is made",
}
"""Lines that we knowingly treat otherwise when the memory of x, y, ... has gaps."""

COPIES_FIRST = re.compile(r"(group|instance)_norm|diagflat|nll_loss\(b")
"""Lines for which PyTorch then copies its input first (CloneBackward0, ViewBackward0); ours have other nodes there."""

SAVES_MORE = re.compile(r"rounding_mode|%|fmod|complex|adaptive_avg")
"""Lines whose backward may run twice in one of the libraries only: one keeps a tensor that its rule does not need."""

LINES = sorted({*FACES, *(sample for op in OPS.values() for sample in op.samples)})
NAMES = re.compile(r"\b[a-z]\w*\b")


def call_of(op):
    return CALLS.get(op.name) or f"torch.{op.name}({', '.join('AB'[: len(op.inputs)])})"


def evaluate(text, library, tensors):
    space = dict(tensors, torch=library, np=np)
    if "F." in text:
        space["F"] = library.nn.functional
    return eval(text, space)


def pair(text, tensors_of):
    """The outcome of one line in both libraries, with the tensors that went in: (mine, theirs)."""
    results = []
    for library in LIBRARIES:
        tensors = tensors_of(library)
        results.append((*outcome(lambda lib=library, t=tensors: evaluate(text, lib, t)), tensors))
    (mine, my_error, my_tensors), (theirs, their_error, their_tensors) = results
    failed = check_same_error(my_error, their_error, text)
    return mine, theirs, my_tensors, their_tensors, failed


def gradients(library, results, tensors, *, create_graph=False, retain_graph=None):
    """The gradients of all tensors that require one, for fixed cotangents of all differentiable results."""
    roots = [result for result in results if result.requires_grad]
    leaves = [tensor for tensor in tensors.values() if tensor.requires_grad]
    if not roots:
        return []
    grads = library.autograd.grad(
        roots,
        leaves,
        [cotangent(root, library, number) for number, root in enumerate(roots)],
        retain_graph=retain_graph,
        create_graph=create_graph,
        allow_unused=True,
    )
    return list(grads)


def check_gradients(mine, theirs, about, *, ulps=16, coarse=None):
    assert len(mine) == len(theirs)
    sizes = [np.abs(array_of(g)[np.isfinite(array_of(g))]).max(initial=0.0) for g in theirs if g is not None]
    largest = float(max([1.0, *sizes]))  # the terms that are summed, and may cancel, are about 1
    for mine_one, theirs_one in zip(mine, theirs, strict=True):
        assert (mine_one is None) == (theirs_one is None), f"{about}: {mine_one} but PyTorch {theirs_one}"
        if theirs_one is not None:
            check_values(mine_one, theirs_one, ulps=ulps, about=f"gradient of {about}", largest=largest, coarse=coarse)


def check_same_error(mine, theirs, about):
    """Both failed, in the same way, or neither did. True if they failed."""
    if theirs is None:
        if mine is not None:
            raise AssertionError(f"{about}: PyTorch raises nothing") from mine
        return False
    assert mine is not None, f"{about}: PyTorch raises {theirs!r}"
    assert type(mine) is type(theirs), f"{about}: PyTorch raises {theirs!r}, we {mine!r}"
    wanted = first_line(theirs).replace("floor_divide_ is", "floor_divide is")
    assert first_line(mine) == wanted, f"{about}: PyTorch {theirs!r}, we {mine!r}"
    return True


def coarsest(tensors):
    """The least precise float dtype among the inputs: rules may round there or not."""
    kinds = [array_of(t).dtype for t in tensors.values() if array_of(t).dtype.kind in "fc"]
    return max(kinds, key=lambda dtype: np.finfo(dtype).eps, default=None)


def check_line(text, tensors_of, *, ulps=8, second=False, graph=True):
    """One line in both libraries: results, graph, gradients and, if asked, second derivatives."""
    mine, theirs, my_tensors, their_tensors, failed = pair(text, tensors_of)
    if failed:
        return
    my_results, their_results = outputs_of(mine), outputs_of(theirs)
    assert len(my_results) == len(their_results), text
    coarse = coarsest(their_tensors)
    for one, other in zip(my_results, their_results, strict=True):
        half = 2 if coarse == np.float16 and not ulps else ulps  # PyTorch computes these in float32, we do not
        check_tensor(one, other, ulps=half, about=text, graph=graph and text not in OTHER_GRAPH)
    wanted, their_error = outcome(lambda: gradients(torch, their_results, their_tensors, create_graph=second))
    if second and their_error is not None:
        return
    found, my_error = outcome(lambda: gradients(teachgrad, my_results, my_tensors, create_graph=second))
    if check_same_error(my_error, their_error, f"backward of {text}"):
        return
    check_gradients(found, wanted, text, coarse=coarse)
    if not second and not SAVES_MORE.search(text):  # the graph is freed now, if it had saved something
        again = outcome(lambda: gradients(torch, their_results, their_tensors))[1]
        check_same_error(
            outcome(lambda: gradients(teachgrad, my_results, my_tensors))[1], again, f"2nd backward of {text}"
        )
    if second:
        check_second_order(found, wanted, my_tensors, their_tensors, text, coarse)


def check_second_order(found, wanted, my_tensors, their_tensors, text, coarse):
    """The gradients of each gradient. Where PyTorch's are all zero, ours may not be there: a piecewise linear op."""
    for mine, theirs in zip(found, wanted, strict=True):
        if theirs is None:
            continue
        more, error = outcome(lambda root=theirs: gradients(torch, [root], their_tensors, retain_graph=True))
        if error is not None:
            continue
        again = gradients(teachgrad, [mine], my_tensors, retain_graph=True)
        again, more = again or [None] * len(more), more or [None] * len(again)
        for number, (one, other) in enumerate(zip(again, more, strict=True)):
            if (one is None) != (other is None):
                there = other if one is None else one
                assert not array_of(there).any(), f"{text}: second derivative {number} is {one}, PyTorch has {other}"
                again[number] = more[number] = None
        check_gradients(again, more, f"the gradient of {text}", ulps=64, coarse=coarse)


def operands(op, shapes, dtypes_, *, text=None):
    """Arrays for the tensors A and B of a call of a pointwise op."""
    names = [n for n in ("A", "B") if re.search(rf"\b{n}\b", text or call_of(op))]
    return {
        name: numbers(f"{op.name}{name}", shape, dtype, op.domain)
        for name, shape, dtype in zip(names, shapes, dtypes_, strict=False)
    }


def tensors_from(arrays, *, grad=True, mask=True):
    def build(library):
        tensors = {
            name: make(library, array, requires_grad=grad and array.dtype.kind in "fc")
            for name, array in arrays.items()
        }
        if mask:
            shape = np.broadcast_shapes(*(array.shape for array in arrays.values()))
            tensors["C"] = make(library, np.asarray(np.arange(int(np.prod(shape))).reshape(shape) % 2 == 0))
        return tensors

    return build


def check_op(op, arrays, *, second=False, note=""):
    ulps = 0 if op.name in EXACT else 8
    check_line(call_of(op) + note, tensors_from(arrays), ulps=ulps, second=second)


ALL_POINTWISE = pytest.mark.parametrize("op", POINTWISE.values(), ids=POINTWISE)
SHAPES = [
    ((2, 3), (2, 3)), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 1), (1, 3)), ((2, 3), ()), ((), (2, 3)), ((), ()),
    ((4, 1, 3), (2, 1)), ((1,), ()), ((1, 1), (1,)), ((0,), (0,)), ((0, 3), (3,)), ((2, 0), ()), ((2, 0, 3), (1, 1)),
]  # fmt: skip
DTYPES = ["float32", "float64", "float16", "int64", "int32", "uint8", "bool"]


def test_every_entry_is_covered():
    """Each entry is called generically, or has samples, or is run by some line or by the derivatives of one."""
    without_call = [n for n, op in POINTWISE.items() if (op.plain or "." in n) and n not in CALLS]
    assert not without_call, f"these entries need samples=[...] or a line in inputs.CALLS: {without_call}"
    for text in LINES:
        build = needed(text, "float64")
        results, error = outcome(lambda t=text, b=build: (tensors := b(teachgrad), evaluate(t, teachgrad, tensors)))
        if error is None:
            outcome(lambda r=results: gradients(teachgrad, outputs_of(r[1]), r[0], create_graph=True))
    run_alone = ("drawn", "clear_flat")  # random numbers: tests/engine/test_random.py; views: test_views.py
    missing = [
        name
        for name, op in OPS.items()
        if not op.pointwise
        and not op.samples
        and "front" not in vars(op)
        and not any(word in name for word in run_alone)
    ]
    assert not missing, f"these entries need samples=[...]: {missing}"


def test_every_function_is_run_by_some_line():
    lines = " ".join([*LINES, *map(call_of, POINTWISE.values())])
    lines = lines.replace("torch.linalg.", "torch.linalg_").replace("torch.special.", "torch.special_")
    run = set(re.findall(r"\.(\w+)\(", lines))
    missing = sorted(name for name in FUNCTIONS if name not in run)
    assert not missing, f"no sample and no line in inputs.FACES calls {missing}"


def test_every_name_is_one_of_pytorch():
    spaces = {"special": torch.special, "linalg": torch.linalg}
    for name in FUNCTIONS:
        space, _, short = name.partition("_")
        assert hasattr(torch, name) or hasattr(spaces.get(space), short), name
    assert not [name for name in METHODS if not hasattr(torch.Tensor, name)]


def test_every_node_name_is_one_of_pytorch():
    unknown = {op.node_name for op in OPS.values() if op.node_name} - set(dir(torch._C._functions))
    assert unknown <= {"EmbeddingDenseBackward0"}, unknown  # the gradient of embedding's gradient: PyTorch composes it


@ALL_POINTWISE
def test_pointwise_shapes(op):
    """float32, over all ways to broadcast."""
    for shapes in SHAPES:
        check_op(op, operands(op, shapes, ("float32", "float32")))


@ALL_POINTWISE
def test_pointwise_dtypes(op):
    """All dtypes, and all pairs of them, with and without dimensions."""
    if "B" not in call_of(op):
        for dtype, shape in itertools.product(DTYPES, ((3,), ())):
            check_op(op, operands(op, (shape,), (dtype,)), note="" if shape else "  # 0-d")
        return
    for first, second in itertools.product(DTYPES, DTYPES):
        if {(op.name, first), (op.name, second)} & WRONG_IN_PYTORCH:
            continue
        for shapes in (((3,), (3,)), ((3,), ()), ((), (3,)), ((), ())):
            check_op(op, operands(op, shapes, (first, second)), note=f"  # {first} {shapes[0]}, {second} {shapes[1]}")


@ALL_POINTWISE
def test_pointwise_strides(op):
    """Transposed, strided and expanded inputs."""
    whole = operands(op, ((4, 3), (4, 3)), ("float32", "float32"))
    for change in (lambda a: a.T, lambda a: a[::2], lambda a: a[:, 1:], lambda a: np.broadcast_to(a[:1], a.shape)):
        check_op(op, {name: change(array) for name, array in whole.items()})


@ALL_POINTWISE
def test_pointwise_second_order(op):
    for shapes in (((2, 3), (2, 3)), ((2, 1), (3,)), ((), ())):
        check_op(op, operands(op, shapes, ("float64", "float64")), second=True)
    check_op(op, operands(op, ((3,), (3,)), ("float32", "float64")), second=True)


@ALL_POINTWISE
def test_pointwise_numbers(op):
    """Python and NumPy numbers on either side of an op that takes two tensors."""
    call = call_of(op)
    if "B" not in call:
        return
    for dtype, shape in itertools.product(DTYPES, ((3,), ())):
        arrays = operands(op, (shape,), (dtype,))
        for number in ("2", "1.5", "True", "np.float64(1.5)", "np.int64(2)"):
            for text in (call.replace("B", number), call.replace("A", number).replace("B", "A")):
                build = tensors_from(arrays, grad=number != "True")
                if number == "True" and dtype == "bool" and "**" in text:
                    continue
                if number == "True" and outcome(lambda t=text, b=build: evaluate(t, torch, b(torch)))[1]:
                    continue  # True as a number beside a bool tensor: PyTorch has no computation, NumPy mostly has
                check_line(f"{text}  # {dtype} {shape}", build, ulps=8)


@ALL_POINTWISE
def test_pointwise_mixed_requires_grad(op):
    """Only one of two inputs requires a gradient: the other's edge leads to None."""
    arrays = operands(op, ((2, 3), (3,)), ("float32", "float32"))
    for wanting in arrays:
        check_line(
            call_of(op),
            lambda library, w=wanting: {
                n: t.requires_grad_(n == w) for n, t in tensors_from(arrays, grad=False)(library).items()
            },
        )


@ALL_POINTWISE
def test_pointwise_on_results(op):
    """On the results of other ops: 0-d results and graphs with more than one node."""
    for shape in ((), (2, 3)):
        arrays = operands(op, (shape, shape), ("float32", "float32"))
        text = re.sub(r"\b([AB])\b", r"(\1 * 1.0)", call_of(op))
        check_line(text, tensors_from(arrays))


IN_PLACE_OPS = {name: op for name, op in POINTWISE.items() if name in IN_PLACE or f"{name}_" in METHODS}
for name in ("asinh", "acosh", "atanh"):  # PyTorch has no derivative for these three in place
    del IN_PLACE_OPS[name]
ALL_IN_PLACE = pytest.mark.parametrize("op", IN_PLACE_OPS.values(), ids=IN_PLACE_OPS)


def in_place_call(op):
    return IN_PLACE.get(op.name) or f"A.{op.name}_({'B' if len(op.inputs) > 1 else ''})"


def check_in_place(op, arrays, *, leaf=False, view=False):
    """`A.op_(B)`: what becomes of A, of B's gradient and of the leaf behind A; or the error, and A as it was."""
    call = in_place_call(op)
    kept = []
    for library in LIBRARIES:
        leaves = tensors_from(arrays, grad=op.node_name is not None, mask=False)(library)
        tensors = dict(leaves)
        if not leaf and leaves["A"].requires_grad:
            tensors["A"] = leaves["A"] * 1
        if view:
            tensors["A"] = tensors["A"][1:]
        before = tensors["A"]
        result, error = outcome(lambda lib=library, t=tensors: evaluate(call, lib, t))
        assert error is not None or result is before, call
        kept.append((result, error, tensors, leaves))
    (mine, my_error, my_tensors, my_leaves), (theirs, their_error, their_tensors, their_leaves) = kept
    note = f"{call}  # " + ", ".join(f"{array.dtype} {array.shape}" for array in arrays.values())
    if their_error is not None and isinstance(my_error, NotImplementedError):
        return  # two reasons to refuse: PyTorch looks at shapes and the result's dtype first, we at the input's
    failed = check_same_error(my_error, their_error, note)
    if "ZeroDivisionError" in str(their_error):
        return  # PyTorch has overwritten some elements by then; we none
    for name, tensor in my_tensors.items():
        check_tensor(tensor, their_tensors[name], about=note)
        assert tensor._version == their_tensors[name]._version, note
    if failed:
        return
    wanted, their_error = outcome(lambda: gradients(torch, [theirs], their_leaves))
    found, my_error = outcome(lambda: gradients(teachgrad, [mine], my_leaves))
    if not check_same_error(my_error, their_error, f"backward of {note}"):
        check_gradients(found, wanted, note, coarse=coarsest(their_tensors))


@ALL_IN_PLACE
def test_in_place(op):
    for shapes in (((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 3), ()), ((), ()), ((3,), (2, 3)), ((1,), (3,)), ((), (3,))):
        arrays = operands(op, shapes, ("float32", "float32"), text=in_place_call(op))
        check_in_place(op, arrays)
        check_in_place(op, arrays, leaf=True)
        if arrays["A"].ndim == 2:
            check_in_place(op, arrays, view=True)
            check_in_place(op, arrays, leaf=True, view=True)


@ALL_IN_PLACE
def test_in_place_dtypes(op):
    for first, second in itertools.product(DTYPES, DTYPES):
        if {(op.name, first), (op.name, second)} & WRONG_IN_PYTORCH:
            continue
        arrays = operands(op, ((3,), (3,)), (first, second), text=in_place_call(op))
        check_in_place(op, arrays)
        if len(arrays) == 1 and second == "float64":
            break


def needed(text, dtype="float32", arrange=lambda array: array):
    """Only the inputs that a line mentions; the floats in a dtype, and in memory as `arrange` lays them."""
    floats, others = sample_arrays(dtype)
    words = set(NAMES.findall(text))

    def build(library):
        grad = np.dtype(dtype).kind == "f"
        tensors = {n: make(library, arrange(a), requires_grad=grad) for n, a in floats.items() if n in words}
        return tensors | {n: make(library, a) for n, a in others.items() if n in words}

    return build


def with_gaps(array):
    """The same numbers in memory with gaps, in another order."""
    if not array.ndim:
        return array
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype, order="F")
    wide[..., ::2] = array
    return wide[..., ::2]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("text", LINES)
def test_line(text, dtype):
    build = needed(text, dtype)
    if dtype == "float64" and outcome(lambda: evaluate(text, torch, build(torch)))[1]:
        pytest.skip("PyTorch does not mix float64 with the float32 constants of this line")
    check_line(text, build, ulps=16)


@pytest.mark.parametrize("text", LINES)
def test_line_second_order(text):
    build = needed(text, "float64")
    if outcome(lambda: evaluate(text, torch, build(torch)))[1]:
        pytest.skip("PyTorch does not mix float64 with the float32 constants of this line")
    check_line(text, build, ulps=16, second=True)


@pytest.mark.parametrize("text", LINES)
def test_line_integers(text):
    """The same lines on whole numbers: which dtype comes out. PyTorch refuses more often, for want of a kernel."""
    if text in ON_INTEGERS:
        pytest.skip(ON_INTEGERS[text])
    build = needed(text, "int64")
    error = outcome(lambda: evaluate(text, torch, build(torch)))[1]
    if error is None:
        check_line(text, build, ulps=16)
    elif not isinstance(error, NotImplementedError):
        mine = outcome(lambda: evaluate(text, teachgrad, build(teachgrad)))[1]
        assert type(mine) is type(error), f"PyTorch raises {error!r}, we {mine!r}"


@pytest.mark.parametrize("text", LINES)
def test_line_strides(text):
    """The same lines on tensors whose memory is not contiguous."""
    if text in WITH_GAPS:
        pytest.skip(WITH_GAPS[text])
    if "manual_seed" in text or "as_strided" in text:
        pytest.skip("random numbers fill memory in its own order; as_strided reads memory as it lies")
    check_line(text, needed(text, arrange=with_gaps), ulps=16, graph=not COPIES_FIRST.search(text))
