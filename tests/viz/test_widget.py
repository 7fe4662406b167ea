"""The Stepper as Python sees it; tests/browser steps it in a real notebook."""

import importlib
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
    assert state["_options"] == stepper.player.options()
    assert "export default" in state["_esm"]
    assert "http" not in state["_css"]


def test_places_without_widgets_get_the_player_and_the_words(stepper: Any) -> None:
    data, _ = stepper._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["text/html"] == stepper.player.html()
    assert data["text/plain"] == stepper.trace.text()


def test_predict_asks_counts_and_reveals() -> None:
    x = torch.tensor(3.0, requires_grad=True)
    y = torch.tensor(-2.0, requires_grad=True)
    stepper = viz.Stepper(x * y, mode="predict")
    assert (stepper.step, stepper._reach) == (0, 1)  # the seed is given
    with pytest.raises(traitlets.TraitError, match="until the question there has its answer"):
        stepper.step = 2
    stepper.last()
    stepper.next()
    assert stepper.step == 1
    assert stepper.answer("Mul")
    assert stepper.step == 2
    assert not stepper.answer(2)
    assert stepper.feedback["text"] == f"Not quite. {stepper.sentence}"
    with pytest.raises(ValueError, match="An answer is a number"):
        stepper.answer("two")
    while stepper.question:
        stepper.answer(None)
    score = stepper.score
    assert (score["asked"], score["right"]) == (5, 1)
    assert score["answers"][1] == {
        "step": 3,
        "question": "What is the gradient that MulBackward0 sends to x? It received 1.",
        "given": "2",
        "expected": "-2",
        "right": False,
    }
    stepper.last()
    assert stepper.step == stepper.steps
    with pytest.raises(RuntimeError, match="Nothing is asked"):
        stepper.answer(1)


def test_a_view_answers_by_message() -> None:
    x = torch.tensor(3.0, requires_grad=True)
    stepper = viz.Stepper(x * x, mode="predict")
    stepper._handle_custom_msg({"kind": "answer", "given": "Mul"}, [])
    assert stepper.score["right"] == 1
    stepper._handle_custom_msg({"kind": "answer", "given": "?"}, [])
    assert (stepper.score["asked"], stepper.feedback["right"]) == (1, None)
    stepper._handle_custom_msg({"kind": "answer", "given": None}, [])
    assert stepper.score["asked"] == 2


def test_live_runs_no_further_than_the_step_and_runs_again() -> None:
    x = torch.tensor(3.0, requires_grad=True)
    stepper = viz.Stepper(lambda: x * x, live=True)
    assert (stepper.steps, x.grad) == (0, None)
    while x.grad is None:
        assert stepper._run["waits"]
        stepper.next()
    assert stepper.sentence == "x.grad was None and becomes 6."
    assert [event["kind"] for event in stepper._run["events"]][-1] == "accumulate"
    stepper.first()
    assert (stepper.step, x.grad.item()) == (0, 6.0)
    x.data.fill_(5.0)
    stepper.rerun()
    assert (stepper.step, stepper.steps, x.grad) == (0, 0, None)
    stepper._handle_custom_msg({"kind": "advance", "everything": True}, [])
    assert x.grad.item() == 10.0
    assert not stepper._run["waits"]
    stepper.rerun(x * 2)
    stepper.next()
    stepper.close()
    assert x.grad is None


def test_live_and_modes_refuse_what_they_cannot_do() -> None:
    x = torch.tensor(3.0, requires_grad=True)
    with pytest.raises(ValueError, match="mode must be 'replay' or 'predict'"):
        viz.Stepper(x * x, mode="guess")
    with pytest.raises(ValueError, match="live=True is one that has not"):
        viz.Stepper(x * x, mode="predict", live=True)
    with pytest.raises(TypeError, match="A graph runs once"):
        viz.Stepper(x * x).rerun()
    stepper = viz.Stepper(x * x, live=True)
    with pytest.raises(TypeError, match="A graph runs once"):
        stepper.rerun()
    with pytest.raises(traitlets.TraitError, match="run the live backward on"):
        stepper.step = 1
    stepper.close()


@pytest.mark.parametrize("live", [False, True])
def test_a_leaf_is_changed_and_backward_runs_again(live: bool) -> None:
    x = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
    stepper = viz.Stepper(lambda: (x * x).sum(), live=live)
    stepper.last()
    assert x.grad.tolist() == [[2.0, 4.0, 6.0], [8.0, 10.0, 12.0]]
    stepper.change("x", -1.5, entry=4)
    assert stepper.step == 0
    stepper.last()
    assert x.grad.tolist() == [[2.0, 4.0, 6.0], [8.0, -3.0, 12.0]]
    assert stepper.steps == len(stepper.trace.events) > 0
    view = next(node.id for node in stepper.trace.graph.nodes if node.title == "x")
    stepper._handle_custom_msg({"kind": "change", "node": view, "entry": 0, "value": "\u22122"}, [])
    assert x.tolist()[0][0] == -2.0
    stepper._handle_custom_msg({"kind": "change", "node": view, "entry": 0, "value": "two"}, [])
    assert stepper._problem == "ValueError: A leaf holds numbers such as -1.5; got 'two'."
    for wrong, problem in [(("y", 1.0), KeyError), (("x", 1.0, 6), IndexError), (("x", "?"), ValueError)]:
        with pytest.raises(problem):
            stepper.change(*wrong)
    assert x.tolist()[0][0] == -2.0
    stepper.close()


def test_a_question_is_asked_anew_after_a_change() -> None:
    x = torch.tensor(3.0, requires_grad=True)
    stepper = viz.Stepper(lambda: x * x, mode="predict")
    stepper.answer("Mul")
    stepper.change("x", 4.0)
    assert (stepper.step, stepper.score["asked"], stepper._reach) == (0, 0, 1)


def test_where_no_kernel_is_the_player_stands_in(monkeypatch: pytest.MonkeyPatch, stepper: Any) -> None:
    shown: list[dict[str, str]] = []
    display = importlib.import_module("IPython.display")
    monkeypatch.setattr(display, "display", lambda data, **kwargs: shown.append(data))
    stepper._ipython_display_()
    first, second = shown
    assert f'data-stands-for="{stepper._name}"' in first["text/html"]
    assert stepper.player.html() in first["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in second
    assert stepper._name != viz.Stepper(stepper.player)._name


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
