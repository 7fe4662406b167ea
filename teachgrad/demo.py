"""A regression, start to finish: one small loss, its graph, and its backward in words and pictures.

`python -m teachgrad demo` (or `make demo`) runs it. It is also the shortest example of what your own lesson
needs: build a loss as in PyTorch, give `teachgrad.viz` the loss and the names, and save what comes back.
"""

from pathlib import Path

import teachgrad as torch
from teachgrad import viz


def regression() -> dict[str, torch.Tensor]:
    """Two samples with three features each, three weights, and the mean squared error.

    Returns the variables by name; `loss` is float32 of shape () and only `w` (3, 1) requires a gradient.
    """
    x = torch.arange(6).reshape(2, 3) * 1.0
    target = torch.arange(2, 4).reshape(2, 1) * 1.0
    w = torch.ones((3, 1), requires_grad=True)
    output = x.matmul(w)
    loss = ((output - target) ** 2).mean()
    return {"x": x, "target": target, "w": w, "output": output, "loss": loss}


def main(folder: Path) -> None:
    """Run the lesson, print its backward step by step, and write the pictures into `folder`.

    Raises OSError when the folder cannot be made or written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    variables = regression()
    loss, w = variables["loss"], variables["w"]
    drawing = viz.draw(loss, names=variables)
    player = viz.animate(loss, names=variables)  # runs loss.backward() and writes down every step
    print(player.text())
    print("loss:", loss)
    print("w.grad:", w.grad, sep="\n")
    print()
    for saved, name, what in (
        (drawing, "regression.svg", "the graph"),
        (drawing, "regression.png", "the same, as a bitmap"),
        (player, "regression.html", "backward to step through: open it in a browser, no network needed"),
    ):
        saved.save(folder / name)
        print(f"{folder / name}  ({what})")
