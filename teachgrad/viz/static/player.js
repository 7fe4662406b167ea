/* The player: steps through one recorded backward() over its picture.
 *
 * One hand-written ES module for every surface. A notebook cell or a saved page carries this source
 * inline and calls mountAll(uid); the Jupyter widget imports it and calls render({model, el}). All
 * text comes from somebody's code, so the page is built with createElement and textContent only.
 *
 * A step is a number of events: step 0 is the moment before backward(), step k the moment after the
 * first k events. What is shown is a fold of those events (see makeFold), so stepping back, scrubbing
 * and jumping cannot disagree with stepping forward.
 */

import { between, changed, indexTrace, lineOf, makeFold, onward, search } from "./frames.js";
import { makePanel } from "./panel.js";
import { importPicture, makePicture, sendPulse, stillness } from "./picture.js";
import { bringIntoView, light, makeCamera } from "./camera.js";
import { makeControls, makeCrumbs, makeTimeline, makeTools } from "./controls.js";
import { html, unpack } from "./values.js";

const SECONDS_PER_STEP = 1.4; // at speed 1: time to read one short sentence

/**
 * Build a player inside `root` for `trace` (the JSON of teachgrad.viz.model.Trace).
 *
 * options.views: the pictures, as written by teachgrad.viz.svg: "" is the whole, the others are groups by id;
 * options.prefix: what their ids begin with; options.makeComposer: opens groups (see opening.js); options.math: MathML
 * trees by rule text; options.start: the sentence of step 0; options.still: nothing happens, the graph is only looked at;
 * options.step, options.speed: where to begin; options.keepsTime: whether this one of several views steps on while playing;
 * options.quiz {make, answer(text or null)}: asks before each step (see setQuiz); options.advance(everything): runs a live
 * backward on, while trace.waits (see extend); options.changeForm(node): a form that changes a leaf and runs again.
 * Whatever `root` already holds (the static picture) stays visible until the player stands.
 */
export function mount(root, trace, options = {}) {
  const index = indexTrace(trace);
  let fold = makeFold(trace, index);
  const compose = options.makeComposer?.(index, options.views, options.prefix) ?? (() => importPicture(options.views[""], options.prefix));
  const quiz = options.quiz ? options.quiz.make(options.quiz.answer, options.math) : null;
  const panel = makePanel(trace, index, { ...options, quiz: quiz?.root });
  const listeners = { step: new Set(), playing: new Set(), speed: new Set(), selected: new Set() };
  const state = { step: options.step ?? 0, playing: false, speed: options.speed ?? 1, selected: "" };
  const opened = new Set(); // groups, in the order in which they were opened
  let partner = ""; // the other end of a path
  let path = null; // what is not dimmed
  let found = new Set();
  let quizzed = { reach: 0 };
  let timer = 0;
  let stopPulse = () => {};
  let drawn = null; // the step that the picture shows; null: it must be drawn as a whole

  const say = (name) => listeners[name].forEach((listener) => listener(state[name]));
  const limit = () => (quiz ? quizzed.reach : trace.events.length);
  const atEnd = () => state.step === trace.events.length && !trace.waits;
  const isAsked = () => Boolean(quizzed.question?.text) && state.step === quizzed.reach;
  const canOpen = (id) => Object.hasOwn(options.views, id);
  const timeline = makeTimeline(trace, index, (step) => act(step));
  const crumbs = makeCrumbs((group) => toggleGroup(group));
  const controls = makeControls(trace, {
    first: () => act(0), back: () => act(state.step - 1), next: () => act(state.step + 1), last: () => act(Infinity),
    play: () => (state.playing ? pause() : play()), scrub: (step) => act(step), speed: (value) => setSpeed(value),
  });
  let picture = makePicture(index, compose(opened), canOpen);

  /** Draw the moment; `isStep` says that nothing but the step has changed. */
  function draw(isStep = false) {
    const frame = fold(state.step);
    const selected = [state.selected, partner].filter(Boolean);
    const dirty = isStep && drawn !== null ? changed(trace, drawn, state.step, index) : null;
    picture.update(frame, { selected, found, path }, dirty);
    drawn = state.step;
    panel.update(frame, state.step, selected, path);
    timeline.update(state.step, limit());
    quiz?.update(quizzed, isAsked());
    controls.update({ ...state, sentence: frame.event?.sentence ?? options.start, end: atEnd() ? state.step : Infinity });
    const box = picture.boxOf(frame.event?.node);
    crumbs.update([...opened].map(named), index.groups.has(box) && canOpen(box) ? named(box) : null);
    return frame;
  }
  function setStep(step) {
    const wanted = Math.min(Math.max(Math.round(step), 0), limit());
    if (wanted === state.step) return;
    const forward = wanted === state.step + 1;
    state.step = wanted;
    stopPulse();
    const { event } = draw(true);
    const behavior = forward && !stillness.matches ? "smooth" : "instant";
    const active = event ? [event.node, event.kind === "accumulate" ? index.leafOf.get(event.node) : null] : [];
    bringIntoView(figure, active.map((id) => picture.nodes.get(picture.boxOf(id))), behavior);
    bringIntoView(panel.leaves, panel.root.querySelectorAll(".tg-now"), behavior);
    if (forward && event?.edge) stopPulse = sendPulse(picture.edges.get(picture.lineOf(event.edge)), 650 / Math.max(state.speed, 0.5));
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
    draw(true);
    say("playing");
  }
  function pause() {
    if (!state.playing) return;
    clearTimeout(timer);
    state.playing = false;
    draw(true);
    say("playing");
  }
  function setSpeed(speed) {
    if (speed === state.speed || !(speed > 0)) return;
    state.speed = speed;
    draw(true);
    say("speed");
  }
  /** Choose a node; with `isEnd`, as the other end of a path from the one chosen before. */
  function select(id, isEnd = false) {
    const wanted = index.nodes.has(id) ? id : "";
    if (isEnd && wanted && state.selected && wanted !== state.selected) partner = wanted;
    else {
      if (wanted === state.selected && !partner) return;
      partner = "";
      state.selected = wanted;
    }
    path = partner ? between(state.selected, partner, index) : state.selected ? onward(state.selected, index) : null;
    draw();
    say("selected");
  }

  // Groups: a closed one opens in its place, where the picture makes room; one that is open from the start closes under a lid.

  const named = (id) => [id, index.groups.get(id).title];
  /** Show the picture with other groups open, as large as before and with `anchor`, a group, where it was. */
  function recompose(anchor) {
    const hadFocus = figure.contains(document.activeElement) || crumbs.root.contains(document.activeElement);
    const place = () => placeOf(anchor)?.getBoundingClientRect() ?? figure.getBoundingClientRect();
    const [before, old] = [place(), picture];
    stopPulse();
    figure.style.minHeight = `${figure.offsetHeight}px`; // a smaller picture must not move the buttons
    picture = makePicture(index, compose(opened), canOpen);
    camera.show(picture.root);
    for (const id of old.lids.keys()) if (frameOf(id)) picture.toggleLid(id, fold(state.step));
    draw();
    const after = place();
    figure.scrollBy({ left: after.left - before.left, top: after.top - before.top, behavior: "instant" });
    camera.update();
    bringIntoView(figure, [placeOf(anchor)?.querySelector("text")], "instant");
    if (hadFocus) placeOf(anchor)?.focus({ preventScroll: true });
  }
  const frameOf = (group) => picture.root.querySelector(`.tg-frame[data-group="${CSS.escape(group)}"]`);
  const placeOf = (group) => picture.nodes.get(group) ?? frameOf(group);
  function open(group) {
    if (!group || !canOpen(group) || !picture.nodes.has(group)) return;
    opened.add(group);
    recompose(group);
  }
  function close(group) {
    for (const id of [...opened]) if (id === group || index.around(id).includes(group)) opened.delete(id);
    recompose(group);
  }
  /** Open whatever closed groups are around a node, as far as they open. */
  function reveal(id) {
    for (let box = picture.boxOf(id); index.groups.has(box) && canOpen(box); box = picture.boxOf(id)) open(box);
  }
  function toggleGroup(group) {
    if (opened.has(group)) return close(group);
    if (picture.nodes.has(group)) return open(group);
    const other = picture.toggleLid(group, fold(state.step));
    other.focus({ preventScroll: true });
    bringIntoView(figure, [other.querySelector("text")], "instant");
  }
  const groupOf = ({ dataset }) => dataset.node ?? dataset.group ?? dataset.lid;

  /** Finds nodes by name; `move` goes on to the next of them. */
  function find(text, move) {
    const all = search(text, index);
    found = new Set(all);
    if (all.length && move) {
      select(all[(all.indexOf(state.selected) + move + all.length) % all.length]);
      reveal(state.selected);
      bringIntoView(figure, [picture.nodes.get(picture.boxOf(state.selected))], "instant");
    }
    const place = all.indexOf(state.selected) + 1;
    tools.say(text.trim() ? (move && place ? `${place} of ${all.length}` : `${all.length} found`) : "");
    draw();
  }
  function choose(id, isEnd) {
    if (isAsked() && quizzed.question.kind === "node") options.quiz.answer(id);
    else select(!isEnd && state.selected === id && !partner ? "" : id, isEnd);
  }

  const KEYS = {
    "/": () => tools.field.focus(),
    f: () => camera.fit(),
    ArrowLeft: () => act(state.step - 1),
    ArrowRight: () => act(state.step + 1),
    Home: () => act(0),
    End: () => act(Infinity),
    " ": () => (state.playing ? pause() : play()),
    Backspace: () => opened.size && close([...opened].at(-1)),
    Escape: () => (state.playing ? pause() : found.size ? leaveSearch() : state.selected ? select("") : KEYS.Backspace()),
  };
  function leaveSearch() {
    tools.field.value = "";
    find("", 0);
    stage.focus({ preventScroll: true });
  }
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const GROUPS = ".tg-group:not(.tg-shut), .tg-frame, [data-lid]";
  const LISTS = ".tg-lesson, .tg-leaves"; // whose rows take the focus one after another, which lights what they are about
  function goThrough(list, move) {
    const rows = [...list.querySelectorAll("[tabindex='-1']")];
    const at = rows.indexOf(document.activeElement) + move;
    rows[Math.min(Math.max(at, 0), rows.length - 1)]?.focus();
  }
  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    event.stopPropagation(); // JupyterLab must not take a plain key pressed in here as its own
    const node = event.target.closest("[data-node]");
    const group = event.target.closest(GROUPS);
    // Space on a focused button presses that button, and a focused menu or table keeps its keys.
    if (event.target.closest("select, summary, input:not(.tg-scrubber)") && event.key !== "Escape") return;
    if (event.key === " " && event.target.closest("button")) return;
    if (event.key === "Enter" && group) toggleGroup(groupOf(group));
    else if (event.key === "Enter" && node) choose(node.dataset.node, event.shiftKey);
    else if (event.target.closest(LISTS) && /^Arrow(Up|Down)$/.test(event.key)) goThrough(event.target.closest(LISTS), event.key === "ArrowUp" ? -1 : 1);
    else if (event.shiftKey && ARROWS[event.key]) camera.pan(...ARROWS[event.key]);
    else if (Object.hasOwn(KEYS, event.key)) KEYS[event.key]();
    else return;
    event.preventDefault();
  }
  function onClick(event) {
    const group = event.target.closest(".tg-group:not(.tg-shut), .tg-frame-title, [data-lid]");
    const node = event.target.closest("[data-node]");
    if (group) toggleGroup(groupOf(group.closest(GROUPS)));
    else if (node) choose(node.dataset.node, event.shiftKey);
  }
  function onPoint({ type, target }) {
    const about = type.endsWith("out") ? null : target.closest("[data-node], [data-edge], [data-of], [data-on], [data-line]")?.dataset;
    const edge = index.edges.get(about?.edge ?? about?.on);
    const id = about?.node ?? edge?.source ?? about?.of;
    const source = index.nodes.get(id)?.source;
    const line = about?.line ?? (source ? lineOf({ source }) : null);
    const ids = edge ? [edge.source, edge.target, index.leafOf.get(edge.target)] : id ? [id] : index.lines.get(line) ?? [];
    light(stage, picture, ids, line ? [line] : [], edge?.id);
  }
  /** After a click the keys belong to the player as a whole: Space plays, whichever button it was. */
  function onPointerDown(event) {
    if (!event.target.closest(".tg-button, [data-node], [data-lid], .tg-frame-title") || event.target.closest("form")) return;
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

  const figure = html("div", { class: "tg-figure" });
  const camera = makeCamera(figure, index.nodes.size > 150);
  const tools = makeTools({ find, zoom: camera.zoom, fit: camera.fit });
  const problem = html("p", { class: "tg-problem", role: "alert", hidden: "" });
  const label = options.still ? `Graph ${trace.graph.title}. Enter opens a group and selects a node.`
    : `Replay of backward(): ${trace.graph.title || "a graph"}. Arrow keys step, Space plays, Enter selects a node.`;
  const stage = html("div", { class: "tg-stage", tabindex: "0", role: "group", "aria-label": label, "data-lm-suppress-shortcuts": "true" },
    html("div", { class: "tg-sight" }, html("div", { class: "tg-top" }, crumbs.root, tools.root), figure, camera.map),
    options.still ? "" : html("div", { class: "tg-foot" }, timeline.root, controls.root, problem), panel.root);
  camera.show(picture.root);
  draw();
  stage.addEventListener("keydown", onKey);
  stage.addEventListener("pointerdown", onPointerDown);
  figure.addEventListener("click", onClick);
  for (const name of ["pointerover", "pointerout", "focusin", "focusout"]) stage.addEventListener(name, onPoint);
  printing.addEventListener("change", onPrint);
  const still = [...root.querySelectorAll(quiz ? ".tg-still, .tg-events" : ".tg-still")]; // the table has all the answers
  root.prepend(stage);
  for (const element of still) element.hidden = true;
  for (const details of root.querySelectorAll(".tg-events")) details.open = false;
  bringIntoView(figure, [picture.nodes.get(picture.boxOf(trace.events[0]?.node))], "instant"); // where it will begin
  camera.update();

  return {
    get step() { return state.step; },
    get playing() { return state.playing; },
    get steps() { return trace.events.length; },
    get opened() { return [...opened]; },
    setStep, play, pause, select, setSpeed, open, close,
    /** Call `listener(value)` after every change of "step", "playing", "speed" or "selected". */
    on(name, listener) { listeners[name].add(listener); },
    /** What is asked and known in predict mode: {question, feedback, score, reach}. */
    setQuiz(known) {
      quizzed = known;
      draw(true);
    },
    /** Why what the learner asked for did not happen; "" takes it away. */
    complain(text) {
      problem.textContent = text;
      problem.hidden = !text;
    },
    /** A live backward has come further; `waits`: and there is more to come. `math` is that of all rules so far. */
    extend({ events, waits, math }) {
      Object.assign(trace, { events, waits });
      Object.assign(options.math, math);
      Object.assign(index, indexTrace(trace));
      fold = makeFold(trace, index);
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

/** Mount every copy of one cell's output that is not mounted yet; ids play no part in finding them. `needs`: what else
 * there is in the page, makeComposer where groups open, and the judge of a page that asks questions (see quiz.js). */
export async function mountAll(uid, needs) {
  for (const root of document.querySelectorAll(`.tg-player[data-uid="${uid}"]`)) {
    if (root.dataset.mounted) continue; // by the script of another copy, perhaps while this one waited
    root.dataset.mounted = "true";
    // What stands in for a widget waits whether the widget lives.
    if (root.closest("[data-stands-for]")) await new Promise((done) => setTimeout(done, 1500));
    if (root.isConnected) await mountCell(root, needs);
  }
}

/** Mount one copy; its player. */
export async function mountCell(root, { makeComposer, practice, makeQuiz }) {
  const { trace, questions, css, ...options } = await unpack(root.querySelector(".tg-data").textContent);
  root.append(html("style", null, css));
  const asked = practice?.(trace, questions);
  const answer = (given) => {
    const reached = asked.answer(given);
    player.setQuiz(asked.known());
    if (reached !== null) player.setStep(reached);
  };
  const player = mount(root, trace, { ...options, makeComposer, quiz: asked ? { make: makeQuiz, answer } : null });
  if (asked) player.setQuiz(asked.known());
  return player;
}
