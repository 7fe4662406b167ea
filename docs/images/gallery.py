"""Make the gallery from real runs: docs/gallery.md and the pictures in docs/images/gallery/.

    python docs/images/gallery.py

Every picture is what `viz.animate` or `viz.draw` gives for the few lines that are printed above it. The PyTorch
picture is made where PyTorch is installed, and kept as it is where it is not.
"""

import importlib.util
import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import teachgrad as torch
from teachgrad import viz
from teachgrad.viz import film
from teachgrad.viz.files import write

HERE = Path(__file__).parent
PAGE = HERE.parent / "gallery.md"

HEAD = """\
# Gallery

Real runs, drawn by teachgrad. The films play by themselves, as SVG files without a script; in a notebook `viz.animate`
gives the same replay to step through by hand. `python docs/images/gallery.py` makes this page.
"""


def scalar() -> viz.Player:
    """Q = 3a³ - b²: one chain for each leaf, and a minus sign on the way to b."""
    a = torch.tensor(2.0, requires_grad=True)
    b = torch.tensor(6.0, requires_grad=True)
    Q = 3 * a**3 - b**2
    return viz.animate(Q)


def two_layers() -> viz.Player:
    """A net of two layers: the gradient comes to the second layer first."""
    x = torch.tensor([[1.0, 2.0]])
    w1 = torch.tensor([[0.5, -0.25], [0.1, 0.3]], requires_grad=True)
    b1 = torch.tensor([0.1, -0.1], requires_grad=True)
    w2 = torch.tensor([[0.7], [-0.4]], requires_grad=True)
    hidden = (x @ w1 + b1).tanh()
    loss = ((hidden @ w2 - 1) ** 2).sum()
    return viz.animate(loss, params={"w1": w1, "b1": b1, "w2": w2})


def broadcasting() -> viz.Player:
    """A row is added to every row of a matrix, so its gradient is summed over the rows."""
    matrix = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], requires_grad=True)
    row = torch.tensor([2.0, 3.0], requires_grad=True)
    loss = ((matrix + row) ** 2).sum()
    return viz.animate(loss)


def shared_weights() -> viz.Player:
    """One weight used three times: three gradients meet at its AccumulateGrad."""
    w = torch.tensor(0.5, requires_grad=True)
    state = torch.tensor(1.0)
    for _ in range(3):
        state = (state * w).tanh()
    return viz.animate(state, names={"w": w, "state": state})


def in_place_on_a_view() -> viz.Player:
    """A part of y is multiplied in place: all of y gets a CopySlices node, which knows that only that part changed."""
    x = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    y = x * x
    y[:2].mul_(10)
    loss = y.sum()
    return viz.animate(loss)


def second_order() -> viz.Player:
    """The gradient of a gradient: with create_graph=True backward is recorded like any other computation."""
    x = torch.tensor(2.0, requires_grad=True)
    y = x**3
    (slope,) = torch.autograd.grad(y, x, create_graph=True)
    return viz.animate(slope)


def attention() -> viz.Drawing:
    """One head of attention: three projections, a softmax, and where they meet."""
    tokens = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    query, key, value = (torch.tensor([[0.5, 0.1 * i], [0.2, 0.3]], requires_grad=True) for i in range(3))
    scores = (tokens @ query) @ (tokens @ key).t() / 2**0.5
    weights = scores.softmax(-1)
    out = weights @ (tokens @ value)
    return viz.draw(out)


def recurrence() -> viz.Drawing:
    """A loop of 500 turns: drawn as one box, times 500."""
    w = torch.tensor([0.9, 1.1], requires_grad=True)
    b = torch.tensor([0.1, 0.2], requires_grad=True)
    state = torch.tensor([1.0, 1.0])
    for _ in range(500):
        state = (state * w + b).tanh()
    return viz.draw(state)


def with_and_without_detach() -> viz.Comparison:
    """Two lessons side by side: what detach() takes away."""

    def lesson(detach: bool) -> viz.Player:
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        w = torch.tensor([3.0, 4.0], requires_grad=True)
        h = (x * w).detach() if detach else x * w
        loss = (h * w).sum()
        return viz.animate(loss)

    return viz.compare(lesson(True), lesson(False), ("with detach()", "without"))


def pytorch_model() -> viz.Drawing:
    """A PyTorch model, its modules as groups: the same code draws PyTorch's own graphs."""
    import torch

    torch.manual_seed(0)
    model = torch.nn.Sequential()
    model.add_module("conv", torch.nn.Conv2d(1, 4, 3))
    model.add_module("relu", torch.nn.ReLU())
    model.add_module("pool", torch.nn.MaxPool2d(2))
    model.add_module("flat", torch.nn.Flatten())
    model.add_module("head", torch.nn.Linear(36, 10))
    images, digits = torch.rand(2, 1, 8, 8), torch.tensor([3, 7])
    with viz.modules(model):
        loss = torch.nn.functional.cross_entropy(model(images), digits)
    return viz.draw(loss)


CASES: tuple[Callable[[], Any], ...] = (
    scalar,
    two_layers,
    broadcasting,
    shared_weights,
    in_place_on_a_view,
    second_order,
    attention,
    recurrence,
    with_and_without_detach,
    pytorch_model,
)


def section(case: Callable[[], Any], folder: Path) -> str:
    """Run one case, write its picture into `folder`, and return its part of the page."""
    name, words = case.__name__.replace("_", "-"), inspect.getdoc(case) or ""
    can_run = case is not pytorch_model or importlib.util.find_spec("torch") is not None
    is_film = case.__annotations__["return"] is viz.Player
    path = folder / (f"{name}{film.ANIMATED}" if is_film else f"{name}.svg")
    if can_run:
        shown = case()
        write(path, film.animated(shown.shown, shown.layout) if is_film else shown.svg())
    body = textwrap.dedent(inspect.getsource(case).split('"""\n', 1)[1]).strip()
    title = case.__name__.replace("_", " ").capitalize().replace("Pytorch", "PyTorch")
    return f"\n## {title}\n\n{words}\n\n```python\n{body}\n```\n\n![{title}](images/gallery/{path.name})\n"


def main() -> None:
    """Write the page and its pictures."""
    folder = HERE / "gallery"
    folder.mkdir(exist_ok=True)
    write(PAGE, HEAD + "".join(section(case, folder) for case in CASES))


if __name__ == "__main__":
    main()
