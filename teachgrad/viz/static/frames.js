/* What there is to show after so many events, folded afresh from the events each time. No page here. */

import { magnitude, oddity, titleOf } from "./values.js";

export const LEAF_KINDS = new Set(["leaf", "parameter"]);
const FAR = 1e6; // so much smaller than the largest gradient vanishes; so much larger than the first explodes

/** Each mark: what stands on the edge, and what it says in words. */
export const MARKS = {
  zero: ["\u2205", "zero: nothing flows on from here"],
  nan: ["!", "nan: not a number any more"],
  inf: ["!", "infinite"],
  vanishing: ["\u25bd", "vanishing: under a millionth of the largest gradient"],
  exploding: ["\u25b2", "exploding: over a million times what backward() started with"],
};

/** What is to be said of a gradient's size, next to the others of this replay: a key of MARKS, or "". */
export function markOf(value, index) {
  const odd = value ? oddity(value) : "";
  if (odd || !value) return odd;
  const size = magnitude(value);
  if (size > FAR * index.start) return "exploding";
  return size && size * FAR < index.largest ? "vanishing" : "";
}

/** A gradient's size on a logarithmic scale, 0 (a hundred-millionth of the largest, or less) to 1. */
export function strength(value, index) {
  const size = magnitude(value);
  return size ? Math.min(1, Math.max(0, 1 + Math.log10(size / index.largest) / 8)) : 0;
}

/** The nodes between `id` and the leaves, itself included: where its gradient goes. */
export function onward(id, index) {
  const found = new Set([id]);
  for (const at of found) {
    for (const edge of index.edges.values()) if (edge.source === at) found.add(edge.target);
  }
  return found;
}

/** The ids of the nodes that hold every word of `text` in their name, operation or line. */
export function search(text, index) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const holds = (node) => `${titleOf(node)} ${node.title} ${node.op} ${node.word} ${node.source?.text ?? ""}`.toLowerCase();
  return words.length ? [...index.nodes.values()].filter((n) => words.every((w) => holds(n).includes(w))).map((n) => n.id) : [];
}

/** What never changes during a replay: nodes and edges by id, and which leaf each accumulator fills. */
export function indexTrace(trace) {
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
  const sizes = events.map((e) => magnitude(e.out ?? e.delta ?? e.gradient)).filter((size) => size > 0);
  const start = magnitude(events.find((e) => e.kind === "seed")?.out) || 1;
  const usual = sizes.filter((size) => size <= FAR * start);
  const largest = Math.max(...(usual.length ? usual : sizes), 1e-30);
  const expected = new Map(); // "pass node" -> how many gradients that node waits for
  let pass = 0;
  for (const event of events) {
    if (startsAgain(trace, event)) pass += 1;
    const target = event.out ? edges.get(event.edge)?.target : null;
    if (target) expected.set(`${pass} ${target}`, (expected.get(`${pass} ${target}`) ?? 0) + 1);
  }
  return { nodes, edges, leafOf, leaves, largest, start, expected };
}

export const startsAgain = (trace, event) => event.index > 0 && trace.passes.includes(event.index);

/** Everything there is to show after the first `step` events. */
export function frameAt(trace, step, index) {
  const frame = { event: trace.events[step - 1] ?? null, grads: new Map(), flows: new Map(), rows: new Map(),
                  arrived: new Map(), freed: false, pass: 0, over: step === trace.events.length && !trace.waits };
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
export function startPass(frame) {
  frame.pass += 1;
  for (const map of [frame.grads, frame.flows, frame.arrived]) map.clear();
  for (const row of frame.rows.values()) Object.assign(row, { before: row.after ?? row.before, delta: null, after: null });
}
