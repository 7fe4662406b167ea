"""In-place operations: version numbers, the rules for leaves and views, and histories that are rewritten."""

from __future__ import annotations

import pytest

LEAF = "a leaf Variable that requires grad is being used in an in-place operation."
LEAF_VIEW = "a view of a leaf Variable that requires grad is being used in an in-place operation."
MODIFIED = (
    "one of the variables needed for gradient computation has been modified by an inplace operation: [torch.FloatTensor "
    "[{shape}]]{origin} is at version {now}; expected version {then} instead. Hint: enable anomaly detection to find the "
    "operation that failed to compute its gradient, with torch.autograd.set_detect_anomaly(True, check_nan=False)."
)


def modified(shape="2", origin="", now=1, then=0):
    return MODIFIED.format(
        shape=shape, origin=f", which is output 0 of {origin}," if origin else "", now=now, then=then
    )


def leaf(torch, *values):
    return torch.tensor(values, requires_grad=True)


def test_versions(torch):
    x = torch.tensor([1.0, 2.0])
    assert x._version == 0
    x.add_(1)
    x += 1
    x[0] = 9.0
    assert x._version == 3
    view, twin = x[1:], x.detach()
    view.mul_(2)
    assert x._version == view._version == twin._version == 4
    twin.zero_()
    assert x._version == 5 and x.tolist() == [0.0, 0.0]
    x.data.add_(1)  # unseen
    assert x._version == 5 and x.tolist() == [1.0, 1.0]
    assert x.clone()._version == 0
    y = leaf(torch, 1.0, 2.0)
    with torch.no_grad():
        y -= 0.5
    assert y._version == 1 and y.is_leaf and y.requires_grad and y.tolist() == [0.5, 1.5]


def test_identity(torch):
    x = torch.tensor([1.0, 2.0])
    before = x
    assert x.add_(1) is x
    x += 1
    x *= 2
    x -= 1
    x /= 2
    x **= 2
    assert x is before and x.tolist() == [6.25, 12.25]
    k = torch.tensor([7, 8])
    k //= 2
    k %= 3
    k |= 4
    k &= 5
    k ^= 1
    k <<= 1
    k >>= 1
    assert k.tolist() == [5, 4]


def test_leaves(torch, fails):
    x = leaf(torch, 1.0, 2.0)
    for change in (lambda: x.add_(1), lambda: x.zero_(), lambda: x.exp_(), lambda: x.__setitem__(0, 5.0)):
        with pytest.raises(RuntimeError, match="leaf Variable that requires grad is being used in an in-place"):
            change()
    with fails(RuntimeError, LEAF):
        x += 1
    with fails(RuntimeError, LEAF_VIEW):
        x[0] = 5.0
    with fails(RuntimeError, LEAF_VIEW):
        x[1:].mul_(2)
    with fails(RuntimeError, LEAF_VIEW):
        x.view(2).mul_(2)
    assert x.tolist() == [1.0, 2.0] and x._version == 0
    with torch.no_grad():
        x[0] = 5.0
        x.view(2).mul_(2)
    assert x.tolist() == [10.0, 4.0] and x.is_leaf and x._version == 2


def test_a_result_changed_in_place(torch):
    x = leaf(torch, 1.0, 2.0)
    y = x * 2
    z = y.exp_()
    assert z is y and y.grad_fn.name() == "ExpBackward0" and y._version == 1
    assert y.grad_fn.next_functions[0][0].name() == "MulBackward0"
    y.sum().backward()
    assert [round(g, 3) for g in x.grad.tolist()] == [14.778, 109.196]


def test_a_constant_becomes_part_of_a_graph(torch):
    x, y = leaf(torch, 1.0, 2.0), torch.tensor([3.0, 4.0])
    assert y.mul_(x) is y
    assert y.requires_grad and not y.is_leaf and y.grad_fn.name() == "MulBackward0"
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 4.0]


def test_the_old_value_is_still_there_for_the_rule(torch):
    """x.mul_(w) needs the old x for the gradient of w."""
    x, w = leaf(torch, 1.0, 2.0), leaf(torch, 3.0, 4.0)
    h = x * 10
    h.mul_(w)
    h.sum().backward()
    assert w.grad.tolist() == [10.0, 20.0] and x.grad.tolist() == [30.0, 40.0]


@pytest.mark.parametrize(
    ("line", "origin"),
    [
        ("x.exp()", "Exp"),
        ("x.tanh()", "Tanh"),
        ("x.sigmoid()", "Sigmoid"),
        ("x.sqrt()", "Sqrt"),
        ("x.reciprocal()", "Reciprocal"),
    ],
)
def test_a_saved_result_changed(torch, fails, line, origin):
    y = eval(line, {"x": leaf(torch, 1.0, 2.0)})
    y.add_(1)
    with fails(RuntimeError, modified(origin=origin)):
        y.sum().backward()


def test_the_maker_of_a_changed_value_is_named_as_pytorch_does(torch, fails):
    """ExpBackward0 is "Exp", MaxBackward1 is "Max1"."""
    x = leaf(torch, 1.0, 3.0)
    top = x.max()
    y = top.exp()
    z = y * top
    with torch.no_grad():
        top.add_(1)
    with fails(RuntimeError, modified(shape="", origin="Max1")):
        z.backward()


def test_a_saved_input_changed(torch, fails):
    x, w = leaf(torch, 1.0, 2.0), leaf(torch, 3.0, 4.0)
    h = w * 1
    y = x * h
    h.add_(1)
    with fails(RuntimeError, modified(origin="Add")):
        y.sum().backward()
    with torch.no_grad():
        z = x * w
    z = x * w
    with torch.no_grad():
        w += 1
    with fails(RuntimeError, modified()):
        z.sum().backward()
    c = torch.tensor([3.0, 4.0])
    z = x * c
    c[0] = 100.0
    c[1] = 100.0
    with fails(RuntimeError, modified(now=2)):
        z.sum().backward()
    assert x.grad is None


def test_what_is_not_saved_may_change(torch):
    x, c = leaf(torch, 1.0, 2.0), torch.tensor([3.0, 4.0])
    y = x + c
    c.zero_()
    h = x * 2
    z = h + 1
    h.zero_()
    y.sum().backward()
    z.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_versions_count_from_the_time_of_saving(torch, fails):
    x, c = leaf(torch, 1.0, 2.0), torch.tensor([3.0, 4.0])
    c.add_(1)
    y = x * c
    y.sum().backward()
    assert x.grad.tolist() == [4.0, 5.0]
    y = x * c
    c.add_(1)
    with fails(RuntimeError, modified(now=2, then=1)):
        y.sum().backward()


def test_writing_into_a_slice(torch):
    x = leaf(torch, 1.0, 2.0, 3.0)
    y = x * 2
    y[0] = 10.0
    assert y.grad_fn.name() == "torch::autograd::CopySlices" and y._version == 1
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 2.0, 2.0]


def test_a_view_changed_changes_the_base(torch):
    x = leaf(torch, 1.0, 2.0, 3.0)
    y = x * 2
    v = y[1:]
    v.mul_(10)
    assert y.tolist() == [2.0, 40.0, 60.0]
    assert y.grad_fn.name() == "torch::autograd::CopySlices" and v.grad_fn.name() == "AsStridedBackward0"
    (y.sum() + v.sum()).backward()
    assert x.grad.tolist() == [2.0, 40.0, 40.0]


def test_a_base_changed_changes_the_view(torch):
    x = leaf(torch, 1.0, 2.0, 3.0)
    y = x * 2
    v = y[1:]
    y.mul_(10)
    assert v.tolist() == [40.0, 60.0] and v.grad_fn.name() == "AsStridedBackward0" and v._version == 1
    v.sum().backward()
    assert x.grad.tolist() == [0.0, 20.0, 20.0]


def test_writing_tensors_into_a_constant(torch):
    x, y = leaf(torch, 1.0, 2.0), torch.zeros(2, 2)
    y[0] = x
    y[1] = x * 3
    assert y.requires_grad and y.grad_fn.name() == "torch::autograd::CopySlices"
    y.sum().backward()
    assert x.grad.tolist() == [4.0, 4.0]


def test_chained_views(torch):
    x = leaf(torch, [1.0, 2.0], [3.0, 4.0])
    y = x * 1
    row = y[0]
    cell = row[1]
    cell.mul_(5)
    assert y.tolist() == [[1.0, 10.0], [3.0, 4.0]] and row._base is y and cell._base is y
    y.sum().backward()
    assert x.grad.tolist() == [[1.0, 5.0], [1.0, 1.0]]


def test_results_that_do_not_fit(torch, fails):
    k = torch.tensor([1, 2])
    with fails(RuntimeError, "result type Float can't be cast to the desired output type Long"):
        k += 0.5
    with fails(RuntimeError, "result type Float can't be cast to the desired output type Long"):
        k /= 2
    with fails(RuntimeError, "result type Float can't be cast to the desired output type Long"):
        k.mul_(torch.tensor([1.0, 2.0]))
    with fails(RuntimeError, "output with shape [2] doesn't match the broadcast shape [3, 2]"):
        k.add_(torch.ones(3, 2).long())
    assert k.tolist() == [1, 2] and k._version == 0
    half = torch.tensor([1.0, 2.0])
    half += torch.tensor([1.0, 1.0], dtype=torch.float64)
    assert half.dtype == torch.float32


def test_views_made_under_no_grad(torch, fails):
    x = leaf(torch, 1.0, 2.0)
    y = x * 1
    with torch.no_grad():
        v = y[0:1]
    with pytest.raises(RuntimeError, match="A view was created in no_grad mode and is being modified inplace"):
        v.mul_(2)
    assert y.tolist() == [1.0, 2.0]


def test_views_of_many_outputs(torch):
    x = leaf(torch, 1.0, 2.0)
    a, _ = (x * 1).unbind()
    with pytest.raises(RuntimeError, match="Output 0 of Unbind is a view and is being modified inplace"):
        a.mul_(2)


def test_in_place_on_a_detached_alias_is_noticed(torch, fails):
    x = leaf(torch, 1.0, 2.0)
    y = x.exp()
    y.detach().zero_()
    with fails(RuntimeError, modified(origin="Exp")):
        y.sum().backward()


def test_the_classic_training_step(torch):
    w = leaf(torch, 1.0, 2.0)
    for _ in range(3):
        loss = (w * w).sum()
        loss.backward()
        with torch.no_grad():
            w -= 0.25 * w.grad
            w.grad.zero_()
    assert w.tolist() == [0.125, 0.25] and w.grad.tolist() == [0.0, 0.0]
    w.data -= 1
    assert w.is_leaf and w.requires_grad and w._version == 3


@pytest.mark.parametrize("changed", ["weight", "input", "state"])
def test_lstm_refuses_what_changed_since_forward(torch, changed):
    lstm = torch.nn.LSTM(3, 2)
    x, state = torch.ones(4, 1, 3) * torch.ones(3, requires_grad=True), (torch.zeros(1, 1, 2), torch.zeros(1, 1, 2))
    output, _ = lstm(x, state)
    with torch.no_grad():
        {"weight": lstm.weight_ih_l0, "input": x, "state": state[0]}[changed].add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()
