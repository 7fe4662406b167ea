/* Beside the picture: words, rules and numbers of a step, the lines of the lesson, the leaves. */

import { LEAF_KINDS, MARKS, lineOf, markOf } from "./frames.js";
import { build, html, mathNode, orNone, pending, setText, signed, titleOf, valueNode, withMinus } from "./values.js";

const ROOM = 14; // characters in a column of the leaf table
const HELP = [
  ["\u2190 \u2192", "one step"],
  ["Home End", "first and last step"],
  ["Space", "play, pause"],
  ["Enter", "more about the box in focus"],
  ["\u21e7 Enter", "the way from the chosen box to this one"],
  ["/", "find a box by name"],
  ["f", "fit the whole picture"],
];
const KIND_WORDS = {
  seed: "backward() starts",
  call: "a node runs",
  contribute: "a gradient is sent on",
  accumulate: "a gradient reaches .grad",
  change: "a gradient is changed",
  retain: "a gradient is kept",
  reset: ".grad is changed",
  free: "saved values are freed",
  error: "backward() stops",
};

export function makePanel(trace, index, { math, start, still, quiz, changeForm }) {
  const sentence = html("p", { class: "tg-sentence", "aria-live": "polite", "aria-atomic": "true", dir: "auto" });
  const kind = html("p", { class: "tg-kind" });
  const facts = html("div", { class: "tg-facts" });
  const rows = html("tbody");
  const head = ["leaf", ".grad before", "+ arriving", "= .grad now"].map((t) => html("th", { scope: "col" }, t));
  const leaves = html("div", { class: "tg-leaves", role: "group", "aria-label": "Leaves", tabindex: "0" }, html("table", null,
    html("caption", null, "What reaches the leaves"), html("thead", null, html("tr", null, ...head)), rows));
  const lesson = makeLesson(index);
  const chosen = html("section", { class: "tg-chosen", "aria-label": "selected node" });
  const root = html("div", { class: "tg-panel" }, kind, sentence, quiz ?? "",
    html("div", { class: "tg-columns" }, facts, html("div", { class: "tg-aside" }, lesson?.root ?? "", leaves), chosen));

  const fact = (term, ...value) => html("div", { class: "tg-fact" }, html("dt", null, term), html("dd", null, ...value));
  const about = (id, element) => {
    if (id) element.dataset[index.edges.has(id) ? "on" : "of"] = id;
    return element;
  };
  const own = still ? HELP.slice(3) : HELP;
  const keys = index.groups.size ? [...own, ["Enter", "open or close the group in focus"], ["\u232b", "close the last one opened"]] : own;
  const help = html("dl", { class: "tg-help" }, ...keys.map(([key, what]) => fact(html("kbd", null, key), what)));

  const formula = (text) => html("span", { class: "tg-formula" },
    math?.[text] ? mathNode(["math", math[text]]) : html("code", { dir: "auto" }, text));

  /** The local rule of a node in symbols, where a name belongs to the box it stands for, then with this replay's numbers,
   * one line per equals sign. */
  function ruleNode(rule, id, done = true) {
    const root = html("div", { class: "tg-rule" }, formula(rule.text),
      ...(done && rule.filled ? rule.filled.split(" = ") : []).map((part) => html("span", null, "= ", formula(part))));
    for (const name of root.querySelectorAll("mi")) {
      const edge = index.out.get(id)?.find((each) => each.input_name === name.textContent);
      if (edge) about(index.leafOf.get(edge.target) ?? edge.target, name);
    }
    return root;
  }

  function factsOf(event) {
    const list = html("dl");
    const isChange = event.kind === "change";
    const outgoing = event.kind === "seed" ? "starting gradient" : isChange ? "what arrives" : "gradient going out";
    const target = index.leafOf.get(index.edges.get(event.edge)?.target);
    if (event.received) event.received.forEach((value, i) => list.append(about(event.node, fact(`gradient of result ${i}`, orNone(value)))));
    else if (event.gradient) list.append(about(event.node, fact(isChange ? "what was sent" : "gradient coming in", valueNode(event.gradient, signed))));
    if (event.out) list.append(about(event.edge, fact(outgoing, valueNode(event.out, signed))));
    if (event.product) list.append(about(event.node, fact(`before the sum over ${event.summed.length > 1 ? "dimensions" : "dimension"} ${event.summed.join(", ")}`, valueNode(event.product, signed))));
    const mark = MARKS[markOf(event.out ?? event.delta ?? event.gradient, index)];
    if (mark) list.append(fact("size", html("span", { class: "tg-mark" }, mark.join(" "))));
    if (event.rule) list.append(about(event.node, fact("local rule", build(ruleNode(event.rule, event.node), { tabindex: 0, role: "group", "aria-label": "local rule" }, []))));
    if (event.used) list.append(about(event.node, fact("saved values it uses", ...Object.entries(event.used).map(([name, text]) => html("div", null, `${name} = `, html("span", { class: "tg-number" }, withMinus(text)))))));
    if (event.freed) list.append(fact("freed", event.freed.map((id) => titleOf(index.nodes.get(id))).join(", ")));
    if (event.kind === "retain" || event.kind === "reset") list.append(about(event.node, fact(".grad", html("span", { class: "tg-sum" }, ...(event.kind === "reset" ? [orNone(event.before), " \u2192 "] : []), orNone(event.after)))));
    if (event.kind === "accumulate") {
      const more = event.before ? [" + ", valueNode(event.delta), " = "] : [" \u2192 "];
      list.append(about(event.edge, fact(".grad", html("span", { class: "tg-sum" }, orNone(event.before), ...more, valueNode(event.after)))));
    }
    return list;
  }

  const drawn = new Map(); // leaf -> [what its row shows, the row]
  function leafRow(row, frame) {
    const { leaf, before, delta, after } = row;
    const now = frame.event?.kind === "accumulate" && index.leafOf.get(frame.event.node) === leaf.id;
    const [facts, old] = drawn.get(leaf.id) ?? [];
    if (facts && facts[0] === before && facts[1] === delta && facts[2] === after && facts[3] === now && facts[4] === frame.over) return old;
    const missing = frame.over ? "none came" : "not yet";
    const element = html("tr", { class: now ? "tg-now" : "", "data-of": leaf.id, tabindex: -1 },
      html("th", { scope: "row" }, html("bdi", null, ...titleOf(leaf).split(/(?<=[._])/).flatMap((part) => [part, html("wbr")]).slice(0, -1))),
      html("td", null, orNone(before, ROOM)),
      html("td", null, delta ? valueNode(delta, signed, ROOM) : pending(missing)),
      html("td", null, after || frame.over ? orNone(after ?? before, ROOM) : pending("not yet")));
    drawn.set(leaf.id, [[before, delta, after, now, frame.over], element]);
    if (old?.isConnected) old.replaceWith(element);
    return element;
  }
  function drawLeaves(frame) {
    const all = [...frame.rows.values()].map((row) => leafRow(row, frame));
    if (rows.childElementCount !== all.length) rows.replaceChildren(...all);
    leaves.hidden = all.length === 0 || Boolean(still);
  }

  /** The selected node: its numbers, and one rule per edge it sends a gradient along. */
  function chosenNodes(id, frame) {
    const node = index.nodes.get(id);
    const list = html("dl");
    if (node.value) list.append(fact("value", valueNode(node.value)));
    if (changeForm && LEAF_KINDS.has(node.kind) && node.value?.numbers?.length) list.append(fact("change and run again", changeForm(node)));
    const grad = frame.grads.get(id) ?? frame.rows.get(id)?.before;
    if (!still || grad) list.append(fact(LEAF_KINDS.has(node.kind) ? ".grad" : "gradient", grad ? valueNode(grad, signed) : pending("not yet")));
    for (const event of trace.events.filter((e) => e.kind === "contribute" && e.node === id && e.rule)) {
      const target = index.nodes.get(index.leafOf.get(index.edges.get(event.edge)?.target));
      const done = frame.flows.get(event.edge) === event.out;
      const title = html("bdi", { "data-of": target?.id ?? "" }, target ? titleOf(target) : event.rule.input);
      list.append(fact(html("span", null, "to ", title), ruleNode(event.rule, id, done), done ? null : pending("not yet")));
    }
    if (node.module) list.append(fact("module", node.module));
    if (node.source) list.append(fact(`line ${node.source.line}`, html("code", { dir: "auto", "data-line": lineOf(node) }, node.source.text ?? node.source.file)));
    return [html("p", { class: "tg-named" }, html("bdi", null, titleOf(node)), ` \u00b7 ${node.op || node.word || node.kind}`), list];
  }

  let shown; // the event, and the node, that stand there
  function update(frame, step, [selected = "", partner = ""], path) {
    const { event } = frame;
    const passes = trace.passes.length;
    const count = still ? "" : trace.waits ? `Step ${step}, live` : `Step ${step} of ${trace.events.length}`;
    setText(kind, [count, passes > 1 ? `backward() ${frame.pass + 1} of ${passes}` : "",
                   KIND_WORDS[event?.kind]].filter(Boolean).join(" \u00b7 "));
    setText(sentence, withMinus(event?.sentence ?? start));
    if (shown !== event) {
      const hadFocus = facts.contains(document.activeElement);
      facts.replaceChildren(event ? factsOf(event) : help);
      if (hadFocus) (facts.querySelector("[tabindex]") ?? root.closest(".tg-stage")).focus({ preventScroll: true });
    }
    shown = event;
    drawLeaves(frame);
    lesson?.update(event);
    chosen.hidden = !selected;
    if (chosen.contains(document.activeElement) && chosen.dataset.of === selected) return; // somebody types there
    chosen.dataset.of = selected;
    if (partner) {
      const ends = [selected, partner].map((id) => html("bdi", null, titleOf(index.nodes.get(id))));
      chosen.replaceChildren(html("p", { class: "tg-named" }, "Path between ", ends[0], " and ", ends[1]),
        html("p", null, path.size ? `${path.size} nodes are on it; the others are dimmed.` : "No way leads from one to the other."));
    } else chosen.replaceChildren(...(selected ? chosenNodes(selected, frame) : []));
  }
  return { root, leaves, update, lesson: lesson?.root };
}

/** The lesson's own lines, each linked to the nodes it made; null where nothing recorded them. */
function makeLesson(index) {
  const lines = [...index.lines].map(([key, ids]) => [key, ids, index.nodes.get(ids[0]).source]);
  lines.sort(([, , a], [, , b]) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line));
  const items = new Map(lines.map(([key, ids, { line, text }]) => [key, html("li", { "data-line": key, tabindex: -1 },
    html("span", { class: "tg-lineno" }, line), html("code", { dir: "auto" }, text.trim()))]));
  if (!items.size) return null;
  const list = html("ol", { class: "tg-lesson", "aria-label": "Lines of the lesson", tabindex: "0" }, ...items.values());
  let now = null;
  const update = (event) => {
    const node = index.nodes.get(event?.node);
    const next = node?.source ? items.get(lineOf(node)) : null;
    if (next === now) return;
    now?.removeAttribute("aria-current");
    next?.setAttribute("aria-current", "true");
    if (next) list.scrollTop += Math.min(0, next.offsetTop - list.offsetTop - list.scrollTop) || Math.max(0, next.offsetTop + next.offsetHeight - list.offsetTop - list.scrollTop - list.clientHeight);
    now = next;
  };
  return { root: html("div", { class: "tg-code" }, html("p", { class: "tg-label" }, "The lesson"), list), update };
}
