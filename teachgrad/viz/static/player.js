/* The player: steps through one recorded backward() over its picture.
 *
 * One hand-written ES module for every surface. A notebook cell or a saved page carries this source
 * inline and calls mountAll(uid); the Jupyter widget imports it and calls render({model, el}). All
 * text comes from somebody's code, so the page is built with createElement and textContent only.
 *
 * A step is a number of events: step 0 is the moment before backward(), step k the moment after the
 * first k events. What is shown is always folded afresh from those events (see frameAt), so stepping
 * back, scrubbing and jumping cannot disagree with stepping forward.
 */

import { frameAt, indexTrace, search } from "./frames.js";
import { makeControls, makePanel, makeQuiz, makeTimeline, makeTools } from "./panel.js";
import { bringIntoView, light, makeCamera, makePicture, sendPulse, stillness } from "./picture.js";
import { html } from "./values.js";

const SECONDS_PER_STEP = 1.4; // at speed 1: time to read one short sentence

// ---- Mounting ------------------------------------------------------------------------------------------

/**
 * Build a player inside `root` for `trace` (the JSON of teachgrad.viz.model.Trace).
 *
 * options.svg: the picture, as written by teachgrad.viz.svg; options.prefix: what its ids begin with;
 * options.math: MathML trees by rule text; options.start: the sentence of step 0; options.step,
 * options.speed: where to begin; options.keepsTime: whether this one of several views steps on while playing.
 * options.answer(text or null): asks before each step (see setQuiz); options.advance(everything): runs a live
 * backward on, while trace.waits (see extend).
 * Whatever `root` already holds (the static picture) stays visible until the player stands.
 */
export function mount(root, trace, options = {}) {
  const index = indexTrace(trace);
  const picture = makePicture(trace, index, options.svg, options.prefix);
  const quiz = options.answer ? makeQuiz(options.answer, options.math) : null;
  const panel = makePanel(trace, index, { ...options, quiz: quiz?.root });
  const listeners = { step: new Set(), playing: new Set(), speed: new Set(), selected: new Set() };
  const state = { step: options.step ?? 0, playing: false, speed: options.speed ?? 1, selected: "" };
  let quizzed = { reach: 0 };
  let found = [];
  let timer = 0;
  let stopPulse = () => {};

  const say = (name) => listeners[name].forEach((listener) => listener(state[name]));
  const limit = () => (quiz ? quizzed.reach : trace.events.length);
  const atEnd = () => state.step === trace.events.length && !trace.waits;
  const isAsked = () => Boolean(quizzed.question?.text) && state.step === quizzed.reach;
  const timeline = makeTimeline(trace, index, (step) => act(step));
  const controls = makeControls(trace, {
    first: () => act(0), back: () => act(state.step - 1), next: () => act(state.step + 1), last: () => act(Infinity),
    play: () => (state.playing ? pause() : play()), scrub: (step) => act(step), speed: (value) => setSpeed(value),
  });

  function draw() {
    const frame = frameAt(trace, state.step, index);
    picture.update(frame, state.selected, found);
    panel.update(frame, state.step, state.selected);
    timeline.update(state.step, limit());
    quiz?.update(quizzed, isAsked());
    controls.update({ ...state, sentence: frame.event?.sentence ?? options.start, end: atEnd() ? state.step : Infinity });
    return frame;
  }
  function setStep(step) {
    const wanted = Math.min(Math.max(Math.round(step), 0), limit());
    if (wanted === state.step) return;
    const forward = wanted === state.step + 1;
    state.step = wanted;
    stopPulse();
    const { event } = draw();
    const behavior = forward && !stillness.matches ? "smooth" : "instant";
    bringIntoView(figure, picture.root.querySelectorAll(".tg-active"), behavior);
    bringIntoView(panel.leaves, panel.root.querySelectorAll(".tg-now"), behavior);
    if (forward && event?.edge) stopPulse = sendPulse(picture, event.edge, 650 / Math.max(state.speed, 0.5));
    say("step");
  }
  /** A step asked for by hand also ends the playing. */
  function act(step) {
    pause();
    goOn(step);
  }
  /** Beyond what is known, a live backward runs on, and a question wants its answer first. */
  function goOn(step) {
    if (step > limit() && trace.waits) options.advance?.(step === Infinity);
    else if (step > limit() && state.step === limit()) quiz?.focus();
    setStep(step);
  }
  const pace = () => (1000 * SECONDS_PER_STEP) / state.speed;
  function tick() {
    if (options.keepsTime?.() ?? true) goOn(state.step + 1);
    if (atEnd() || isAsked()) pause();
    else timer = setTimeout(tick, pace());
  }
  function play() {
    if (state.playing || (!trace.events.length && !trace.waits)) return;
    if (atEnd()) setStep(0);
    state.playing = true;
    timer = setTimeout(tick, pace() / 3);
    draw();
    say("playing");
  }
  function pause() {
    if (!state.playing) return;
    clearTimeout(timer);
    state.playing = false;
    draw();
    say("playing");
  }
  function setSpeed(speed) {
    if (speed === state.speed || !(speed > 0)) return;
    state.speed = speed;
    draw();
    say("speed");
  }
  function select(id) {
    const wanted = index.nodes.has(id) ? id : "";
    if (wanted === state.selected) return;
    state.selected = wanted;
    draw();
    say("selected");
  }

  /** Finds nodes by name; `move` goes on to the next of them. */
  function find(text, move) {
    const at = found.indexOf(state.selected);
    found = search(text, index);
    if (found.length && move) {
      select(found[(at + move + found.length) % found.length]);
      bringIntoView(figure, [picture.nodes.get(state.selected)], "instant");
    }
    const place = found.indexOf(state.selected) + 1;
    tools.say(text.trim() ? (move && place ? `${place} of ${found.length}` : `${found.length} found`) : "");
    draw();
  }
  function choose(id) {
    if (isAsked() && quizzed.question.kind === "node") options.answer(id);
    else select(state.selected === id ? "" : id);
  }

  const KEYS = {
    "/": () => tools.field.focus(),
    f: () => camera.fit(),
    ArrowLeft: () => act(state.step - 1),
    ArrowRight: () => act(state.step + 1),
    Home: () => act(0),
    End: () => act(Infinity),
    " ": () => (state.playing ? pause() : play()),
    Escape: () => (state.playing ? pause() : found.length ? leaveSearch() : select("")),
  };
  function leaveSearch() {
    tools.field.value = "";
    find("", 0);
    stage.focus({ preventScroll: true });
  }
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    event.stopPropagation(); // JupyterLab must not take a plain key pressed in here as its own
    const node = event.target.closest("[data-node]");
    // Space on a focused button presses that button, and a focused menu or table keeps its keys.
    if (event.target.closest("select, summary, input:not(.tg-scrubber)") && event.key !== "Escape") return;
    if (event.key === " " && event.target.closest("button")) return;
    if (event.key === "Enter" && node) choose(node.dataset.node);
    else if (event.shiftKey && ARROWS[event.key]) camera.pan(...ARROWS[event.key]);
    else if (Object.hasOwn(KEYS, event.key)) KEYS[event.key]();
    else return;
    event.preventDefault();
  }
  function onClick(event) {
    const node = event.target.closest("[data-node]");
    if (node) choose(node.dataset.node);
  }
  function onPoint({ type, target }) {
    const about = target.closest("[data-node], [data-of]");
    light(stage, type.endsWith("out") || !about ? "" : about.dataset.node ?? about.dataset.of);
  }
  /** After a click the keys belong to the player as a whole: Space plays, whichever button it was. */
  function onPointerDown(event) {
    if (!event.target.closest(".tg-button, [data-node]")) return;
    event.preventDefault();
    stage.focus({ preventScroll: true });
  }
  const printing = matchMedia("print");
  let before = null;
  function onPrint() { // paper shows the end of the replay and the whole table
    const table = root.querySelector(".tg-events");
    if (printing.matches) {
      before = { step: state.step, open: table?.open };
      pause();
      setStep(limit());
      if (table) table.open = true;
    } else if (before) {
      setStep(before.step);
      if (table) table.open = before.open;
    }
  }

  const figure = html("div", { class: "tg-figure" }, picture.root);
  const camera = makeCamera(figure, picture.root);
  const tools = makeTools({ find, zoom: camera.zoom, fit: camera.fit });
  const label = `Replay of backward(): ${trace.graph.title || "a graph"}. Arrow keys step, Space plays, Enter selects a node.`;
  const stage = html("div", { class: "tg-stage", tabindex: "0", role: "group", "aria-label": label,
                              "data-lm-suppress-shortcuts": "true" }, html("div", { class: "tg-sight" }, tools.root, figure, camera.map),
                     html("div", { class: "tg-foot" }, timeline.root, controls.root), panel.root);
  draw();
  stage.addEventListener("keydown", onKey);
  stage.addEventListener("pointerdown", onPointerDown);
  picture.root.addEventListener("click", onClick);
  for (const name of ["pointerover", "pointerout", "focusin", "focusout"]) stage.addEventListener(name, onPoint);
  printing.addEventListener("change", onPrint);
  const still = [...root.querySelectorAll(".tg-still")];
  root.prepend(stage);
  for (const element of still) element.hidden = true;
  for (const details of root.querySelectorAll(".tg-events")) details.open = false;
  bringIntoView(figure, [picture.nodes.get(trace.events[0]?.node)], "instant"); // where it will begin
  camera.update();

  return {
    get step() { return state.step; },
    get playing() { return state.playing; },
    get steps() { return trace.events.length; },
    setStep, play, pause, select, setSpeed,
    /** Call `listener(value)` after every change of "step", "playing", "speed" or "selected". */
    on(name, listener) { listeners[name].add(listener); },
    /** What is asked and known in predict mode: {question, feedback, score, reach}. */
    setQuiz(known) {
      quizzed = known;
      draw();
    },
    /** A live backward has come further; `waits`: and there is more to come. `math` is that of all rules so far. */
    extend({ events, waits, math }) {
      Object.assign(trace, { events, waits });
      Object.assign(options.math, math);
      Object.assign(index, indexTrace(trace));
      timeline.redraw();
      draw();
    },
    destroy() {
      clearTimeout(timer);
      stopPulse();
      printing.removeEventListener("change", onPrint);
      stage.remove();
      for (const element of still) element.hidden = false;
    },
  };
}

/** Mount every copy of one cell's output that is not mounted yet; ids play no part in finding them. */
export function mountAll(uid) {
  for (const root of document.querySelectorAll(`.tg-player[data-uid="${uid}"]:not([data-mounted])`)) {
    root.dataset.mounted = "true";
    const { trace, ...options } = JSON.parse(root.querySelector(".tg-data").textContent);
    const encoded = root.querySelector("img.tg-still").src.split(",")[1];
    options.svg = new TextDecoder().decode(Uint8Array.from(atob(encoded), (c) => c.charCodeAt(0)));
    mount(root, trace, options);
  }
}

// ---- The Jupyter widget (anywidget) ----------------------------------------------------------------------

const views = new WeakMap(); // trace -> its views on the page; while it plays, the first one keeps time

function render({ model, el }) {
  let player = null;
  const root = html("div", { class: "tg-root tg-player" });
  el.append(root);
  const shared = model.get("_trace"); // one object for all views, which have a `model` of their own each
  if (!views.has(shared)) views.set(shared, new Set());
  const all = views.get(shared).add(el);
  const tell = (message) => model.send(message);
  function begin() {
    player?.destroy();
    const isLive = model.get("live");
    const trace = { ...model.get("_trace"), ...(isLive ? model.get("_run") : {}) };
    player = mount(root, trace, {
      ...model.get("_options"), math: { ...model.get("_options").math, ...trace.math }, step: model.get("step"), speed: model.get("speed"), keepsTime: () => el === [...all][0],
      answer: model.get("mode") === "predict" ? (given) => tell({ kind: "answer", given }) : null,
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
    playing: (playing) => (playing ? player.play() : player.pause()),
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
