/* The Jupyter widget (anywidget): the same player, its state shared with Python. */

import { makeComposer } from "./opening.js";
import { makeQuiz } from "./quiz.js";
import { mount } from "./player.js";
import { html, titleOf } from "./values.js";

const views = new WeakMap(); // trace -> its views on the page; while it plays, the first one keeps time

/** One entry of a leaf to be changed: the widget's Python sets it and runs backward again. */
function changeForm(node, change) {
  const { numbers, shape } = node.value;
  const number = html("input", { type: "text", inputmode: "decimal", class: "tg-answer", value: numbers[0], "aria-label": `New value of ${titleOf(node)}` });
  const which = html("select", { class: "tg-speed", "aria-label": `Which entry of ${titleOf(node)}` }, ...numbers.map((_, i) => {
    const places = shape.map((_, axis) => Math.floor(i / shape.slice(axis + 1).reduce((a, b) => a * b, 1)) % shape[axis]);
    return html("option", { value: i }, `[${places.join(", ")}]`);
  }));
  which.addEventListener("change", () => { number.value = numbers[which.value]; });
  const form = html("form", { class: "tg-row tg-change" }, shape.length ? which : null, number, html("button", { type: "submit", class: "tg-button tg-send" }, "Run again"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (number.value.trim()) change(Number(which.value), number.value.trim());
  });
  return form;
}

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
      changeForm: model.get("_can_rerun") ? (node) => changeForm(node, (entry, value) => tell({ kind: "change", node: node.id, entry, value })) : null,
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
