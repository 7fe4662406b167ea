/* The picture: frames drawn onto the SVG. Closed groups are boxes, open ones are frames with a lid. */

import { MARKS, markOf, strength } from "./frames.js";
import { brief, build, plus, setText, signOf, svg, withMinus } from "./values.js";

export const stillness = matchMedia("(prefers-reduced-motion: reduce)");

/** The SVG text of our own writer as live elements, kept to what a drawing needs. */
export function importPicture(text, prefix) {
  // One page may hold the same output twice: every copy gets ids of its own.
  const unique = prefix ? text.replaceAll(prefix, `${prefix}c${Math.random().toString(36).slice(2, 8)}`) : text;
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

/** Draws frames onto one SVG; `update` may be called with any frame in any order. */
export function makePicture(index, root, canOpen) {
  const { width, height } = root.viewBox.baseVal;
  root.style.setProperty("--tg-natural", `${width}px`);
  root.style.setProperty("--tg-ratio", width / height);
  const nodes = new Map([...root.querySelectorAll("[data-node]")].map((g) => [g.dataset.node, g]));
  const edges = new Map([...root.querySelectorAll("[data-edge]")].map((g) => [g.dataset.edge, g]));
  for (const text of root.querySelectorAll(".tg-value")) {
    if (!/[[,]/.test(text.textContent)) setText(text, withMinus(text.textContent)); // an array's room is measured as it stands
  }
  const lids = new Map(); // open group -> its lid, once it was closed
  const names = new Map([...nodes].map(([id, g]) => [id, g.getAttribute("aria-label") ?? id]));
  for (const [id, g] of nodes) {
    const isGroup = index.groups.has(id);
    build(g, { role: "button", tabindex: "0", ...(!isGroup ? { "aria-pressed": "false" } : canOpen(id) ? { "aria-expanded": "false" } : {}) }, []);
    if (isGroup && !canOpen(id)) g.classList.add("tg-shut");
    if (isGroup) names.set(id, `${names.get(id)}; ${canOpen(id) ? "Enter opens it" : "its inside is not in this page"}`);
    if (isGroup) setText(g.querySelector("title"), names.get(id));
  }
  for (const g of root.querySelectorAll(".tg-frame")) {
    build(g, { role: "button", tabindex: "0", "aria-expanded": "true", "aria-label": `group ${g.querySelector("title").textContent}; Enter closes it` }, []);
  }

  /** What stands for a node here: its own box, or that of a closed group around it; undefined when it is elsewhere. */
  const boxOf = (id) => [id, ...index.around(id)].find((name) => nodes.has(name));
  const lines = new Map(); // edge -> the line that stands for it
  const merged = new Map(); // line -> the edges it stands for
  const byEnds = new Map([...edges].reverse().map(([id, g]) => [`${g.dataset.source} ${g.dataset.target}`, id]));
  for (const { id, source, target } of index.edges.values()) {
    const [from, to] = [boxOf(source), boxOf(target)];
    const own = edges.get(id)?.dataset;
    const line = own && own.source === from && own.target === to ? id : from !== to ? byEnds.get(`${from} ${to}`) : undefined;
    if (!line) continue;
    lines.set(id, line);
    merged.set(line, [...(merged.get(line) ?? []), id]);
  }

  function gradText(id, frame) {
    if (index.groups.has(id)) {
      const [done, steps] = [frame.inside.get(id) ?? 0, index.total.get(id) ?? 0];
      return done === 0 ? "grad: not yet" : done === steps ? `all ${steps} steps` : `${done} of ${steps} steps`;
    }
    if (frame.event?.kind === "error" && frame.event.node === id) return "\u2715 stops here";
    const value = frame.grads.get(id);
    if (value) return `grad ${brief(value)}`;
    const row = frame.rows.get(id);
    if (row?.before) return `grad ${brief(row.before)}`;
    if (row && frame.over) return "grad: None";
    const [here, all] = [frame.arrived.get(id), index.expected.get(`${frame.pass} ${id}`)];
    return here && all > 1 ? `${here} of ${all} here` : "grad: not yet";
  }
  const shown = new Map(); // what each element stands for now: a step leaves most of a large picture as it is
  function isNew(g, ...facts) {
    const old = shown.get(g);
    shown.set(g, facts);
    return !old || facts.some((fact, i) => fact !== old[i]);
  }
  const reached = (id, frame) => frame.grads.has(id) || Boolean(frame.inside.get(id));

  function drawNode(id, frame, { selected, found, path }) {
    const [g, { event }] = [nodes.get(id), frame];
    const of = (test) => (index.groups.has(id) ? (index.members.get(id) ?? []).some(test) : test(id));
    const active = event && (boxOf(event.node) === id || event.freed?.some((each) => boxOf(each) === id) || (event.kind === "accumulate" && boxOf(index.leafOf.get(event.node)) === id));
    const dim = Boolean(path && !of((each) => path.has(each)));
    const hit = found.size > 0 && of((each) => found.has(each));
    const isSelected = selected.includes(id);
    const text = gradText(id, frame);
    if (!isNew(g, text, active, dim, hit, isSelected, reached(id, frame), frame.freed)) return;
    const line = g.querySelector(".tg-grad");
    setText(line, text);
    toggle(g, { "tg-active": active, "tg-reached": reached(id, frame), "tg-selected": isSelected, "tg-found": hit, "tg-dim": dim,
                "tg-freed": frame.freed && index.nodes.get(id)?.kind === "saved" });
    if (!index.groups.has(id)) g.setAttribute("aria-pressed", String(isSelected));
    g.setAttribute("aria-label", line ? `${names.get(id)}; ${text}` : names.get(id));
  }
  function drawEdge(id, frame, { path }) {
    const [g, { event }] = [edges.get(id), frame];
    const all = merged.get(id) ?? [id];
    const flowed = all.map((each) => frame.flows.get(each)).filter(Boolean);
    const value = frame.flows.get(all.includes(event?.edge) ? event.edge : undefined) ?? flowed.at(-1);
    const active = all.includes(event?.edge);
    const dim = Boolean(path && !all.some((each) => path.has(index.edges.get(each)?.source) && path.has(index.edges.get(each)?.target)));
    if (!isNew(g, value, flowed.length, index.largest, active, dim)) return;
    const label = g.querySelector(".tg-edge-label");
    const mark = markOf(value, index);
    const many = flowed.length > 1 && !active;
    const glyph = MARKS[mark]?.[0] ?? (value && !value.numbers ? signOf(value) : ""); // a summed-up array shows no signs of its own
    setText(label, !value ? "" : many ? `${flowed.length} gradients` : (glyph && `${glyph} `) + brief(value));
    label.setAttribute("dx", value && !many && (glyph || plus(value)) ? 5 : 0); // room for the sign, away from the line
    toggle(g, { "tg-flowed": Boolean(value), "tg-active": active, "tg-dim": dim,
                "tg-plus": !many && signOf(value) === "+", "tg-minus": !many && signOf(value) === "\u2212" });
    g.dataset.mark = mark;
    g.style.setProperty("--tg-flow", `${(1.2 + 4.3 * Math.max(0, ...flowed.map((each) => strength(each, index)))).toFixed(2)}px`);
  }
  function drawLid(id, lid, frame) {
    const active = Boolean(frame.event && index.around(frame.event.node).includes(id));
    const text = gradText(id, frame);
    setText(lid.querySelector(".tg-grad"), text);
    toggle(lid, { "tg-active": active, "tg-reached": Boolean(frame.inside.get(id)) });
    lid.setAttribute("aria-label", `group ${index.groups.get(id).title}; ${text}; Enter opens it`);
  }

  /** `look`: selected, found, path; `dirty`: the nodes and edges that may have changed, null for all. */
  function update(frame, look, dirty) {
    const ids = dirty ? [...dirty].filter(Boolean) : null;
    const boxes = ids ? new Set(ids.filter((id) => index.nodes.has(id)).map(boxOf)) : nodes.keys();
    for (const id of boxes) if (id) drawNode(id, frame, look);
    const touched = ids ? new Set(ids.map((id) => lines.get(id))) : edges.keys();
    for (const id of touched) if (id) drawEdge(id, frame, look);
    for (const [id, lid] of lids) drawLid(id, lid, frame);
  }

  /** Close an open group in its place, or open it again: a lid lies on its frame. */
  function toggleLid(id, frame) {
    const place = root.querySelector(`.tg-frame[data-group="${CSS.escape(id)}"]`);
    if (lids.has(id)) {
      lids.get(id).remove();
      lids.delete(id);
      cover();
      return place;
    }
    const { x, y, width: w, height: h } = place.querySelector("rect").getBBox();
    const group = index.groups.get(id);
    const says = (kind, dy, words) => svg("text", { class: kind, x: x + w / 2, y: y + Math.min(h / 2, 48) + dy }, words);
    const lid = svg("g", { class: "tg-node tg-group tg-lid", role: "button", tabindex: "0", "data-lid": id },
      svg("rect", { class: "tg-shape", x, y, width: w, height: h, rx: 7 }),
      says("tg-title", -10, place.querySelector(".tg-frame-title").textContent), says("tg-word", 7, `${(index.members.get(id) ?? []).length} nodes`), says("tg-grad", 24, ""));
    root.append(lid);
    lids.set(id, lid);
    cover();
    drawLid(id, lid, frame);
    return lid;
  }
  /** Nothing under a lid is seen, pointed at or reached by key. */
  function cover() {
    const isUnder = (...ids) => [...lids.keys()].some((lid) => ids.every((id) => index.around(id).includes(lid)));
    for (const [id, g] of nodes) g.classList.toggle("tg-under", isUnder(id));
    for (const g of edges.values()) g.classList.toggle("tg-under", isUnder(g.dataset.source, g.dataset.target));
    for (const g of root.querySelectorAll(".tg-frame")) g.classList.toggle("tg-under", lids.has(g.dataset.group) || isUnder(g.dataset.group));
    for (const [id, lid] of lids) lid.classList.toggle("tg-under", isUnder(id));
  }
  return { root, nodes, edges, boxOf, lids, lineOf: (id) => lines.get(id), update, toggleLid, gradText };
}

export function toggle(element, classes) {
  for (const [name, on] of Object.entries(classes)) element.classList.toggle(name, Boolean(on));
}

/** A dot runs against an edge's drawn direction, as gradients do. Returns a function that stops it. Where it will be is
 * worked out before: the browser moves it by itself, and lays nothing out again. */
export function sendPulse(group, milliseconds) {
  const path = group?.querySelector(".tg-line");
  if (!path || stillness.matches) return () => {};
  const length = path.getTotalLength();
  const places = Array.from({ length: 25 }, (_, i, t = i / 24) => path.getPointAtLength(length * (1 - t * t * (3 - 2 * t))));
  const dot = svg("circle", { class: "tg-pulse", r: 6, "aria-hidden": "true" });
  group.append(dot);
  const run = dot.animate(places.map(({ x, y }) => ({ transform: `translate(${x}px, ${y}px)` })), { duration: milliseconds, fill: "forwards" });
  const stop = () => {
    run.cancel();
    dot.remove();
  };
  run.onfinish = stop;
  return stop;
}
