/* Beside the picture: words, rules and numbers of a step, the leaves, and the controls. */

import { LEAF_KINDS, MARKS, markOf, strength } from "./frames.js";
import { build, html, mathNode, orNone, pending, setText, signed, svg, titleOf, valueNode, withMinus } from "./values.js";

const SPEEDS = [0.5, 1, 2, 4];
const ROOM = 14; // characters in a column of the leaf table
const HELP = [
  ["\u2190 \u2192", "one step"],
  ["Home End", "first and last step"],
  ["Space", "play, pause"],
  ["Enter", "the rule of the box in focus"],
  ["/", "find a box by name"],
  ["f", "fit the whole picture"],
];
const KIND_WORDS = {
  seed: "backward() starts",
  call: "a node runs",
  contribute: "a gradient is sent on",
  accumulate: "a gradient reaches .grad",
  free: "saved values are freed",
  error: "backward() stops",
};

export function makePanel(trace, index, { math, start, quiz }) {
  const sentence = html("p", { class: "tg-sentence", "aria-live": "polite", "aria-atomic": "true", dir: "auto" });
  const kind = html("p", { class: "tg-kind" });
  const facts = html("div", { class: "tg-facts" });
  const rows = html("tbody");
  const head = ["leaf", ".grad before", "+ arriving", "= .grad now"].map((t) => html("th", { scope: "col" }, t));
  const leaves = html("div", { class: "tg-leaves" }, html("table", null,
    html("caption", null, "What reaches the leaves"), html("thead", null, html("tr", null, ...head)), rows));
  const chosen = html("section", { class: "tg-chosen", "aria-label": "selected node" });
  const root = html("div", { class: "tg-panel" }, kind, sentence, quiz ?? "", html("div", { class: "tg-columns" }, facts, leaves, chosen));

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
    const mark = MARKS[markOf(event.out ?? event.delta ?? event.gradient, index)];
    if (mark) list.append(fact("size", html("span", { class: "tg-mark" }, mark.join(" "))));
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
    return html("tr", { class: now ? "tg-now" : "", "data-of": leaf.id },
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
      const title = html("bdi", { "data-of": target?.id ?? "" }, target ? titleOf(target) : event.rule.input);
      list.append(fact(html("span", null, "to ", title), ruleNode(event.rule, done), done ? null : pending("not yet")));
    }
    if (node.source) list.append(fact(`line ${node.source.line}`, html("code", { dir: "auto" }, node.source.text ?? node.source.file)));
    return [html("p", { class: "tg-named" }, html("bdi", null, titleOf(node)), ` \u00b7 ${node.op || node.word || node.kind}`), list];
  }

  function update(frame, step, selected) {
    const { event } = frame;
    const passes = trace.passes.length;
    const count = trace.waits ? `Step ${step}, live` : `Step ${step} of ${trace.events.length}`;
    setText(kind, [count, passes > 1 ? `backward() ${frame.pass + 1} of ${passes}` : "",
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

// ---- The controls ------------------------------------------------------------------------------------------

export const ICONS = {
  first: "M3 3h2v10H3zM13 3v10L6 8z",
  back: "M11 3v10L4 8z",
  next: "M5 3v10l7-5z",
  last: "M11 3h2v10h-2zM3 3v10l7-5z",
  play: "M4 2.5v11L13 8z",
  pause: "M4 3h3v10H4zM9 3h3v10H9z",
};

export function makeControls(trace, actions) {
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
  const scrubber = html("input", { type: "range", class: "tg-scrubber", min: 0, max: trace.events.length, step: 1, "aria-label": "Step" });
  scrubber.addEventListener("input", () => actions.scrub(Number(scrubber.value)));
  const speed = html("select", { class: "tg-speed", "aria-label": "Playing speed" });
  speed.addEventListener("change", () => actions.speed(Number(speed.value)));
  const root = html("div", { class: "tg-controls", role: "group", "aria-label": "Player controls" },
    first, back, next, last, scrubber, play, speed);

  function update({ step, playing, speed: current, sentence, end }) {
    const steps = trace.events.length;
    scrubber.max = steps;
    scrubber.value = step;
    scrubber.setAttribute("aria-valuetext", `step ${step} of ${steps}: ${sentence}`);
    // aria-disabled, not disabled: a disabled button would drop the keyboard focus at the end.
    for (const node of [first, back]) node.setAttribute("aria-disabled", String(step === 0));
    for (const node of [next, last]) node.setAttribute("aria-disabled", String(step === end));
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


// ---- The timeline -------------------------------------------------------------------------------

/** One bar per step, high by the size of its gradient: outlined where a node runs, footed where .grad grows. */
export function makeTimeline(trace, index, scrub) {
  const root = svg("svg", { class: "tg-timeline", preserveAspectRatio: "none", "aria-hidden": "true" });
  const stepAt = (event) => {
    const box = root.getBoundingClientRect();
    return Math.ceil(((event.clientX - box.left) / box.width) * Math.max(trace.events.length, 1));
  };
  root.addEventListener("click", (event) => scrub(stepAt(event)));
  let drawn = -1;
  function draw(known) {
    drawn = known;
    const count = Math.max(trace.events.length, 1);
    root.setAttribute("viewBox", `0 0 ${count} 40`);
    root.replaceChildren(...trace.events.slice(0, known).map((event, i) => {
      const value = event.out ?? event.delta ?? event.gradient;
      const mark = markOf(value, index);
      const height = value && mark !== "nan" && mark !== "inf" ? 5 + 31 * strength(value, index) : 40;
      const bar = svg("rect", { x: i + 0.15, y: 40 - height, width: 0.7, height });
      const foot = event.kind === "accumulate" ? svg("rect", { class: "tg-base", x: i, y: 37, width: 1, height: 3 }) : null;
      return svg("g", { class: `tg-bar tg-bar-${event.kind}`, "data-mark": mark }, bar, foot);
    }), svg("rect", { class: "tg-here", y: 0, height: 40 }));
  }
  function update(step, known) {
    if (known !== drawn) draw(known);
    build(root.lastChild, { x: Math.max(step - 1, 0), width: step ? 1 : 0 }, []);
  }
  return { root, update, redraw: () => { drawn = -1; } };
}

// ---- Predict, then reveal -----------------------------------------------------------------------

/** The question before the next step. Python judges; `answer(text)` takes the answer there, null reveals. */
export function makeQuiz(answer, math) {
  const question = html("label", { for: "" });
  const rule = html("span", { class: "tg-formula" });
  const input = html("input", { type: "text", class: "tg-answer", autocomplete: "off", spellcheck: "false" });
  const send = html("button", { type: "submit", class: "tg-button tg-send" }, "Answer");
  const reveal = html("button", { type: "button", class: "tg-button tg-reveal" }, "Show me");
  const form = html("form", { class: "tg-question" }, question, rule, html("span", { class: "tg-row" }, input, send, reveal));
  const feedback = html("p", { class: "tg-feedback", role: "status", dir: "auto" });
  const score = html("p", { class: "tg-score" });
  const root = html("section", { class: "tg-quiz", "aria-label": "Predict the next step" }, feedback, form, score);
  input.id = `tg-answer-${Math.random().toString(36).slice(2)}`;
  question.htmlFor = input.id;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (input.value.trim()) answer(input.value);
  });
  reveal.addEventListener("click", () => answer(null));

  function update({ question: asked, feedback: said, score: counted }, isHere) {
    form.hidden = !asked?.text || !isHere;
    if (question.textContent !== asked?.text) input.value = "";
    setText(question, withMinus(asked?.text ?? ""));
    rule.replaceChildren(asked?.rule ? (math?.[asked.rule] ? mathNode(["math", math[asked.rule]]) : asked.rule) : "");
    setText(feedback, said?.text ? `${{ true: "\u2713", false: "\u2717" }[said.right] ?? ""} ${withMinus(said.text)}` : "");
    feedback.dataset.right = said?.right ?? "";
    setText(score, counted?.asked ? `${counted.right} of ${counted.asked} right` : "");
  }
  return { root, update, focus: () => input.focus({ preventScroll: true }) };
}

// ---- Finding and zooming ------------------------------------------------------------------------

export function makeTools({ find, zoom, fit }) {
  const field = html("input", { type: "search", class: "tg-find", placeholder: "Find", "aria-label": "Find a node by name", title: "Find (/)" });
  const count = html("span", { class: "tg-count", role: "status" });
  field.addEventListener("input", () => find(field.value, 0));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") find(field.value, event.shiftKey ? -1 : 1);
  });
  const button = (text, label, act) => {
    const node = html("button", { type: "button", class: "tg-button", "aria-label": label, title: label }, text);
    node.addEventListener("click", act);
    return node;
  };
  const root = html("div", { class: "tg-tools", role: "group", "aria-label": "The picture" }, field, count,
    button("\u2212", "Zoom out", () => zoom(1 / 1.25)), button("+", "Zoom in", () => zoom(1.25)), button("Fit", "Fit the whole picture (f)", fit));
  return { root, field, say: (text) => setText(count, text) };
}
