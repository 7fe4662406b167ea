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

const SVG = "http://www.w3.org/2000/svg";
const MATHML = "http://www.w3.org/1998/Math/MathML";
const SPEEDS = [0.5, 1, 2, 4];
const ROOM = 14; // characters in a column of the leaf table
const SECONDS_PER_STEP = 1.4; // at speed 1: time to read one short sentence
const LEAF_KINDS = new Set(["leaf", "parameter"]);
const HELP = [
  ["\u2190 \u2192", "one step"],
  ["Home End", "first and last step"],
  ["Space", "play, pause"],
  ["Enter", "the rule of the box in focus"],
];
const KIND_WORDS = {
  seed: "backward() starts",
  call: "a node runs",
  contribute: "a gradient is sent on",
  accumulate: "a gradient reaches .grad",
  free: "saved values are freed",
  error: "backward() stops",
};

const stillness = matchMedia("(prefers-reduced-motion: reduce)");

// ---- Small DOM tools ----------------------------------------------------------------------------

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) node.setAttribute(name, value);
  node.append(...children.filter((child) => child != null));
  return node;
}
const html = (tag, attributes, ...children) => build(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => build(document.createElementNS(SVG, tag), attributes, children);

/** A MathML tree made in Python, ["mrow", child, ...] with strings as leaves, as elements. */
function mathNode(tree) {
  if (typeof tree === "string") return document.createTextNode(tree);
  const [tag, ...children] = tree;
  return build(document.createElementNS(MATHML, tag), null, children.map(mathNode));
}

/** Set text only when it changed: a step touches few of the many labels. */
function setText(node, text) {
  if (node && node.textContent !== text) node.textContent = text;
}

// ---- Values -------------------------------------------------------------------------------------

/** A number's or array's text, with a real minus sign in front of what is negative. */
const withMinus = (text) => text.replace(/(^|[^\w.])-(?=[\d.i])/g, "$1\u2212");
const written = (value) => withMinus(value.text);

/** "+", "−", "±" (both occur), or "" (zero, empty, nan, or not numbers). */
function signOf(value) {
  const numbers = value?.numbers ?? (value?.stats ? [value.stats.min, value.stats.max] : []);
  const some = (test) => numbers.some((x) => test(Number(String(x).replace("inf", "Infinity"))));
  const [plus, minus] = [some((x) => x > 0), some((x) => x < 0)];
  return plus && minus ? "\u00b1" : plus ? "+" : minus ? "\u2212" : "";
}

function magnitude(value) {
  const norm = value?.numbers ? Math.hypot(...value.numbers.map(Number)) : Number(value?.stats?.norm);
  return Number.isFinite(norm) ? norm : 0;
}

/** A gradient with its sign always written: "+6." or "−12."; arrays keep the signs of their numbers. */
const plus = (value) => (signOf(value) === "+" && value.shape.length === 0 ? "+" : "");
const signed = (value) => plus(value) + written(value);
/** The same in the picture, where room was measured for an array as it stands. */
const brief = (value) => (value.shape.length ? value.brief : plus(value) + withMinus(value.brief));

const signClass = (value) => ({ "+": "tg-plus", "\u2212": "tg-minus" })[signOf(value)] ?? "";

/** A value for the panel: a matrix of few numbers is typeset as one, all else is text; `room` is in characters. */
function valueNode(value, show = written, room = Infinity) {
  const node = html("span", { class: `tg-number ${signClass(value)}`, title: written(value) });
  const cells = withMinus(value.text).match(/[^\s,[\]()]+/g) ?? [];
  const width = value.shape[1];
  if (value.shape.length === 2 && cells.length === value.numbers?.length && width * 7 <= room) {
    const rows = Array.from({ length: value.shape[0] }, (_, row) =>
      ["mtr", ...cells.slice(row * width, (row + 1) * width).map((cell) => ["mtd", ["mn", cell]])]);
    node.append(mathNode(["math", ["mtable", ...rows]]));
  } else {
    node.textContent = show(value).length > room ? withMinus(brief(value)) : show(value);
  }
  return node;
}

const titleOf = (node) => node.name ?? node.title;
const pending = (text) => html("span", { class: "tg-pending" }, text);
const orNone = (value, room) => (value ? valueNode(value, written, room) : pending("None"));

// ---- State --------------------------------------------------------------------------------------

/** What never changes during a replay: nodes and edges by id, and which leaf each accumulator fills. */
function indexTrace(trace) {
  const { graph, events } = trace;
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  const edges = new Map(graph.edges.map((edge) => [edge.id, edge]));
  const leafOf = new Map(graph.nodes.map((node) => [node.id, node.id]));
  for (const edge of graph.edges) {
    if (nodes.get(edge.source)?.kind === "accumulate" && LEAF_KINDS.has(nodes.get(edge.target)?.kind)) {
      leafOf.set(edge.source, edge.target);
    }
  }
  const filled = new Set(events.filter((e) => e.kind === "accumulate").map((e) => leafOf.get(e.node)));
  const leaves = graph.nodes.filter((node) => LEAF_KINDS.has(node.kind) || filled.has(node.id));
  const largest = Math.max(...events.map((e) => magnitude(e.out ?? e.delta ?? e.gradient)), 1e-30);
  const expected = new Map(); // "pass node" -> how many gradients that node waits for
  let pass = 0;
  for (const event of events) {
    if (startsAgain(trace, event)) pass += 1;
    const target = event.out ? edges.get(event.edge)?.target : null;
    if (target) expected.set(`${pass} ${target}`, (expected.get(`${pass} ${target}`) ?? 0) + 1);
  }
  return { nodes, edges, leafOf, leaves, largest, expected };
}

const startsAgain = (trace, event) => event.index > 0 && trace.passes.includes(event.index);

/** Everything there is to show after the first `step` events. */
function frameAt(trace, step, index) {
  const frame = { event: trace.events[step - 1] ?? null, grads: new Map(), flows: new Map(), rows: new Map(),
                  arrived: new Map(), freed: false, pass: 0, over: step === trace.events.length };
  for (const leaf of index.leaves) frame.rows.set(leaf.id, { leaf, before: leaf.grad, delta: null, after: null });
  for (const event of trace.events.slice(0, step)) {
    if (startsAgain(trace, event)) startPass(frame);
    if (event.kind === "call") frame.grads.set(event.node, event.gradient);
    else if (event.kind === "seed") frame.grads.set(event.node, event.out);
    else if (event.kind === "free") frame.freed = true;
    else if (event.kind === "accumulate") {
      const leaf = index.leafOf.get(event.node);
      frame.grads.set(event.node, event.delta).set(leaf, event.after);
      frame.flows.set(event.edge, event.delta);
      Object.assign(frame.rows.get(leaf), { before: event.before, delta: event.delta, after: event.after });
    }
    if (event.out && event.edge) {
      frame.flows.set(event.edge, event.out);
      const target = index.edges.get(event.edge)?.target;
      frame.arrived.set(target, (frame.arrived.get(target) ?? 0) + 1);
    }
  }
  return frame;
}

/** A second backward() forgets the gradients in flight; only .grad on the leaves stays. */
function startPass(frame) {
  frame.pass += 1;
  for (const map of [frame.grads, frame.flows, frame.arrived]) map.clear();
  for (const row of frame.rows.values()) Object.assign(row, { before: row.after ?? row.before, delta: null, after: null });
}

// ---- The picture --------------------------------------------------------------------------------

let copies = 0; // one page may hold the same output twice: every copy gets ids of its own

/** The SVG text of our own writer as live elements, kept to what a drawing needs. */
function importPicture(text, prefix) {
  const unique = prefix ? text.replaceAll(prefix, `${prefix}c${(copies += 1)}`) : text;
  const parsed = new DOMParser().parseFromString(unique, "image/svg+xml");
  if (parsed.querySelector("parsererror")) throw new Error("the picture is not well-formed SVG");
  // The style sheet stands beside the player already; the rest has no place in a drawing of ours.
  for (const element of parsed.querySelectorAll("style, script, foreignObject, image")) element.remove();
  for (const element of parsed.querySelectorAll("*")) {
    for (const { name, value } of [...element.attributes]) {
      const isLink = /href$/i.test(name) && !value.startsWith("#");
      if (isLink || /^on/i.test(name)) element.removeAttribute(name);
    }
  }
  parsed.documentElement.classList.remove("tg-root");
  return document.importNode(parsed.documentElement, true);
}

/** Draws frames onto the SVG; `update` may be called with any frame in any order. */
function makePicture(trace, index, text, prefix) {
  const root = importPicture(text, prefix);
  const { width, height } = root.viewBox.baseVal;
  root.style.setProperty("--tg-natural", `${width}px`);
  root.style.setProperty("--tg-ratio", width / height);
  const nodes = new Map([...root.querySelectorAll("[data-node]")].map((g) => [g.dataset.node, g]));
  const edges = new Map([...root.querySelectorAll("[data-edge]")].map((g) => [g.dataset.edge, g]));
  const labels = new Map([...nodes].map(([id, g]) => [id, g.getAttribute("aria-label") ?? id]));
  for (const g of nodes.values()) build(g, { role: "button", tabindex: "0", "aria-pressed": "false" }, []);

  function gradText(id, frame) {
    const value = frame.grads.get(id);
    if (value) return `grad ${brief(value)}`;
    const row = frame.rows.get(id);
    if (row?.before) return `grad ${brief(row.before)}`;
    if (row && frame.over) return "grad: None";
    const [here, all] = [frame.arrived.get(id), index.expected.get(`${frame.pass} ${id}`)];
    return here && all > 1 ? `${here} of ${all} here` : "grad: not yet";
  }

  function update(frame, selected) {
    const { event } = frame;
    for (const [id, g] of nodes) {
      const line = g.querySelector(".tg-grad");
      setText(line, gradText(id, frame));
      const active = event?.node === id || (event?.kind === "accumulate" && index.leafOf.get(event.node) === id);
      toggle(g, { "tg-active": active, "tg-reached": frame.grads.has(id), "tg-selected": selected === id,
                  "tg-freed": frame.freed && index.nodes.get(id)?.kind === "saved" });
      g.setAttribute("aria-pressed", String(selected === id));
      g.setAttribute("aria-label", line ? `${labels.get(id)}; ${gradText(id, frame)}` : labels.get(id));
    }
    for (const [id, g] of edges) {
      const value = frame.flows.get(id);
      const label = g.querySelector(".tg-edge-label");
      setText(label, value ? brief(value) : "");
      label.setAttribute("dx", value && plus(value) ? 5 : 0); // room for the sign, away from the line
      toggle(g, { "tg-flowed": Boolean(value), "tg-active": id === event?.edge,
                  "tg-plus": signOf(value) === "+", "tg-minus": signOf(value) === "\u2212" });
      // Width shows the size of a gradient, next to the largest one of this replay.
      const share = value ? Math.sqrt(magnitude(value) / index.largest) : 0;
      g.style.setProperty("--tg-flow", `${(1.5 + 3 * share).toFixed(2)}px`);
    }
  }
  return { root, nodes, edges, update };
}

function toggle(element, classes) {
  for (const [name, on] of Object.entries(classes)) element.classList.toggle(name, on);
}

/** A dot runs against an edge's drawn direction, as gradients do. Returns a function that stops it. */
function sendPulse(picture, edgeId, milliseconds) {
  const group = picture.edges.get(edgeId);
  const path = group?.querySelector(".tg-line");
  if (!path || stillness.matches) return () => {};
  const length = path.getTotalLength();
  const dot = svg("circle", { class: "tg-pulse", r: 6, "aria-hidden": "true" });
  group.append(dot);
  let frame = 0;
  let began = null;
  const stop = () => {
    cancelAnimationFrame(frame);
    dot.remove();
  };
  const move = (now) => {
    began ??= now;
    const t = Math.min((now - began) / milliseconds, 1);
    const eased = t * t * (3 - 2 * t);
    const { x, y } = path.getPointAtLength(length * (1 - eased));
    build(dot, { cx: x, cy: y }, []);
    if (t < 1) frame = requestAnimationFrame(move);
    else stop();
  };
  frame = requestAnimationFrame(move);
  return stop;
}

// ---- The panel ----------------------------------------------------------------------------------

function makePanel(trace, index, { math, start }) {
  const sentence = html("p", { class: "tg-sentence", "aria-live": "polite", "aria-atomic": "true", dir: "auto" });
  const kind = html("p", { class: "tg-kind" });
  const facts = html("div", { class: "tg-facts" });
  const rows = html("tbody");
  const head = ["leaf", ".grad before", "+ arriving", "= .grad now"].map((t) => html("th", { scope: "col" }, t));
  const leaves = html("div", { class: "tg-leaves" }, html("table", null,
    html("caption", null, "What reaches the leaves"), html("thead", null, html("tr", null, ...head)), rows));
  const chosen = html("section", { class: "tg-chosen", "aria-label": "selected node" });
  const root = html("div", { class: "tg-panel" }, kind, sentence, html("div", { class: "tg-columns" }, facts, leaves, chosen));

  const fact = (term, ...value) => html("div", { class: "tg-fact" }, html("dt", null, term), html("dd", null, ...value));
  const help = html("dl", { class: "tg-help" }, ...HELP.map(([key, what]) => fact(html("kbd", null, key), what)));

  const formula = (text) => html("span", { class: "tg-formula" },
    math?.[text] ? mathNode(["math", math[text]]) : html("code", { dir: "auto" }, text));

  /** The local rule in symbols, then with this replay's numbers, one line per equals sign. */
  const ruleNode = (rule, done = true) => html("div", { class: "tg-rule" }, formula(rule.text),
    ...(done && rule.filled ? rule.filled.split(" = ") : []).map((part) => html("span", null, "= ", formula(part))));

  function factsOf(event) {
    const list = html("dl");
    const outgoing = event.kind === "seed" ? "starting gradient" : "gradient going out";
    if (event.gradient) list.append(fact("gradient coming in", valueNode(event.gradient, signed)));
    if (event.out) list.append(fact(outgoing, valueNode(event.out, signed)));
    if (event.rule) list.append(fact("local rule", ruleNode(event.rule)));
    if (event.kind === "accumulate") {
      const change = event.before ? [" + ", valueNode(event.delta), " = "] : [" \u2192 "];
      list.append(fact(".grad", html("span", { class: "tg-sum" }, orNone(event.before), ...change, valueNode(event.after))));
    }
    return list;
  }

  function leafRow({ leaf, before, delta, after }, frame) {
    const missing = frame.over ? "none came" : "not yet";
    const now = frame.event?.kind === "accumulate" && index.leafOf.get(frame.event.node) === leaf.id;
    return html("tr", { class: now ? "tg-now" : "" },
      html("th", { scope: "row" }, html("bdi", null, titleOf(leaf))),
      html("td", null, orNone(before, ROOM)),
      html("td", null, delta ? valueNode(delta, signed, ROOM) : pending(missing)),
      html("td", null, after || frame.over ? orNone(after ?? before, ROOM) : pending("not yet")));
  }

  /** The selected node: its numbers, and one rule per edge it sends a gradient along. */
  function chosenNodes(id, frame) {
    const node = index.nodes.get(id);
    const list = html("dl");
    if (node.value) list.append(fact("value", valueNode(node.value)));
    const grad = frame.grads.get(id) ?? frame.rows.get(id)?.before;
    list.append(fact(LEAF_KINDS.has(node.kind) ? ".grad" : "gradient", grad ? valueNode(grad, signed) : pending("not yet")));
    for (const event of trace.events.filter((e) => e.kind === "contribute" && e.node === id && e.rule)) {
      const target = index.nodes.get(index.leafOf.get(index.edges.get(event.edge)?.target));
      const done = frame.flows.get(event.edge) === event.out;
      const title = html("bdi", null, target ? titleOf(target) : event.rule.input);
      list.append(fact(html("span", null, "to ", title), ruleNode(event.rule, done), done ? null : pending("not yet")));
    }
    if (node.source) list.append(fact(`line ${node.source.line}`, html("code", { dir: "auto" }, node.source.text ?? node.source.file)));
    return [html("h4", null, html("bdi", null, titleOf(node)), ` \u00b7 ${node.op || node.word || node.kind}`), list];
  }

  function update(frame, step, selected) {
    const { event } = frame;
    const passes = trace.passes.length;
    setText(kind, [`Step ${step} of ${trace.events.length}`, passes > 1 ? `backward() ${frame.pass + 1} of ${passes}` : "",
                   KIND_WORDS[event?.kind]].filter(Boolean).join(" \u00b7 "));
    setText(sentence, withMinus(event?.sentence ?? start));
    facts.replaceChildren(event ? factsOf(event) : help);
    rows.replaceChildren(...[...frame.rows.values()].map((row) => leafRow(row, frame)));
    leaves.hidden = frame.rows.size === 0;
    chosen.hidden = !selected;
    chosen.replaceChildren(...(selected ? chosenNodes(selected, frame) : []));
  }
  return { root, leaves, update };
}

// ---- The controls -------------------------------------------------------------------------------

const ICONS = {
  first: "M3 3h2v10H3zM13 3v10L6 8z",
  back: "M11 3v10L4 8z",
  next: "M5 3v10l7-5z",
  last: "M11 3h2v10h-2zM3 3v10l7-5z",
  play: "M4 2.5v11L13 8z",
  pause: "M4 3h3v10H4zM9 3h3v10H9z",
};

function makeControls(steps, actions) {
  const button = (name, label, key, word) => {
    const icon = svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));
    const node = html("button", { type: "button", class: `tg-button tg-${name}`, "aria-label": label,
                                  title: `${label} (${key})` }, icon, word ? html("span", null, word) : null);
    node.addEventListener("click", actions[name]);
    return node;
  };
  const first = button("first", "First step", "Home");
  const back = button("back", "Back one step", "\u2190", "Back");
  const next = button("next", "Next step", "\u2192", "Next");
  const last = button("last", "Last step", "End");
  const play = button("play", "Play", "Space", "Play");
  const scrubber = html("input", { type: "range", class: "tg-scrubber", min: 0, max: steps, step: 1, "aria-label": "Step" });
  scrubber.addEventListener("input", () => actions.scrub(Number(scrubber.value)));
  const speed = html("select", { class: "tg-speed", "aria-label": "Playing speed" });
  speed.addEventListener("change", () => actions.speed(Number(speed.value)));
  const root = html("div", { class: "tg-controls", role: "group", "aria-label": "Player controls" },
    first, back, next, last, scrubber, play, speed);

  function update({ step, playing, speed: current, sentence }) {
    scrubber.value = step;
    scrubber.setAttribute("aria-valuetext", `step ${step} of ${steps}: ${sentence}`);
    // aria-disabled, not disabled: a disabled button would drop the keyboard focus at the end.
    for (const node of [first, back]) node.setAttribute("aria-disabled", String(step === 0));
    for (const node of [next, last]) node.setAttribute("aria-disabled", String(step === steps));
    play.setAttribute("aria-label", playing ? "Pause" : "Play");
    play.title = `${playing ? "Pause" : "Play"} (Space)`;
    play.querySelector("path").setAttribute("d", playing ? ICONS.pause : ICONS.play);
    setText(play.querySelector("span"), playing ? "Pause" : "Play");
    const choices = [...new Set([...SPEEDS, current])].sort((a, b) => a - b);
    if (speed.options.length !== choices.length) {
      speed.replaceChildren(...choices.map((x) => html("option", { value: x }, `${x}\u00d7`)));
    }
    speed.value = String(current);
  }
  return { root, update };
}

/** What is too large for its frame scrolls inside it to what is happening; the page itself is never moved. */
function bringIntoView(frame, elements, behavior) {
  const boxes = [...elements].filter(Boolean).map((element) => element.getBoundingClientRect());
  if (!boxes.length) return;
  const view = frame.getBoundingClientRect();
  const offset = (low, high) => {
    const before = Math.min(...boxes.map((box) => box[low])) - view[low] - 24;
    const after = Math.max(...boxes.map((box) => box[high])) - view[high] + 24;
    return before < 0 ? before : Math.max(0, Math.min(after, before));
  };
  frame.scrollBy({ top: offset("top", "bottom"), left: offset("left", "right"), behavior });
}

// ---- Mounting -----------------------------------------------------------------------------------

/**
 * Build a player inside `root` for `trace` (the JSON of teachgrad.viz.model.Trace).
 *
 * options.svg: the picture, as written by teachgrad.viz.svg; options.prefix: what its ids begin with;
 * options.math: MathML trees by rule text; options.start: the sentence of step 0; options.step,
 * options.speed: where to begin; options.keepsTime: whether this one of several views steps on while playing.
 * Whatever `root` already holds (the static picture) stays visible until the player stands.
 */
export function mount(root, trace, options = {}) {
  const steps = trace.events.length;
  const index = indexTrace(trace);
  const picture = makePicture(trace, index, options.svg, options.prefix);
  const panel = makePanel(trace, index, options);
  const listeners = { step: new Set(), playing: new Set(), speed: new Set(), selected: new Set() };
  const state = { step: options.step ?? 0, playing: false, speed: options.speed ?? 1, selected: "" };
  let timer = 0;
  let stopPulse = () => {};

  const say = (name) => listeners[name].forEach((listener) => listener(state[name]));
  const controls = makeControls(steps, {
    first: () => act(0), back: () => act(state.step - 1), next: () => act(state.step + 1), last: () => act(steps),
    play: () => (state.playing ? pause() : play()), scrub: (step) => act(step), speed: (value) => setSpeed(value),
  });

  function draw() {
    const frame = frameAt(trace, state.step, index);
    picture.update(frame, state.selected);
    panel.update(frame, state.step, state.selected);
    controls.update({ ...state, sentence: frame.event?.sentence ?? options.start });
    return frame;
  }
  function setStep(step) {
    const wanted = Math.min(Math.max(Math.round(step), 0), steps);
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
    setStep(step);
  }
  const pace = () => (1000 * SECONDS_PER_STEP) / state.speed;
  function tick() {
    if (options.keepsTime?.() ?? true) setStep(state.step + 1);
    if (state.step === steps) pause();
    else timer = setTimeout(tick, pace());
  }
  function play() {
    if (state.playing || steps === 0) return;
    if (state.step === steps) setStep(0);
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

  const KEYS = {
    ArrowLeft: () => act(state.step - 1),
    ArrowRight: () => act(state.step + 1),
    Home: () => act(0),
    End: () => act(steps),
    " ": () => (state.playing ? pause() : play()),
    Escape: () => (state.playing ? pause() : select("")),
  };
  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    event.stopPropagation(); // JupyterLab must not take a plain key pressed in here as its own
    const node = event.target.closest("[data-node]");
    // Space on a focused button presses that button, and a focused menu or table keeps its keys.
    if (event.target.closest("select, summary") && event.key !== "Escape") return;
    if (event.key === " " && event.target.closest("button")) return;
    if (event.key === "Enter" && node) select(state.selected === node.dataset.node ? "" : node.dataset.node);
    else if (Object.hasOwn(KEYS, event.key)) KEYS[event.key]();
    else return;
    event.preventDefault();
  }
  function onClick(event) {
    const node = event.target.closest("[data-node]");
    if (node) select(state.selected === node.dataset.node ? "" : node.dataset.node);
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
      act(steps);
      if (table) table.open = true;
    } else if (before) {
      setStep(before.step);
      if (table) table.open = before.open;
    }
  }

  const figure = html("div", { class: "tg-figure" }, picture.root);
  const label = `Replay of backward(): ${trace.graph.title || "a graph"}. Arrow keys step, Space plays, Enter selects a node.`;
  const stage = html("div", { class: "tg-stage", tabindex: "0", role: "group", "aria-label": label,
                              "data-lm-suppress-shortcuts": "true" }, figure, controls.root, panel.root);
  draw();
  stage.addEventListener("keydown", onKey);
  stage.addEventListener("pointerdown", onPointerDown);
  picture.root.addEventListener("click", onClick);
  printing.addEventListener("change", onPrint);
  const still = [...root.querySelectorAll(".tg-still")];
  root.prepend(stage);
  for (const element of still) element.hidden = true;
  for (const details of root.querySelectorAll(".tg-events")) details.open = false;
  bringIntoView(figure, [picture.nodes.get(trace.events[0]?.node)], "instant"); // where it will begin

  return {
    get step() { return state.step; },
    get playing() { return state.playing; },
    steps, setStep, play, pause, select, setSpeed,
    /** Call `listener(value)` after every change of "step", "playing", "speed" or "selected". */
    on(name, listener) { listeners[name].add(listener); },
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

// ---- The Jupyter widget (anywidget) -------------------------------------------------------------

const views = new WeakMap(); // trace -> its views on the page; while it plays, the first one keeps time

function render({ model, el }) {
  const root = html("div", { class: "tg-root tg-player" });
  el.append(root);
  const trace = model.get("_trace"); // one object for all views, which have a `model` of their own each
  if (!views.has(trace)) views.set(trace, new Set());
  const all = views.get(trace).add(el);
  const player = mount(root, trace, {
    ...model.get("_options"), step: model.get("step"), speed: model.get("speed"), keepsTime: () => el === [...all][0],
  });
  const set = { step: player.setStep, speed: player.setSpeed, selected: player.select,
                playing: (playing) => (playing ? player.play() : player.pause()) };
  const listeners = Object.keys(set).map((name) => [`change:${name}`, () => set[name](model.get(name))]);
  for (const [name, listener] of listeners) model.on(name, listener);
  for (const name of Object.keys(set)) {
    player.on(name, (value) => {
      if (model.get(name) === value) return;
      model.set(name, value);
      model.save_changes();
    });
  }
  set.selected(model.get("selected"));
  set.playing(model.get("playing"));
  return () => {
    for (const [name, listener] of listeners) model.off(name, listener);
    all.delete(el);
    player.destroy();
  };
}

export default { render };
