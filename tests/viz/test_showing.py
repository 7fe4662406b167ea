"""``TEACHGRAD_VIZ``: which form each picture takes in a notebook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from teachgrad import viz


def shown_by(lib: Any) -> dict[str, Any]:
    x = lib.tensor([2.0, 3.0], requires_grad=True)
    loss = (x * x).sum()
    watched = viz.watch({"x": x})
    player = viz.animate(loss, names={"x": x})
    watched.remove()
    return {
        "drawing": viz.draw((x * x).sum(), names={"x": x}),
        "player": player,
        "comparison": viz.compare(player, player),
        "norms": watched,
    }


@pytest.mark.parametrize("kind", ["drawing", "player", "comparison", "norms"])
@pytest.mark.parametrize(
    ("said", "form"),
    [(None, "text/html"), ("", "text/html"), (" HTML ", "text/html"), ("svg", "image/svg+xml"), ("text", None)],
)
def test_the_environment_chooses(
    lib: Any, monkeypatch: pytest.MonkeyPatch, kind: str, said: str | None, form: str | None
) -> None:
    monkeypatch.delenv("TEACHGRAD_VIZ", raising=False)
    if said is not None:
        monkeypatch.setenv("TEACHGRAD_VIZ", said)
    data = shown_by(lib)[kind]._repr_mimebundle_()
    assert set(data) == {"text/plain"} | ({form} if form else set())
    assert all(data.values())


def test_a_replay_becomes_a_widget_and_other_pictures_stay(lib: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("anywidget")
    monkeypatch.setenv("TEACHGRAD_VIZ", "widget")
    things = shown_by(lib)
    data, _ = things["player"]._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "text/html" in data  # for places without widgets
    assert "text/html" in things["drawing"]._repr_mimebundle_()


def test_a_stepper_takes_a_finished_replay(lib: Any) -> None:
    pytest.importorskip("anywidget")
    player = shown_by(lib)["player"]
    stepper = viz.Stepper(player)
    assert stepper.trace == player.trace and stepper.steps == len(player.trace.events)


@pytest.mark.parametrize("kind", ["drawing", "player", "comparison", "norms"])
def test_another_word_is_one_sentence(lib: Any, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv("TEACHGRAD_VIZ", "htlm")
    said = shown_by(lib)[kind]._repr_mimebundle_()
    assert said == {"text/plain": "TEACHGRAD_VIZ is 'htlm'; it should be html, widget, svg or text."}


def test_what_cannot_be_shown_is_said_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    from teachgrad.viz.showing import bundle

    monkeypatch.delenv("TEACHGRAD_VIZ", raising=False)

    def fails(error: type[Exception]) -> Callable[[], str]:
        def form() -> str:
            raise error("No picture today.")

        return form

    for error in (ImportError, RuntimeError, ValueError):
        assert bundle(lambda: "words", str, fails(error)) == {"text/plain": "No picture today."}
    with pytest.raises(ZeroDivisionError):
        bundle(lambda: "words", str, fails(ZeroDivisionError))
