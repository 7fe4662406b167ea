"""Complex numbers: PyTorch's convention for their gradients, and rules that pay for them only when there are some."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import teachgrad as torch
from teachgrad import conjugates
from teachgrad.conjugates import BARRED, real_form
from teachgrad.ops.table import OPS
from teachgrad.rulebook import COMPLEX_RULES, RULES

WAYS_IN = {
    "a leaf": "z = torch.tensor(1 + 2j, requires_grad=True)",
    "requires_grad_": "z = torch.tensor(1 + 2j).requires_grad_()",
    "a parameter": "z = torch.nn.Parameter(torch.tensor(1 + 2j))",
    "a constant": "z = x * torch.tensor(1 + 2j)",
    "a number": "z = x * (1 + 2j)",
    "an exponent": "z = x ** 1j",
    "parts": "z = torch.complex(x, x)",
    "polar": "z = torch.polar(x, x)",
    "a cast": "z = x.to(torch.complex64)",
    "a view": "z = torch.view_as_complex(torch.stack([x, x]))",
    "a copy": "z = torch.zeros(1, dtype=torch.complex64); z[0] = x",
    "eigenvalues": "z = torch.linalg.eigvals(x * torch.ones(2, 2))",
    "a function": "z = Turn.apply(x)",
    "forward mode": "fw = torch.autograd.forward_ad\n"
    "with fw.dual_level(): z = fw.make_dual(torch.tensor(1j), torch.tensor(1j))",
    "a pickle": "import pickle; z = pickle.loads(KEPT)",
}


class Turn(torch.autograd.Function):
    """A function that makes complex numbers of real ones without an op of the table."""

    @staticmethod
    def forward(ctx, x):
        return torch.from_numpy(np.asarray(x.detach().numpy() * 1j))

    @staticmethod
    def backward(ctx, grad):
        return grad * -1j


def as_if_none_had_come():
    """Takes the bars out of all rules again."""
    conjugates.have_met = False
    for op in OPS.values():
        rules = {name: real_form(rule) for name, rule in op.complex_rules.items()}
        if rules != op.complex_rules and op not in BARRED:
            BARRED.append(op)
            op.rules = rules
            for node_class in op.nodes.values():
                node_class.vjp, node_class.vjp_live = node_class.uncompiled


@pytest.mark.parametrize("way_in", WAYS_IN.values(), ids=WAYS_IN)
def test_rules_get_their_bars_when_the_first_complex_number_comes(way_in):
    kept = pickle.dumps(torch.tensor(1j, requires_grad=True))
    as_if_none_had_come()
    x = torch.tensor(2.0, requires_grad=True)
    (x * torch.tensor(3.0)).backward()  # compiles the rule of real numbers
    assert OPS["mul"].rules["self"] == "grad * other"
    exec(way_in, {"torch": torch, "x": x, "Turn": Turn, "KEPT": kept})
    assert OPS["mul"].rules["self"] == "grad * conj(other)"
    w = torch.tensor(1j, requires_grad=True)
    (w * (2 + 1j)).real.backward()
    assert (
        w.grad.item() == 2 - 1j
    )  # d Re(w c) = Re(c) da - Im(c) db, and the gradient is its first part plus i its second


def test_a_bar_is_taken_from_one_thing_and_from_a_sum():
    assert real_form("grad * conj(other)") == "grad * other"
    assert real_form("grad / conj(a + b) * conj(exp(x))") == "grad / (a + b) * exp(x)"
    assert real_form("conj(f(conj(grad), g(x)))") == "f(grad, g(x))"


def test_formulas_of_real_graphs_have_no_bars():
    assert not [rules for rules in RULES.values() if "conj" in " ".join(rules.values())]
    assert COMPLEX_RULES["MulBackward0"] == {"self": "grad * conj(other)", "other": "grad * conj(self)"}
    for op in OPS.values():
        assert {name: real_form(rule) for name, rule in op.complex_rules.items()} == {
            name: real_form(rule) for name, rule in op.rules.items()
        }


def test_the_gradient_of_a_real_argument_is_real():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    z = torch.tensor([1 + 1j, 2 - 1j], requires_grad=True)
    (x * z + x).abs().sum().backward()
    assert x.grad.dtype == torch.float32
    assert z.grad.dtype == torch.complex64


def test_the_gradient_points_where_the_loss_grows_fastest():
    z = torch.tensor(3 - 4j, dtype=torch.complex128, requires_grad=True)
    z.abs().backward()
    assert z.grad.item() == pytest.approx(0.6 - 0.8j)
    z.grad = None
    (z * z).real.backward()
    assert z.grad.item() == pytest.approx(np.conj(2 * (3 - 4j)))


def test_what_conj_returned_says_so():
    z = torch.tensor([1 + 2j])
    assert z.conj().is_conj() and not z.conj().conj().is_conj() and not z.conj().resolve_conj().is_conj()
    assert torch.ones(2).conj().is_conj() is False
    with pytest.raises(RuntimeError, match="conjugate bit set"):
        z.conj().numpy()
    assert z.conj().numpy(force=True)[0] == 1 - 2j
    with pytest.raises(RuntimeError, match="unresolved conjugated tensors"):
        torch.view_as_real(z.conj())
    assert z.conj().imag.tolist() == [-2.0]
