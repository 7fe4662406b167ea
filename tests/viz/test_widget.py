"""The Stepper as Python sees it; tests/browser steps it in a real notebook."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import teachgrad as torch
from teachgrad import viz

traitlets = pytest.importorskip("traitlets")
pytest.importorskip("anywidget")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def stepper() -> Any:
    x = torch.tensor(3.0, requires_grad=True)
    y = torch.tensor(-2.0, requires_grad=True)
    return viz.Stepper(x * y + x)


def test_it_runs_backward_once_and_names_the_callers_tensors() -> None:
    x = torch.tensor(3.0, requires_grad=True)
    stepper = viz.Stepper(x * x)
    assert x.grad.item() == 6.0
    assert "x" in [node.title for node in stepper.trace.graph.nodes]
    z = x * x
    z.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        viz.Stepper(z)


def test_gradient_names_and_retain_graph_are_passed_on() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    viz.Stepper(y, torch.tensor([1.0, 10.0]), names={"weights": x}, retain_graph=True)
    stepper = viz.Stepper(y, gradient=torch.tensor([1.0, 10.0]), params={"weights": x})
    assert x.grad.tolist() == [4.0, 80.0]
    (leaf,) = [node for node in stepper.trace.graph.nodes if node.title == "weights"]
    assert leaf.kind == "parameter"


def test_it_begins_before_backward(stepper: Any) -> None:
    assert (stepper.step, stepper.steps) == (0, len(stepper.trace.events))
    assert stepper.sentence.startswith("Before backward()")
    assert (stepper.playing, stepper.speed, stepper.selected) == (False, 1.0, "")


def test_the_sentence_follows_the_step(stepper: Any) -> None:
    for number, event in enumerate(stepper.trace.events, 1):
        stepper.step = number
        assert stepper.sentence == event.sentence
    stepper.step = 0
    assert stepper.sentence.startswith("Before backward()")


def test_the_methods_stop_at_the_ends(stepper: Any) -> None:
    stepper.back()
    assert stepper.step == 0
    stepper.next()
    stepper.next()
    stepper.back()
    assert stepper.step == 1
    stepper.last()
    stepper.next()
    assert stepper.step == stepper.steps
    stepper.first()
    assert stepper.step == 0
    stepper.play()
    assert stepper.playing
    stepper.pause()
    assert not stepper.playing


def test_python_can_watch(stepper: Any) -> None:
    seen = []
    stepper.observe(lambda change: seen.append((change["old"], change["new"])), names="step")
    stepper.step = 4
    stepper.next()
    assert seen == [(0, 4), (4, 5)]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("step", -1, "step must be a whole number from 0 to 10"),
        ("step", 11, "it cannot be 11"),
        ("step", True, "it cannot be True"),
        ("step", 1.5, "'step' trait"),
        ("speed", 0.0, "speed must be above 0 and at most 20"),
        ("speed", float("nan"), "it cannot be nan"),
        ("selected", "n99", "selected must be a node's id"),
        ("playing", "yes", "'playing' trait"),
        ("steps", 3, '"steps" trait is read-only'),
        ("sentence", "no", '"sentence" trait is read-only'),
    ],
)
def test_a_bad_value_is_refused_and_changes_nothing(stepper: Any, name: str, value: object, message: str) -> None:
    before = getattr(stepper, name)
    with pytest.raises(traitlets.TraitError, match=message):
        setattr(stepper, name, value)
    assert getattr(stepper, name) == before


def test_a_node_can_be_selected(stepper: Any) -> None:
    stepper.selected = stepper.trace.graph.nodes[2].id
    stepper.selected = ""
    assert stepper.selected == ""


def test_it_sends_what_the_player_needs(stepper: Any) -> None:
    state = stepper.get_state()
    assert state["_trace"] == stepper.trace.to_dict()
    assert state["_options"]["svg"] == stepper.player.svg()
    assert "export default" in state["_esm"]
    assert "http" not in state["_css"]


def test_places_without_widgets_get_the_player_and_the_words(stepper: Any) -> None:
    data, _ = stepper._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["text/html"] == stepper.player.html()
    assert data["text/plain"] == stepper.trace.text()


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )
    return done.stdout + done.stderr


def test_widgets_are_loaded_only_by_the_stepper() -> None:
    code = "import sys, teachgrad.viz; print([m for m in ('anywidget', 'ipywidgets') if m in sys.modules])"
    assert run(code).strip() == "[]"


def test_without_anywidget_one_sentence_says_what_to_install() -> None:
    code = "import sys; sys.modules['anywidget'] = None; from teachgrad import viz; viz.Stepper"
    assert (
        run(code)
        .strip()
        .endswith(
            'ImportError: viz.Stepper is a Jupyter widget and needs anywidget: pip install "teachgrad[notebook]".'
        )
    )
