/* What there is to show after so many events: the fold of those events, and nothing else. No page here. */

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

/** The nodes between `id` and the leaves, itself included: where its gradient goes. Of a group, of all its nodes. */
export const onward = (id, index) => reach(id, index, "out", "target");
const back = (id, index) => reach(id, index, "into", "source");

function reach(id, index, edges, end) {
  const found = new Set(index.members.get(id) ?? [id]);
  for (const at of found) for (const edge of index[edges].get(at) ?? []) found.add(edge[end]);
  return found;
}

/** The nodes on the ways between two of them, whichever is nearer the output; empty when there is no way. */
export function between(one, other, index) {
  const ways = (from, to) => onward(from, index).intersection?.(back(to, index)) ?? new Set([...onward(from, index)].filter((id) => back(to, index).has(id)));
  const found = ways(one, other);
  return found.size ? found : ways(other, one);
}

/** The ids of the nodes that hold every word of `text` in their name, operation or line. */
export function search(text, index) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const holds = (node) => `${titleOf(node)} ${node.title} ${node.op} ${node.word} ${node.source?.text ?? ""}`.toLowerCase();
  return words.length ? [...index.nodes.values()].filter((n) => words.every((w) => holds(n).includes(w))).map((n) => n.id) : [];
}

const add = (map, key, item) => (map.get(key) ?? map.set(key, []).get(key)).push(item);
const count = (map, key) => map.set(key, (map.get(key) ?? 0) + 1);

/** What never changes during a replay: nodes, edges and groups by id, and which leaf each accumulator fills. */
export function indexTrace(trace) {
  const { graph, events } = trace;
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  const edges = new Map(graph.edges.map((edge) => [edge.id, edge]));
  const groups = new Map((graph.groups ?? []).map((group) => [group.id, group]));
  const leafOf = new Map(graph.nodes.map((node) => [node.id, node.id]));
  const [out, into, members, total, lines] = [new Map(), new Map(), new Map(), new Map(), new Map()];
  const around = (id) => { // the groups around a node, the smallest first
    const chain = [];
    for (let at = nodes.get(id)?.group ?? groups.get(id)?.parent; at; at = groups.get(at).parent) chain.push(at);
    return chain;
  };
  for (const edge of graph.edges) {
    add(out, edge.source, edge);
    add(into, edge.target, edge);
    if (nodes.get(edge.source)?.kind === "accumulate" && LEAF_KINDS.has(nodes.get(edge.target)?.kind)) leafOf.set(edge.source, edge.target);
  }
  for (const node of graph.nodes) {
    for (const group of around(node.id)) add(members, group, node.id);
    if (node.source) add(lines, lineOf(node), node.id);
  }
  for (const event of events) for (const group of around(event.node)) count(total, group);
  const filled = new Set(events.filter((e) => e.kind === "accumulate").map((e) => leafOf.get(e.node)));
  const leaves = graph.nodes.filter((node) => LEAF_KINDS.has(node.kind) || filled.has(node.id));
  const sizes = events.map((e) => magnitude(e.out ?? e.delta ?? e.gradient)).filter((size) => size > 0);
  const start = magnitude(events.find((e) => e.kind === "seed")?.out) || 1;
  const usual = sizes.filter((size) => size <= FAR * start);
  const largest = (usual.length ? usual : sizes).reduce((a, b) => Math.max(a, b), 1e-30);
  const expected = new Map(); // "pass node" -> how many gradients that node waits for
  const passes = new Set(trace.passes.filter((first) => first > 0));
  let pass = 0;
  for (const event of events) {
    if (passes.has(event.index)) pass += 1;
    const target = event.out ? edges.get(event.edge)?.target : null;
    if (target) count(expected, `${pass} ${target}`);
  }
  return { nodes, edges, groups, leafOf, leaves, largest, start, expected, passes, out, into, members, total, lines, around };
}

/** The line of the lesson that made a node, as a key. */
export const lineOf = ({ source }) => `${source.file}:${source.line}`;

/** `makeFold(...)(step)` is everything there is to show after the first `step` events. Steps in a row are cheap:
 * the fold goes on from where it stands, and back from one of its own earlier moments. */
export function makeFold(trace, index) {
  const fresh = () => ({ step: 0, event: null, pass: 0, freed: false, grads: new Map(), flows: new Map(), arrived: new Map(), inside: new Map(),
                         rows: new Map(index.leaves.map((leaf) => [leaf.id, { leaf, before: leaf.grad, delta: null, after: null }])) });
  const copy = (frame) => Object.fromEntries(Object.entries(frame).map(([name, part]) => [name, part instanceof Map ? new Map(part) : part]));
  const every = Math.max(32, Math.ceil(trace.events.length / 24));
  const kept = [fresh()];
  let frame = copy(kept[0]);
  return (step) => {
    if (step < frame.step) frame = copy(kept[Math.min(Math.floor(step / every), kept.length - 1)]);
    while (frame.step < step) {
      follow(frame, trace.events[frame.step], index);
      frame.step += 1;
      if (frame.step === kept.length * every) kept.push(copy(frame));
    }
    frame.event = trace.events[step - 1] ?? null;
    frame.over = step === trace.events.length && !trace.waits;
    return frame;
  };
}

function follow(frame, event, index) {
  if (index.passes.has(event.index)) startPass(frame);
  for (const group of index.around(event.node)) count(frame.inside, group);
  if (event.kind === "call") frame.grads.set(event.node, event.gradient);
  else if (event.kind === "seed") frame.grads.set(event.node, event.out);
  else if (event.kind === "free") frame.freed = true;
  else if (event.kind === "reset") { // someone else than backward has changed a .grad
    frame.grads.delete(event.node);
    frame.rows.set(event.node, { ...frame.rows.get(event.node), before: event.after, delta: null, after: null });
  }
  else if (event.kind === "accumulate") {
    const leaf = index.leafOf.get(event.node);
    frame.grads.set(event.node, event.delta).set(leaf, event.after);
    frame.flows.set(event.edge, event.delta);
    frame.rows.set(leaf, { ...frame.rows.get(leaf), before: event.before, delta: event.delta, after: event.after });
  }
  if (event.out && event.edge) {
    frame.flows.set(event.edge, event.out);
    count(frame.arrived, index.edges.get(event.edge)?.target);
  }
}

/** A second backward() forgets the gradients in flight; only .grad on the leaves stays. */
function startPass(frame) {
  frame.pass += 1;
  for (const map of [frame.grads, frame.flows, frame.arrived]) map.clear();
  for (const [id, row] of frame.rows) frame.rows.set(id, { ...row, before: row.after ?? row.before, delta: null, after: null });
}

/** The nodes and edges that differ between two moments; null: perhaps all of them. */
export function changed(trace, from, to, index) {
  const [low, high] = [Math.min(from, to), Math.max(from, to)];
  if (high - low > 40) return null;
  const found = new Set();
  for (const event of trace.events.slice(Math.max(low - 1, 0), high)) { // with the one that was active before
    if ((index.passes.has(event.index) && event.index >= low) || event.kind === "free") return null;
    for (const id of [event.node, index.leafOf.get(event.node), event.edge, index.edges.get(event.edge)?.target]) found.add(id);
  }
  return high === trace.events.length ? null : found;
}
