/* The Jupyter widget (anywidget): the same player, its state shared with Python. */

import { makeComposer } from "./opening.js";
import { makeQuiz } from "./quiz.js";
import { mount } from "./player.js";
import { html } from "./values.js";

const views = new WeakMap(); // trace -> its views on the page; while it plays, the first one keeps time

function render({ model, el }) {
  let player = null;
  const root = html("div", { class: "tg-root tg-player" });
  el.append(root);
  // Until now, and in a notebook without its kernel, a picture stands in for this widget.
  for (const standIn of document.querySelectorAll(`[data-stands-for="${CSS.escape(model.get("_name"))}"]`)) standIn.replaceChildren();
  const shared = model.get("_trace"); // one object for all views, which have a `model` of their own each
  if (!views.has(shared)) views.set(shared, new Set());
  const all = views.get(shared).add(el);
  const tell = (message) => model.send(message);
  function begin() {
    player?.destroy();
    const isLive = model.get("live");
    const trace = { ...model.get("_trace"), ...(isLive ? model.get("_run") : {}) };
    player = mount(root, trace, {
      ...model.get("_options"), makeComposer, math: { ...model.get("_options").math, ...trace.math }, step: model.get("step"), speed: model.get("speed"), keepsTime: () => el === [...all][0],
      quiz: model.get("mode") === "predict" ? { make: makeQuiz, answer: (given) => tell({ kind: "answer", given }) } : null,
      change: model.get("_can_rerun") ? (node, entry, value) => tell({ kind: "change", node, entry, value }) : null,
      advance: (everything) => tell({ kind: "advance", everything }),
    });
    for (const name of ["step", "playing", "speed", "selected"]) {
      player.on(name, (value) => {
        if (model.get(name) === value) return;
        model.set(name, value);
        model.save_changes();
      });
    }
    set.question();
    set.selected(model.get("selected"));
    set.playing(model.get("playing"));
  }
  const setQuiz = () => player.setQuiz({
    question: model.get("question"), feedback: model.get("feedback"), score: model.get("score"), reach: model.get("_reach") });
  const extend = () => player.extend(model.get("_run"));
  const set = {
    step: (step) => player.setStep(step), speed: (speed) => player.setSpeed(speed), selected: (id) => player.select(id),
    playing: (playing) => (playing ? player.play() : player.pause()), _problem: (text) => player.complain(text),
    _reach: setQuiz, question: setQuiz, feedback: setQuiz, score: setQuiz, _run: extend, _options: begin,
  };
  const listeners = Object.keys(set).map((name) => [`change:${name}`, () => set[name](model.get(name))]);
  begin();
  for (const [name, listener] of listeners) model.on(name, listener);
  return () => {
    for (const [name, listener] of listeners) model.off(name, listener);
    all.delete(el);
    player.destroy();
  };
}

export default { render };
