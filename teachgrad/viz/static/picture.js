/* The picture: frames drawn onto the SVG, and the ways to move about in it. */

import { MARKS, markOf, onward, strength } from "./frames.js";
import { brief, build, plus, setText, signOf, svg } from "./values.js";

export const stillness = matchMedia("(prefers-reduced-motion: reduce)");

export let copies = 0; // one page may hold the same output twice: every copy gets ids of its own

/** The SVG text of our own writer as live elements, kept to what a drawing needs. */
export function importPicture(text, prefix) {
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
export function makePicture(trace, index, text, prefix) {
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

  const shown = new Map(); // what each element stands for now: a step leaves most of a large picture as it is
  function isNew(g, ...facts) {
    const old = shown.get(g);
    shown.set(g, facts);
    return !old || facts.some((fact, i) => fact !== old[i]);
  }

  function update(frame, selected, found) {
    const { event } = frame;
    const path = selected ? onward(selected, index) : null;
    for (const [id, g] of nodes) {
      const active = event?.node === id || (event?.kind === "accumulate" && index.leafOf.get(event.node) === id);
      const dim = Boolean(path && !path.has(id));
      if (!isNew(g, gradText(id, frame), active, dim, frame.grads.has(id), selected === id, found.includes(id), frame.freed)) continue;
      const line = g.querySelector(".tg-grad");
      setText(line, gradText(id, frame));
      toggle(g, { "tg-active": active, "tg-reached": frame.grads.has(id), "tg-selected": selected === id, "tg-found": found.includes(id), "tg-dim": dim,
                  "tg-freed": frame.freed && index.nodes.get(id)?.kind === "saved" });
      g.setAttribute("aria-pressed", String(selected === id));
      g.setAttribute("aria-label", line ? `${labels.get(id)}; ${gradText(id, frame)}` : labels.get(id));
    }
    for (const [id, g] of edges) {
      const value = frame.flows.get(id);
      const { source, target } = index.edges.get(id);
      const dim = Boolean(path && !(path.has(source) && path.has(target)));
      if (!isNew(g, value, index.largest, id === event?.edge, dim)) continue;
      const label = g.querySelector(".tg-edge-label");
      const mark = markOf(value, index);
      setText(label, value ? (MARKS[mark] ? `${MARKS[mark][0]} ` : "") + brief(value) : "");
      label.setAttribute("dx", value && plus(value) ? 5 : 0); // room for the sign, away from the line
      toggle(g, { "tg-flowed": Boolean(value), "tg-active": id === event?.edge, "tg-dim": dim,
                  "tg-plus": signOf(value) === "+", "tg-minus": signOf(value) === "\u2212" });
      build(g, { "data-mark": mark }, []);
      g.style.setProperty("--tg-flow", `${(1.2 + 4.3 * strength(value, index)).toFixed(2)}px`);
    }
  }
  return { root, nodes, edges, update };
}

export function toggle(element, classes) {
  for (const [name, on] of Object.entries(classes)) element.classList.toggle(name, on);
}

/** A dot runs against an edge's drawn direction, as gradients do. Returns a function that stops it. */
export function sendPulse(picture, edgeId, milliseconds) {
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

/** What is too large for its frame scrolls inside it to what is happening; the page itself is never moved. */
export function bringIntoView(frame, elements, behavior) {
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

// ---- Moving about -------------------------------------------------------------------------------

const MAP_FROM = 150; // nodes

/** Zoom and pan inside the frame. A plain wheel is left to the page; the frame moves by dragging, keys and map. */
export function makeCamera(figure, root) {
  const natural = root.viewBox.baseVal;
  const zoom = (factor, x = figure.clientWidth / 2, y = figure.clientHeight / 2) => {
    const old = root.getBoundingClientRect().width;
    const width = Math.min(Math.max(old * factor, natural.width / 12), natural.width * 4);
    const [left, top] = [(figure.scrollLeft + x) * (width / old) - x, (figure.scrollTop + y) * (width / old) - y];
    Object.assign(root.style, { width: `${width}px`, minWidth: "0" });
    figure.scrollTo({ left, top, behavior: "instant" });
    update();
  };
  const fit = () => {
    const [w, h] = [figure.clientWidth - 24, figure.clientHeight - 24];
    zoom(Math.min(w, (h * natural.width) / natural.height) / root.getBoundingClientRect().width);
  };
  figure.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    const box = figure.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  figure.addEventListener("pointerdown", (event) => {
    if (event.button || event.pointerType === "touch" || event.target.closest("[data-node], .tg-map")) return;
    const move = ({ movementX, movementY }) => figure.scrollBy({ left: -movementX, top: -movementY, behavior: "instant" });
    figure.setPointerCapture(event.pointerId);
    figure.addEventListener("pointermove", move);
    figure.addEventListener("lostpointercapture", () => figure.removeEventListener("pointermove", move), { once: true });
  });

  const boxes = root.querySelectorAll("[data-node] .tg-shape");
  const view = svg("rect", { class: "tg-view" });
  const map = boxes.length > MAP_FROM ? svg("svg", { class: "tg-map", "aria-hidden": "true", viewBox: root.getAttribute("viewBox") }) : null;
  function update() {
    if (!map) return;
    if (!map.firstChild) {
      for (const box of boxes) {
        const { x, y, width, height } = box.getBBox();
        map.append(svg("rect", { x, y, width, height }));
      }
      map.append(view);
    }
    const [frame, drawn] = [figure.getBoundingClientRect(), root.getBoundingClientRect()];
    const scale = natural.width / drawn.width;
    build(view, { x: (frame.left - drawn.left) * scale, y: (frame.top - drawn.top) * scale,
                  width: frame.width * scale, height: frame.height * scale }, []);
  }
  map?.addEventListener("click", (event) => {
    const [box, drawn] = [map.getBoundingClientRect(), root.getBoundingClientRect()];
    figure.scrollTo({ left: ((event.clientX - box.left) / box.width) * drawn.width - figure.clientWidth / 2,
                      top: ((event.clientY - box.top) / box.height) * drawn.height - figure.clientHeight / 2 });
  });
  figure.addEventListener("scroll", update);
  return { zoom, fit, map, update, pan: (x, y) => figure.scrollBy({ left: 80 * x, top: 80 * y }) };
}

/** Lights a node, its edges, and what the panel says of it; "" puts the light out. */
export function light(stage, id) {
  for (const lit of stage.querySelectorAll(".tg-near")) lit.classList.remove("tg-near");
  if (!id) return;
  const key = CSS.escape(id);
  const all = `[data-node="${key}"], [data-of="${key}"], [data-source="${key}"], [data-target="${key}"]`;
  for (const near of stage.querySelectorAll(all)) near.classList.add("tg-near");
}
