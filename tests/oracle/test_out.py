"""`out=`: the same result, object, version, warning and error as in PyTorch, for every function that takes it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import teachgrad  # noqa: E402 - after the skip
from oracle.compare import array_of, first_line, make  # noqa: E402
from teachgrad.ops import out  # noqa: E402

ARGUMENTS = ["x", "x, y", "x, 0", "[x, y]", "x, 0, i", "x, 1.5", "x, x, y", "b, c", "m, m", "x[0], y[0]", "x[0]", "x, 2",
             "x, 0, i, y", "x > 0, x, y", "x, x > 0", "1, x", "i, i", "x, x[0]", "x, m, m", "x[0], m, x[0]",
             "x, x[0], x[0]", "t[0], t, t", "t, t, t"]  # fmt: skip
"""What a function may take; the first that PyTorch accepts is used."""

SETTINGS = {
    "as it should be": "torch.empty(0, dtype=r.dtype)",
    "right shape": "torch.zeros_like(r)",
    "double": "torch.zeros(r.shape, dtype=torch.float64)",
    "integers": "torch.zeros(r.shape, dtype=torch.int64)",
    "another shape": "torch.zeros(7, dtype=r.dtype)",
    "no tensor": "3",
}

ELSEWISE = {
    **{(n, "double"): "PyTorch looks at the indices first" for n in ("median", "nanmedian")},
    ("addbmm", "another shape"): "PyTorch enlarges it without a warning",
    ("mean", "integers"): "the mean of all and that of a dimension say it differently",
    ("nansum", "integers"): "PyTorch has no kernel for it, we need none",
    ("nanmean", "integers"): "PyTorch has no kernel for it, we need none",
    ("matrix_power", "double"): "to the power of 0, nothing is multiplied",
}
"""Where our answer to an `out` of another dtype differs -> why."""


def space(library):
    floats = np.random.default_rng(0).uniform(0.2, 0.9, (3, 3)).astype(np.float32)
    return {
        "torch": library,
        "x": make(library, floats),
        "y": make(library, floats[::-1].copy()),
        "m": make(library, floats.T.copy()),
        "t": make(library, np.stack([floats, floats])),
        "b": make(library, floats > 0.5),
        "c": make(library, floats < 0.4),
        "i": make(library, np.array([0, 1, 2])),
    }


def call_of(name):
    """The arguments that PyTorch takes, together with `out`."""
    for arguments in ARGUMENTS:
        names = space(torch)
        try:
            names["r"] = eval(f"torch.{name}({arguments})", names)
            if isinstance(names["r"], tuple):
                names["o"] = tuple(torch.empty(0, dtype=part.dtype) for part in names["r"])
            else:
                names["o"] = torch.empty(0, dtype=names["r"].dtype)
            eval(f"torch.{name}({arguments}, out=o)", names)
        except Exception:  # noqa: BLE001 - not these, then
            continue
        return arguments, isinstance(names["r"], tuple)
    pytest.skip(f"torch.{name} takes none of these arguments together with out")
    return None


def run(library, name, arguments, setting, several):
    names = space(library)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        names["r"] = eval(f"torch.{name}({arguments})", names)
        if several:
            names["o"] = tuple(eval(setting, {**names, "r": part}) for part in names["r"])
        else:
            names["o"] = eval(setting, names)
        try:
            found = eval(f"torch.{name}({arguments}, out=o)", names)
        except Exception as error:  # noqa: BLE001 - compared
            return type(error).__name__, first_line(error)
    parts = found if several else (found,)
    given = names["o"] if several else (names["o"],)
    assert all(part is each for part, each in zip(parts, given, strict=True))
    resized = sum("was resized" in str(warning.message) for warning in caught)
    return type(found).__name__, [np.array(array_of(part)) for part in parts], resized


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", sorted(out.NAMES - out.MADE))
def test_out(name, setting):
    arguments, several = call_of(name)
    if (name, setting) in ELSEWISE:
        pytest.skip(ELSEWISE[name, setting])
    if setting == "no tensor" and (
        several or name in ("all", "any", "max", "mean", "min", "round", "std", "var") or arguments != "x"
    ):
        pytest.skip("with several forms, the message lists them all")
    mine, theirs = (run(library, name, arguments, SETTINGS[setting], several) for library in (teachgrad, torch))
    assert mine[0] == theirs[0], (mine, theirs)
    assert mine[2:] == theirs[2:], (mine, theirs)
    if len(theirs) < 3:
        assert mine == theirs
        return
    for one, other in zip(mine[1], theirs[1], strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(out.NAMES))
def test_out_wants_no_gradient(name):
    """Where an argument, or `out` itself, requires grad."""
    arguments, several = call_of(name)
    for wants in ("x.requires_grad_()", "o.requires_grad_()"):
        if wants.startswith("o") and (
            several or name in ("conj_physical", "diag", "floor_divide", "heaviside", "inner")
        ):
            continue  # refused in words of their own
        answers = []
        for library in (teachgrad, torch):
            names = space(library)
            result = eval(f"torch.{name}({arguments})", names)
            parts = result if several else (result,)
            empty = [library.empty(0, dtype=part.dtype) for part in parts]
            names["o"] = tuple(empty) if several else empty[0]
            if wants.startswith("x") or names["o"].is_floating_point():
                exec(wants, names)
            error = None
            try:
                eval(f"torch.{name}({arguments}, out=o)", names)
            except RuntimeError as raised:
                error = first_line(raised)
            with library.no_grad():
                eval(f"torch.{name}({arguments}, out=o)", names)
            answers.append(error)
        assert answers[0] == answers[1], wants


MADE = {
    "arange": "2.0", "empty": "0", "eye": "2", "full": "(2,), 3.0", "linspace": "0, 1, 3", "logspace": "0, 1, 3",
    "ones": "2", "rand": "3", "randint": "5, (3,)", "randn": "3", "randperm": "3", "range": "0, 2", "zeros": "(2, 2)",
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*:UserWarning", "ignore:torch.range is deprecated")
@pytest.mark.parametrize(
    "room",
    [
        "torch.empty(0)", "torch.zeros(3, dtype=torch.float64)", "torch.zeros(3, dtype=torch.int64)", "torch.zeros(7)",
        "torch.zeros(3, requires_grad=True)", "torch.zeros(3), dtype=torch.float64",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", sorted(MADE))
def test_made_from_nothing(name, room):
    answers = []
    for library in (teachgrad, torch):
        library.manual_seed(0)
        try:
            made = eval(f"torch.{name}({MADE[name]}, out={room})", {"torch": library})
            answers.append((str(made.dtype), array_of(made).tolist(), made._version > 0 or name == "empty"))
        except (RuntimeError, NotImplementedError) as error:
            answers.append((type(error).__name__, first_line(error)))
    assert answers[0] == answers[1]


def test_every_maker_is_tried():
    assert MADE.keys() == out.MADE
