"""200 random graphs: the nodes run in PyTorch's order and the leaves receive PyTorch's gradients."""

from __future__ import annotations

import random

import pytest

torch = pytest.importorskip("torch")

import teachgrad  # noqa: E402 - after the skip
from oracle.compare import check_values, cotangent, make, name_of, skeleton  # noqa: E402
from oracle.inputs import numbers  # noqa: E402
from teachgrad.ops.table import METHODS  # noqa: E402

UNARY = {
    "neg": lambda a: -a, "exp": lambda a: (a * 0.1).exp(), "tanh": lambda a: a.tanh(), "sin": lambda a: a.sin(),
    "cos": lambda a: a.cos(), "sigmoid": lambda a: a.sigmoid(), "relu": lambda a: a.relu(), "abs": lambda a: a.abs(),
    "pow": lambda a: a**2, "clone": lambda a: a.clone(), "rsub": lambda a: 1 - a, "mul": lambda a: a * 3,
    "double": lambda a: a.to(a.dtype), "clamp": lambda a: a.clamp(-3, 3), "detach": lambda a: a.detach(),
    "t": lambda a: a.t(), "transpose": lambda a: a.transpose(0, 1), "flip": lambda a: a.flip(0),
    "softmax": lambda a: a.softmax(1), "sum": lambda a: a.sum(1, keepdim=True) + a * 0,
    "max": lambda a: a.max(1, keepdim=True)[0] + a,
    "reshape": lambda a: a.reshape(-1).reshape(3, 3), "unsqueeze": lambda a: a.unsqueeze(0).squeeze(0),
    "expand": lambda a: a[:1].expand(3, 3), "select": lambda a: a[1] + a,
}  # fmt: skip
BINARY = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": lambda a, b: a / (b * b + 1),
    "maximum": lambda a, b: a.maximum(b), "where": lambda a, b: a.where(a > 0, b), "matmul": lambda a, b: (a @ b) * 0.2,
    "hypot": lambda a, b: a.hypot(b), "atan2": lambda a, b: a.atan2(b * b + 1),
}  # fmt: skip
SPLITTING = {
    "unbind": lambda a: a.unbind(0), "chunk": lambda a: a.chunk(3, 1), "split": lambda a: a.split(1),
    "max": lambda a: a.max(0)[:1],
}  # fmt: skip


def there(table):
    """The entries whose methods exist so far."""
    return sorted(name for name in table if name in METHODS or name in ("double", "detach", "select"))


def grow(seed, library):
    """A random expression over 2 to 5 leaves with shared parts; the same one for the same seed in either library."""
    choose = random.Random(seed)
    leaves = [
        make(library, numbers(f"leaf{n}", (3, 3)), requires_grad=choose.random() < 0.85)
        for n in range(choose.randint(2, 5))
    ]
    leaves[0].requires_grad_()
    pool = list(leaves)
    unary, binary, splitting = there(UNARY), there(BINARY), there(SPLITTING)
    for _ in range(choose.randint(3, 25)):
        kind = choose.random()
        first = choose.choice(pool)
        if kind < 0.45:
            pool.append(UNARY[choose.choice(unary)](first))
        elif kind < 0.9 or not splitting:
            second = first if choose.random() < 0.15 else choose.choice(pool)
            pool.append(BINARY[choose.choice(binary)](first, second))
        else:
            parts = list(SPLITTING[choose.choice(splitting)](first))
            pool.append(choose.choice(parts) * first)
    roots = [tensor for tensor in pool[-choose.randint(1, 3) :] if tensor.requires_grad] or [pool[0] * 2]
    return leaves, roots


def watched(roots):
    """Hooks on every node of a graph; the order in which they fire, by the node's number in a walk."""
    numbers_, order, stack = {}, [], [root.grad_fn for root in roots if root.grad_fn is not None]
    for node in stack:
        numbers_.setdefault(node, len(numbers_))
    while stack:
        node = stack.pop()
        for below, _ in node.next_functions:
            if below is not None and below not in numbers_:
                numbers_[below] = len(numbers_)
                stack.append(below)
    for node, number in numbers_.items():
        label = f"{name_of(node)}#{number}"
        node.register_prehook(lambda grads, label=label: order.append(f"before {label}"))
        node.register_hook(lambda ins, outs, label=label: order.append(f"after {label}"))
    return order, list(numbers_)


def run(seed, library):
    leaves, roots = grow(seed, library)
    graph = [skeleton(root) for root in roots]
    order, nodes = watched(roots)
    library.autograd.backward(roots, [cotangent(root, library, n) for n, root in enumerate(roots)])
    del nodes
    return graph, order, [leaf.grad for leaf in leaves]


@pytest.mark.parametrize("seed", range(200))
def test_random_graph(seed):
    mine, theirs = run(seed, teachgrad), run(seed, torch)
    assert mine[0] == theirs[0]
    assert mine[1] == theirs[1]
    for ours, wanted in zip(mine[2], theirs[2], strict=True):
        assert (ours is None) == (wanted is None)
        if wanted is not None:
            check_values(ours, wanted, ulps=200)
