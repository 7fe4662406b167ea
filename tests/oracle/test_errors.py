"""What a learner sees after a mistake: the same error, to the letter of its first line, as in PyTorch 2.13."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import teachgrad  # noqa: E402 - after the skip
from oracle.compare import first_line, outcome  # noqa: E402
from oracle.mistakes import GROUPS  # noqa: E402

LINES = [
    pytest.param(line, id=f"{group}: {line}") for group, text in GROUPS.items() for line in text.strip().splitlines()
]

PYTHONS_OWN = ("required positional arg", "takes no arguments", "positional argument", "is not writable")
"""Messages about calling itself: PyTorch words them in C++, ours are Python's."""

KNOWN = {
    "x.repeat()": "PyTorch's signature has no default",
    "x.to(3.5)": "PyTorch takes the number for a device and says nothing",
    'torch.nn.functional.mse_loss(x, "a")': "both fail on the first attribute they ask for",
}
"""Lines where we knowingly differ -> why."""


def fail_in(library, line):
    """The error that a line raises in a library."""

    def if_(condition):
        if condition:
            pass

    x = library.tensor([1.0, 2.0, 3.0], requires_grad=True)
    space = {
        "torch": library,
        "if_": if_,
        "x": x,
        "y": x * 2,
        "w": library.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True),
        "c": library.tensor([1.0, 2.0, 3.0]),
        "k": library.tensor([1, 2, 3]),
        "b": library.tensor([True, False, True]),
    }
    return outcome(lambda: exec(line, space))[1]


@pytest.mark.parametrize("line", LINES)
def test_same_error(line):
    mine, theirs = fail_in(teachgrad, line), fail_in(torch, line)
    if line in KNOWN:
        pytest.skip(KNOWN[line])
    if theirs is None:
        assert mine is None, f"PyTorch raises nothing, we {mine!r}"
        return
    assert mine is not None, f"PyTorch raises {theirs!r}, we nothing"
    wanted = (
        type(theirs).__name__,
        first_line(theirs).replace("torch._C.", "").replace("module 'torch'", "module 'teachgrad'"),
    )
    if any(words in first_line(theirs) for words in PYTHONS_OWN):
        assert type(mine) is type(theirs)
        return
    assert (type(mine).__name__, first_line(mine)) == wanted
