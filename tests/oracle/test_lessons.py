"""What beginners type: the same text comes out as in PyTorch 2.13, or the same first line of an error."""

from __future__ import annotations

import linecache
import re

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from oracle.compare import LIBRARIES, first_line, outcome  # noqa: E402 - after the skip

NUMPY = """
np.sin(x), np.sin(s), np.add(x, x), np.maximum(x, 0), np.greater(x, 0), np.isnan(x), np.linspace(0, s, 3)
x + n, n + x, x * n, x / n, n / x, x ** n, x % n, x @ n[0], s + n, s * np.float64(2), np.float32(1) + x
x == n, n == x, x != n
x < n
n - x
x & n
x + [1, 2]
np.sin(w)
n[x[0] > 1], np.ones(3)[k], np.array([s, s]), np.asarray(x), np.reshape(x, (3, 2)), np.matmul(x, x.T)
"""

NAMES = """
type(x.shape), type(x.dtype), type(x.device), x.shape, x.dtype, x.device
x.shape()
x.shape(0)
x.dtype()
torch.add(x, torch.float32)
m.parameters(), m.named_parameters(), m.children(), m.named_modules(), m.modules(), m.buffers(), m.parameters
torch.set_grad_enabled(True)
x.names
del x[0]
float(w.sum()), complex(w.sum()), int(w.sum()), x.to(float).dtype, x.type(float)
"""

MODULES = """
torch.nn.Sequential(m, "relu")
torch.nn.ModuleList(m)
torch.nn.MSELoss(x, x)
torch.nn.CrossEntropyLoss(x, k)
torch.utils.data.TensorDataset([1, 2])
F.interpolate(x, size=3)
F.interpolate(p, size=(1, 2, 3))
F.interpolate(p, scale_factor=(1.0, 2.0, 3.0))
F.interpolate(p, size=[3.0, 2])
F.interpolate(p, size=3.0)
F.interpolate(p, scale_factor="a")
F.interpolate(p, size=4, recompute_scale_factor=True)
F.interpolate(p, size=0)
F.interpolate(p.long(), size=2, mode="bicubic")
F.interpolate((p * 99).byte(), size=2), F.interpolate((p * 99).byte(), size=2, mode="bilinear")
F.interpolate(p, size=2, mode="linear")
F.interpolate(p, size=2, mode="lanczos")
F.interpolate(p, size=2, mode="lanczos", antialias=True, align_corners=True)
F.interpolate(p, size=2, mode="nearest", antialias=True)
F.interpolate(p[0], size=2, mode="bilinear", antialias=True)
F.interpolate(p, scale_factor=0.6, mode="lanczos", antialias=True)
F.mse_loss(x, 1.0)
F.l1_loss([1.0], x)
F.binary_cross_entropy(p[0, 0].abs(), 1)
F.binary_cross_entropy(p[0, 0].abs(), -p[0, 0].abs())
F.cross_entropy(x, 1)
F.cross_entropy([1.0, 2.0], k)
F.nll_loss(x, None)
F.one_hot(1)
F.layer_norm(1.0, (1,))
F.batch_norm([1.0], x, x)
F.max_pool2d(1, 2)
F.avg_pool2d([1], 2)
F.interpolate(1.0)
F.rms_norm(x.bfloat16() * 1e-3, (3,))
"""

AXES = """
torch.stack((x, x), axis=1), x.softmax(axis=-1), torch.log_softmax(x, axis=1), x.unsqueeze(axis=0), x.squeeze(axis=0)
x.sort(axis=0), torch.argsort(x, axis=1), x.topk(2, axis=1), x.chunk(2, axis=0), x.unbind(axis=1)
torch.softmax(x)
x.softmax()
x.unsqueeze()
x.reshape()
x.expand()
x.permute()
x.repeat()
x.tile()
x.flip()
x.sum_to_size()
x.reshape("a")
x.reshape(2, "a")
x.reshape((2.0, 3))
x.reshape(2.0, 3)
x.view(2.0, 3)
x.view((2, "a"))
x.expand("a")
x.permute("a")
x.permute(1.0, 0)
x.repeat(2, 1.5)
x.flip(0.0)
torch.rand(2.0, 3)
torch.zeros(2.0, 3)
x.transpose("a", 0)
x.unsqueeze(0.0)
x.flatten("a")
x.argmax("a")
x.softmax(0.0)
x.cumsum("a")
x.topk("a")
torch.cat((x, x), "a")
torch.stack((x, x), 0.5)
x.masked_fill(0, 1)
x.masked_fill(x, 1)
x.fill_("a")
x.copy_([1, 2])
x.requires_grad_(1)
x[0].T, x[None].T.shape, s.T
x.renorm(2, 0, 0.5), (w * 1).renorm_(2, 0, 0.5)
"""

CHANGED = """
w.max(0)
w.sort()
w.topk(1)
w.median(0)
w.kthvalue(1)
w.cummax(0)
w.aminmax()
torch.std_mean(w, 0)
torch.linalg.qr(w)
torch.linalg.svd(w * p[0, 0, :2, :3], False)
torch.linalg.slogdet(w @ w.T + torch.eye(2))
torch.nn.LSTM(3, 2)(w)
"""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("line", CHANGED.strip().splitlines())
def test_changed_after_it_was_saved(line, place):
    """A part of the result that backward needs is overwritten in place."""
    answers = []
    for library in LIBRARIES:
        results = eval(line, spaces(library))
        part = results[place][0] if isinstance(results[place], tuple) else results[place]
        with library.no_grad():
            part.copy_(part + 0)
        _, error = outcome(lambda first=results[0]: first.sum().backward())
        answers.append(None if error is None else first_line(error))
    assert answers[0] == answers[1]


LINES = [line for text in (NUMPY, NAMES, MODULES, AXES) for line in text.strip().splitlines()]


def spaces(library):
    """The names that the lines use."""
    return {
        "torch": library,
        "F": library.nn.functional,
        "np": np,
        "n": np.arange(6.0).reshape(2, 3) + 1,
        "x": library.arange(6.0).reshape(2, 3),
        "w": library.ones(2, 3, requires_grad=True),
        "s": library.tensor(2.0),
        "k": library.tensor([0, 2]),
        "p": library.arange(24.0).reshape(1, 1, 4, 6).sin(),
        "m": library.nn.Linear(2, 1),
    }


def shown(library, line):
    """What a line shows, or how it fails; without addresses, and the library by the same name."""
    space = spaces(library)
    linecache.cache["<lesson>"] = (
        len(line),
        None,
        [line],
        "<lesson>",
    )  # from which an error tells x.f() from torch.f(x)
    value, error = outcome(
        lambda: eval(compile(line, "<lesson>", "eval" if not line.startswith("del") else "exec"), space)
    )
    text = repr(value) if error is None else f"{type(error).__name__}: {first_line(error)}"
    return re.sub(r" at 0x\w+", "", text).replace("teachgrad", "torch").replace("nn.module.", "nn.modules.module.")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("line", LINES)
def test_same_text(line):
    mine, theirs = (shown(library, line) for library in LIBRARIES)
    assert mine == theirs
