/* Opening groups in their place: the picture makes room, and every line finds its boxes again.
 *
 * Each group that can be opened has a picture of its inside, where what lies around it is a dot at the rim. Opening
 * stretches the outer picture where the closed box stood, so that nothing overlaps and nothing changes its side, puts the
 * inside there, and joins each outer line to the inner one that goes on from its dot. */

import { importPicture } from "./picture.js";
import { build, setText, svg, titleOf } from "./values.js";

const [HEAD, FOOT] = [30, 22]; // above and below what is in an opened group: its title, and room for lines to meet theirs

/** A map of one axis on which each [from, to, size] becomes `size` long at least, and nothing becomes shorter. */
function stretch(spans) {
  const cuts = [...new Set(spans.flatMap(([from, to]) => [from, to]))].sort((a, b) => a - b);
  const grown = cuts.slice(1).map((to, i) => {
    const factors = spans.filter((span) => span[0] <= cuts[i] && span[1] >= to).map(([a, b, size]) => size / (b - a) - 1);
    return (to - cuts[i]) * Math.max(0, ...factors);
  });
  return (x) => grown.reduce((sum, more, i) => sum + more * Math.min(1, Math.max(0, (x - cuts[i]) / (cuts[i + 1] - cuts[i]))), x);
}

/** What a picture of our own writer consists of: its boxes, lines and frames, and where they are. */
function piecesOf(root) {
  const pairs = (path) => (path.getAttribute("d").match(/-?[\d.]+,-?[\d.]+/g) ?? []).map((pair) => pair.split(",").map(Number));
  const rect = (element) => ["x", "y", "width", "height"].map((name) => Number(element.getAttribute(name)));
  const corners = (element) => {
    if (element.localName !== "rect") return pairs(element);
    const [x, y, w, h] = rect(element);
    return [[x, y], [x + w, y + h]];
  };
  const boxes = new Map([...root.querySelectorAll("[data-node]")].map((g) => {
    const all = [...g.querySelectorAll(".tg-shape, .tg-inner")].flatMap(corners);
    const [low, high] = [Math.min, Math.max].map((most) => [0, 1].map((axis) => most(...all.map((point) => point[axis]))));
    return [g.dataset.node, { g, at: low, size: [high[0] - low[0], high[1] - low[1]] }];
  }));
  const lines = new Map([...root.querySelectorAll("[data-edge]")].map((g) => {
    const label = g.querySelector(".tg-edge-label");
    return [g.dataset.edge, { g, ...g.dataset, points: pairs(g.querySelector(".tg-line")), tip: pairs(g.querySelector(".tg-head"))[0],
                              label: [Number(label.getAttribute("x")), Number(label.getAttribute("y"))] }];
  }));
  const byEnds = new Map([...lines.values()].reverse().map((line) => [`${line.source} ${line.target}`, line]));
  const names = new Set([...boxes.keys(), ...[...lines.values()].flatMap(({ source, target }) => [source, target])]);
  const frames = [...root.querySelectorAll(".tg-frame")].map((g) => ({ g, at: rect(g.querySelector("rect")) }));
  const { width, height } = root.viewBox.baseVal;
  return { root, boxes, lines, byEnds, names, frames, size: [width, height] };
}

/** `makeComposer(...)(open)` is the whole picture as an element, with the groups in the set `open` open in their places. */
export function makeComposer(index, views, prefix) {
  const read = new Map();
  const pieces = (name) => read.get(name) ?? read.set(name, piecesOf(importPicture(views[name], prefix))).get(name);
  const nameOf = (id) => (index.groups.has(id) ? index.groups.get(id).title : titleOf(index.nodes.get(id)));

  /** One picture with what is open in it: the places of its boxes, still counted from its own corner. */
  function sceneOf(name, open, outer) {
    const scene = { name, ...pieces(name), inner: new Map(), chain: [...(outer?.chain ?? [])] };
    scene.chain.push(scene);
    for (const id of scene.boxes.keys()) if (open.has(id)) scene.inner.set(id, sceneOf(id, open, scene));
    const room = (id) => {
      const [{ size }, inside] = [scene.boxes.get(id), scene.inner.get(id)];
      return inside ? [Math.max(size[0], inside.size[0], 7 * nameOf(id).length + 24), inside.size[1] + HEAD + FOOT] : size;
    };
    scene.axes = [0, 1].map((axis) => stretch([...scene.inner.keys()].map((id) => {
      const { at, size } = scene.boxes.get(id);
      return [at[axis], at[axis] + size[axis], room(id)[axis]];
    })));
    scene.size = scene.size.map((end, axis) => scene.axes[axis](end));
    scene.places = new Map([...scene.boxes].map(([id, { at, size }]) => {
      const middle = [0, 1].map((axis) => (scene.axes[axis](at[axis]) + scene.axes[axis](at[axis] + size[axis])) / 2);
      return [id, { at: middle.map((x, axis) => x - room(id)[axis] / 2), size: room(id) }];
    }));
    return scene;
  }

  /** Where a point of a line is now; close to one of its boxes it stays with that box. */
  function moved(scene, [x, y], end) {
    const [place, box] = [scene.places.get(end), scene.boxes.get(end)];
    let to = [scene.axes[0](x), scene.axes[1](y)];
    if (place && scene.inner.has(end)) {
      const isBelow = y > box.at[1] + box.size[1] / 2;
      to = [place.at[0] + ((x - box.at[0]) * place.size[0]) / box.size[0],
            y - box.at[1] + place.at[1] + (isBelow ? place.size[1] - box.size[1] : 0)];
    } else if (place) to = [x - box.at[0] + place.at[0], y - box.at[1] + place.at[1]];
    return [to[0] + scene.corner[0], to[1] + scene.corner[1]];
  }
  const route = (scene, { points, source, target }) =>
    points.map((point, i) => moved(scene, point, i < 2 ? target : i >= points.length - 2 ? source : null));

  /** A line from box to box, along the lines of each picture that it passes through, in the direction of the data. */
  function lineFor(edge, [source, target], scenes) {
    const [above, below] = [scenes.get(target).chain, scenes.get(source).chain];
    const split = above.findLastIndex((scene, i) => scene === below[i]);
    const way = [...above.slice(split + 1).reverse(), above[split], ...below.slice(split + 1)].map((scene) => {
      const inIt = (id) => [id, ...index.around(id)].find((name) => scene.names.has(name));
      const [own, ends] = [scene.lines.get(edge.id), [inIt(edge.source), inIt(edge.target)]];
      return [scene, own?.source === ends[0] && own.target === ends[1] ? own : scene.byEnds.get(ends.join(" "))];
    }).filter(([, line]) => line);
    if (!way.length) return null;
    const points = [];
    for (const [scene, line] of way) {
      const next = route(scene, line);
      if (points.length) { // from the rim of one picture to the dot in the other
        const [[x, y], [u, v]] = [points.at(-1), next[0]];
        points.push([x, (y + v) / 2], [u, (y + v) / 2]);
      }
      points.push(...next);
    }
    const [scene, last] = way.at(-1);
    const [labelled, labels] = way.reduce((deep, each) => (each[0].chain.length > deep[0].chain.length ? each : deep));
    const g = labels.g.cloneNode(true);
    const [[bx, by], [tx, ty]] = [points.at(-1), moved(scene, last.tip, last.source)];
    const long = Math.hypot(tx - bx, ty - by) || 1;
    const [sx, sy] = [(-3.4 * (ty - by)) / long, (3.4 * (tx - bx)) / long];
    const [start, ...rest] = points.map(comma);
    build(g.querySelector(".tg-line"), { d: `M${start} C${rest.join(" ")}` }, []);
    build(g.querySelector(".tg-head"), { d: `M${tx},${ty} L${bx + sx},${by + sy} L${bx - sx},${by - sy} Z` }, []);
    const [x, y] = moved(labelled, labels.label, null);
    build(g.querySelector(".tg-edge-label"), { x, y }, []);
    const isOne = !index.groups.has(source);
    g.classList.toggle("tg-constant", isOne && Boolean(edge.constant));
    setText(g.querySelector("title"), `${nameOf(target)} to ${nameOf(source)}${isOne && edge.input_name ? `, as ${edge.input_name}` : ""}`);
    Object.assign(g.dataset, { edge: edge.id, source, target });
    return g;
  }
  const comma = ([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`;

  function frame(g, [x, y, width, height]) {
    build(g.querySelector("rect"), { x, y, width, height }, []);
    build(g.querySelector("text"), { x: x + 9, y: y + 17 }, []);
    return g;
  }
  const newFrame = (id) => svg("g", { class: "tg-frame tg-opened", "data-group": id }, svg("title", null, nameOf(id)),
    svg("rect", { class: "tg-border", rx: 7 }), svg("text", { class: "tg-frame-title" }, `\u25be ${nameOf(id)}`));

  return (open) => {
    if (!open.size) return importPicture(views[""], prefix);
    const [frames, boxes, scenes] = [[], [], new Map()];
    const todo = (scene, left, top) => {
      scene.corner = [left, top];
      for (const { g, at: [x, y, w, h] } of scene.frames) {
        const [[l, t], [r, b]] = [moved(scene, [x, y]), moved(scene, [x + w, y + h])];
        frames.push(frame(g.cloneNode(true), [l, t, r - l, b - t]));
      }
      for (const [id, { at: [x, y], size: [w, h] }] of scene.places) {
        const inside = scene.inner.get(id);
        if (inside) {
          frames.push(frame(newFrame(id), [left + x, top + y, w, h]));
          todo(inside, left + x + (w - inside.size[0]) / 2, top + y + HEAD);
          continue;
        }
        const { g, at } = scene.boxes.get(id);
        boxes.push(build(g.cloneNode(true), { transform: `translate(${comma([left + x - at[0], top + y - at[1]])})` }, []));
        scenes.set(id, scene);
      }
    };
    const whole = sceneOf("", open);
    todo(whole, 0, 0);
    const lines = new Map();
    for (const edge of index.edges.values()) {
      const ends = [edge.source, edge.target].map((id) => [id, ...index.around(id)].find((name) => scenes.has(name)));
      const key = index.groups.has(ends[0]) ? ends.join(" ") : edge.id;
      if (ends[0] !== ends[1] && !lines.has(key)) lines.set(key, lineFor(edge, ends, scenes));
    }
    const [width, height] = whole.size;
    const root = build(whole.root.cloneNode(false), { width, height, viewBox: `0 0 ${width} ${height}` },
      [...whole.root.querySelectorAll(":scope > .tg-paper, :scope > .tg-heading")].map((each) => each.cloneNode(true)));
    build(root.querySelector(".tg-paper"), { width, height }, []);
    root.append(...frames, ...[...lines.values()].filter(Boolean), ...boxes);
    return root;
  };
}
