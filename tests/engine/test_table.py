"""The op table's grammar, and the Python that is written from it."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest

import teachgrad
from teachgrad.ops import table
from teachgrad.ops.table import LIVE, OPS, RAW, Op, op
from teachgrad.rulebook import ENTRIES, RULES


@pytest.fixture
def scratch():
    """A table that forgets the entries of one test."""
    before = set(OPS)
    yield
    for name in set(OPS) - before:
        entry = OPS.pop(name)
        ENTRIES.pop(entry.node_name, None)
        for space in (RAW, LIVE):
            space.pop(entry.identifier, None)


def tensor(*values):
    return teachgrad.tensor(values[0] if len(values) == 1 else values, requires_grad=True)


def test_signatures():
    made = Op(
        "max.dim(self; dim, keepdim=False) -> values, !indices", "MaxBackward0", "...", {"self": "grad * indices"}
    )
    assert made.name == "max.dim" and made.identifier == "max_dim" and made.inputs == ("self",)
    assert made.plain == ("dim", "keepdim") and made.defaults == {"keepdim": "False"}
    assert made.outputs == ("values", "indices") and made.tracked == ("values",) and made.saved == ("indices",)
    made = Op("cat(*tensors; dim)", "CatBackward0", "...", {"tensors": "pieces(grad, tensors_shape, dim)"})
    assert made.list_input and not made.list_output and made.saved == ("dim", "tensors_shape")
    made = Op("unbind(self; dim) -> *parts", "UnbindBackward0", "...", {"self": "stack(grads, dim)"})
    assert made.list_output and made.outputs == ("parts",)
    with pytest.raises(AssertionError, match="neither an input nor an option"):
        assert Op("f(self)", "FBackward0", "self", {"other": "grad"}).inputs


def test_only_what_a_rule_names_is_saved():
    assert OPS["add"].saved == ()
    assert OPS["mul"].saved == ("self", "other") and OPS["mul"].needs("self") == ("other",)
    assert OPS["exp"].saved == ("result",)
    assert OPS["pow.number"].saved == ("self", "exponent")
    x, w = tensor(2.0), teachgrad.tensor(3.0)
    assert (x * w).grad_fn.saved == (None, w)  # x is not needed: w wants no gradient
    assert (x + w).grad_fn.saved == ()


def test_a_new_op_works_at_once(scratch):
    cube = op("cube(self)", "CubeBackward0", "self * self * self", self="3 * grad * self * self")
    x = tensor(2.0, 3.0)
    y = cube(x)
    assert y.tolist() == [8.0, 27.0] and y.grad_fn.name() == "CubeBackward0" and y.grad_fn._saved_self is x
    (first,) = teachgrad.autograd.grad(y, x, teachgrad.tensor([1.0, 1.0]), create_graph=True)
    (second,) = teachgrad.autograd.grad(first, x, teachgrad.tensor([1.0, 1.0]))
    assert first.tolist() == [12.0, 27.0] and second.tolist() == [12.0, 18.0]
    assert RULES["CubeBackward0"] == {"self": "3 * grad * self * self"}


def test_several_outputs(scratch):
    both = op(
        "both(self) -> plus, !whole, minus", "BothBackward0", "self + 1, self.astype(int), -self", self="_sum_of(grads)"
    )
    RAW["_sum_of"] = lambda grads: (0 if grads[0] is None else grads[0]) - (0 if grads[1] is None else grads[1])
    x = tensor(2.0, 3.0)
    plus, whole, minus = both(x)
    assert not whole.requires_grad and plus.grad_fn is minus.grad_fn and (plus.output_nr, minus.output_nr) == (0, 1)
    (plus * 2 + minus * 5).sum().backward()
    assert x.grad.tolist() == [-3.0, -3.0]


def test_an_entry_stands_once(scratch):
    op("twice(self)", None, "self")
    with pytest.raises(AssertionError, match="stands in the table twice"):
        op("twice(self)", None, "self")


def test_the_written_source_can_be_read():
    teachgrad.mul(tensor(2.0), tensor(3.0))
    source = OPS["mul"].source
    assert "def mul(input, other):" in source
    assert "grad * other" in source.replace("._data", "").replace("conj(other)", "other")  # met complex numbers or not
    compile(source, "mul", "exec")


def test_every_entry_can_be_written():
    """Each op compiles: its function, its operator, its rules on arrays and on tensors."""
    from teachgrad.ops import rules

    for entry in OPS.values():
        entry.front, entry.operator, entry.raw  # noqa: B018
        if entry.node_name is not None:
            for by_number in (False, True) if entry.numbers else (False,):
                for live in (False, True):
                    rules.compile_rule(entry, by_number, live=live)


def test_every_name_in_a_rule_is_known():
    """A rule runs on arrays and on tensors: its names must mean something in both worlds."""
    import builtins
    import re

    for entry in OPS.values():
        known = {"grad", "grads", "node", *entry.inputs, *entry.outputs, *entry.plain, *dir(builtins)}
        known |= {f"{name}_{fact}" for name in entry.inputs for fact in ("shape", "dtype", "strides")}
        for rule in entry.rules.values():
            bare = re.sub(r"'[^']*'|\"[^\"]*\"|\.\w+|\b\w+(?==[^=])", "", rule)
            for name in re.findall(r"\b[A-Za-z_]\w*", bare):
                if name in known or name in ("for", "in", "if", "else", "is", "not", "and", "or", "lambda"):
                    continue
                local = re.search(rf"\bfor [^:]*\b{name}\b[^:]* in\b|\blambda\b[^:]*\b{name}\b", bare)
                assert local or (name in RAW and name in LIVE), f"{entry.name}: {name}"


def test_front_checks_nothing_it_need_not():
    """The hot path has no isinstance ladder: one operand check for the Python number, none for a unary op."""
    teachgrad.exp(tensor(1.0))
    assert "isinstance" not in OPS["exp"].source


def test_import_compiles_no_op():
    code = "import teachgrad as t\nprint([n for n, op in t.ops.table.OPS.items() if 'front' in vars(op)])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_late_names_step_aside():
    code = (
        "import teachgrad\nfrom teachgrad.ops.table import Late\nx = teachgrad.tensor([1.0], requires_grad=True)\n"
        "before = type(vars(teachgrad.Tensor)['exp'])\nx.exp()\nafter = type(vars(teachgrad.Tensor)['exp'])\n"
        "assert before is Late and after is not Late, (before, after)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_composites_serve_both_worlds():
    a, b = np.float32(5.0), np.float32(2.0)
    assert RAW["floor_quotient"](a, b) == 2.0
    assert LIVE["floor_quotient"](tensor(5.0), tensor(2.0)).item() == 2.0


def test_numbers_in_the_way_of_tensors():
    x = teachgrad.tensor([1, 2, 3], dtype=teachgrad.uint8)
    assert (x + 300).tolist() == [45, 46, 47]  # wraps, as in C
    assert (x * -1).tolist() == [255, 254, 253]
    with pytest.raises(OverflowError, match="int too big to convert"):
        x + 2**70
    assert teachgrad.add(2, x).tolist() == [3, 4, 5]
    assert (np.float64(2) * tensor(1.5)).dtype == teachgrad.float32


def test_tensors_and_numpy_arrays_do_not_mix():
    """As in PyTorch: an array is no operand of a tensor that requires grad."""
    with pytest.raises(TypeError, match=r"unsupported operand type\(s\) for \*: 'numpy.ndarray' and 'Tensor'"):
        np.ones(2) * tensor(1.0, 2.0)
    with pytest.raises(RuntimeError, match="Can't call numpy"):
        tensor(1.0, 2.0) * np.ones(2)


def test_ops_are_not_pickled_by_accident():
    x = tensor(1.0, 2.0)
    assert pickle.loads(pickle.dumps({"x": x}))["x"].tolist() == [1.0, 2.0]


def test_namespace_says_what_is_missing():
    with pytest.raises(AttributeError, match="nothing"):
        table.Namespace(RAW).nothing  # noqa: B018
