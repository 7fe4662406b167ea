/* The replay of a training: the norm of every parameter's gradient, iteration by iteration, on the graph. */

import { makeCamera } from "./camera.js";
import { importPicture, toggle } from "./picture.js";
import { html, setText, svg, unpack } from "./values.js";

const SECONDS = 6; // from the first to the last iteration

/** `data`: names, norms (a row for each iteration), boxes (for each name the box that shows it, or null), graph and
 * plot as SVG, low and high of the scale as powers of ten, chart {left, width, top, height}. */
export function mountNorms(root, data) {
  const { names, norms, boxes, low, high, chart } = data;
  const last = norms.length - 1;
  let at = last;
  let timer = 0;

  const graph = data.graph ? importPicture(data.graph, data.prefix) : null;
  const plot = importPicture(data.plot, "");
  const cursor = svg("rect", { class: "tg-cursor", width: 2, y: chart.top, height: chart.height });
  plot.append(cursor);
  const caption = plot.querySelector(".tg-caption");
  setText(caption, caption.textContent.replace("the last norm is beside it", "the norm is beside it"));
  const strips = [...plot.querySelectorAll(".tg-strip")];
  const inBox = new Map(); // box -> the places of its names
  boxes.forEach((box, i) => box && inBox.set(box, [...(inBox.get(box) ?? []), i]));

  const written = (norm) => (norm === null ? "none" : typeof norm === "number" ? String(Number(norm.toPrecision(3))) : norm);
  const finite = (norm) => (typeof norm === "number" ? norm : NaN);
  const share = (norm) => (norm > 0 ? Math.min(1, Math.max(0, (Math.log10(norm) - low) / (high - low))) : 0);
  function wordOf(norm) {
    if (norm === null) return "no gradient";
    if (typeof norm !== "number") return norm === "nan" ? "nan" : "exploding";
    return norm === 0 ? "zero" : norm > data.large ? "exploding" : norm < data.small ? "vanishing" : "";
  }

  const says = html("p", { class: "tg-sentence", "aria-live": "polite", "aria-atomic": "true" });
  const count = html("p", { class: "tg-kind" });
  const slider = html("input", { type: "range", class: "tg-scrubber", min: 0, max: Math.max(last, 0), step: 1, "aria-label": "Iteration" });
  const play = html("button", { type: "button", class: "tg-button tg-play" }, "Play");
  slider.addEventListener("input", () => show(Number(slider.value)));
  play.addEventListener("click", () => (timer ? stop() : start()));

  function drawBox(box, places, row) {
    const g = graph.querySelector(`[data-node="${CSS.escape(box)}"]`);
    const known = places.map((i) => row[i]).filter((norm) => norm !== null);
    const sizes = known.map(finite).filter((norm) => !Number.isNaN(norm));
    const words = [...new Set(places.map((i) => wordOf(row[i])).filter(Boolean))];
    const size = Math.max(0, ...sizes);
    const spread = places.length > 1 && sizes.length > 1 ? `${written(Math.min(...sizes))} to ${written(size)}` : written(known[0] ?? null);
    setText(g.querySelector(".tg-grad"), `norm ${spread}`);
    toggle(g, { "tg-reached": known.length, "tg-odd": words.length });
    g.style.setProperty("--tg-share", share(size).toFixed(3));
    g.setAttribute("aria-label", `${places.map((i) => names[i]).join(", ")}: gradient norm ${spread}${words.length ? `, ${words.join(", ")}` : ""}`);
    for (const edge of graph.querySelectorAll(`[data-source="${CSS.escape(box)}"], [data-target="${CSS.escape(box)}"]`)) {
      edge.classList.toggle("tg-flowed", known.length > 0);
      edge.style.setProperty("--tg-flow", `${(1.2 + 5 * share(size)).toFixed(2)}px`);
    }
  }
  function show(to) {
    at = Math.min(Math.max(to, 0), Math.max(last, 0));
    const row = norms[at] ?? names.map(() => null);
    if (graph) for (const [box, places] of inBox) drawBox(box, places, row);
    cursor.setAttribute("x", chart.left + (last ? (at * chart.width) / last : 0) - 1);
    strips.forEach((strip, i) => {
      const [, norm, word] = strip.querySelectorAll(".tg-entry");
      setText(norm, written(row[i]));
      setText(word, wordOf(row[i]) === written(row[i]) ? "" : wordOf(row[i]));
    });
    slider.value = at;
    setText(count, `Iteration ${norms.length ? at + 1 : 0} of ${norms.length}`);
    const known = row.map((norm, i) => [finite(norm), names[i]]).filter(([norm]) => !Number.isNaN(norm)).sort(([a], [b]) => a - b);
    const odd = names.map((name, i) => [name, wordOf(row[i])]).filter(([, word]) => word);
    const sentence = [
      known.length ? `Largest norm ${written(known.at(-1)[0])} at ${known.at(-1)[1]}, smallest ${written(known[0][0])} at ${known[0][1]}.` : "No gradient came.",
      ...odd.slice(0, 3).map(([name, word]) => `${name}: ${word}.`), odd.length > 3 ? `And ${odd.length - 3} more.` : "",
    ].filter(Boolean).join(" ");
    setText(says, sentence);
    slider.setAttribute("aria-valuetext", `iteration ${at + 1} of ${norms.length}: ${sentence}`);
  }
  function start() {
    if (at === last) show(0);
    play.textContent = "Pause";
    timer = setInterval(() => (at < last ? show(at + 1) : stop()), Math.max(30, (1000 * SECONDS) / Math.max(norms.length, 1)));
  }
  function stop() {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  }

  const keys = { ArrowLeft: () => show(at - 1), ArrowRight: () => show(at + 1), Home: () => show(0), End: () => show(last), " ": () => (timer ? stop() : start()) };
  const figure = html("div", { class: "tg-figure" });
  const camera = graph ? makeCamera(figure, false) : null;
  const tools = camera ? html("div", { class: "tg-top" }, html("div", { class: "tg-tools" },
    ...[["\u2212", "Zoom out", () => camera.zoom(0.8)], ["+", "Zoom in", () => camera.zoom(1.25)], ["Fit", "Fit the whole picture (f)", camera.fit]].map(([text, label, act]) => {
      const button = html("button", { type: "button", class: "tg-button", "aria-label": label, title: label }, text);
      button.addEventListener("click", act);
      return button;
    }))) : "";
  if (camera) keys.f = camera.fit;
  const stage = html("div", { class: "tg-stage tg-training", tabindex: "0", role: "group", "data-lm-suppress-shortcuts": "true",
                              "aria-label": "Gradient norms over a training. Arrow keys change the iteration, Space plays." },
    graph ? html("div", { class: "tg-sight" }, tools, figure) : "",
    html("div", { class: "tg-foot" }, html("div", { class: "tg-controls" }, play, slider)),
    html("div", { class: "tg-panel" }, count, says, html("div", { class: "tg-strips", role: "group", tabindex: "0", "aria-label": "Curves" }, plot)));
  stage.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    event.stopPropagation();
    if ((event.key === " " && event.target.closest("button")) || !Object.hasOwn(keys, event.key)) return;
    keys[event.key]();
    event.preventDefault();
  });
  const still = [...root.querySelectorAll(".tg-still")];
  root.prepend(stage);
  for (const element of still) element.hidden = true;
  plot.setAttribute("aria-hidden", "true"); // the slider and the sentence say it
  if (camera) {
    camera.show(graph);
    camera.update();
    if (graph.getBoundingClientRect().height > figure.clientHeight) camera.fit(); // all parameters at a glance
  }
  show(last);
}

/** Mount every copy of one output that is not mounted yet. */
export async function mountAllNorms(uid) {
  for (const root of document.querySelectorAll(`.tg-player[data-uid="${uid}"]`)) {
    if (root.dataset.mounted) continue;
    root.dataset.mounted = "true";
    const { css, ...data } = await unpack(root.querySelector(".tg-data").textContent);
    root.append(html("style", null, css));
    mountNorms(root, data);
  }
}
