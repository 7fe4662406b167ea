/* Moving about in the picture: zoom, pan, the map, and the light that links picture and panel. */

import { build, svg } from "./values.js";

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
  const [top, left] = [offset("top", "bottom"), offset("left", "right")];
  if (top || left) frame.scrollBy({ top, left, behavior });
}

/** Zoom and pan inside the frame. A plain wheel is left to the page; the frame moves by dragging, keys and map. Large
 * graphs have a map while their picture is larger than its frame. */
export function makeCamera(figure, hasMap) {
  let root = null;
  const map = svg("svg", { class: "tg-map", "aria-hidden": "true" });
  const view = svg("rect", { class: "tg-view" });
  const zoom = (factor, x = figure.clientWidth / 2, y = figure.clientHeight / 2) => {
    const natural = root.viewBox.baseVal;
    const old = root.getBoundingClientRect().width;
    const width = Math.min(Math.max(old * factor, natural.width / 12), natural.width * 4);
    const [left, top] = [(figure.scrollLeft + x) * (width / old) - x, (figure.scrollTop + y) * (width / old) - y];
    Object.assign(root.style, { width: `${width}px`, minWidth: "0" });
    figure.scrollTo({ left, top, behavior: "instant" });
    update();
  };
  const fit = () => {
    const natural = root.viewBox.baseVal;
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
    if (event.button || event.pointerType === "touch" || event.target.closest("[data-node], [data-lid], .tg-frame-title, .tg-map")) return;
    const move = ({ movementX, movementY }) => figure.scrollBy({ left: -movementX, top: -movementY, behavior: "instant" });
    figure.setPointerCapture(event.pointerId);
    figure.addEventListener("pointermove", move);
    figure.addEventListener("lostpointercapture", () => figure.removeEventListener("pointermove", move), { once: true });
  });

  let drawn = null; // the picture that the map shows
  function update() {
    const [frame, place] = [figure.getBoundingClientRect(), root.getBoundingClientRect()];
    map.style.display = hasMap && (place.height > frame.height + 1 || place.width > frame.width + 1) ? "" : "none";
    if (map.style.display) return;
    const scale = root.viewBox.baseVal.width / place.width;
    if (drawn !== root) {
      drawn = root;
      map.setAttribute("viewBox", root.getAttribute("viewBox"));
      map.replaceChildren(...[...root.querySelectorAll("[data-node] .tg-shape")].map((box) => {
        const { left, top, width, height } = box.getBoundingClientRect();
        return svg("rect", { x: (left - place.left) * scale, y: (top - place.top) * scale, width: width * scale, height: height * scale });
      }), view);
    }
    build(view, { x: (frame.left - place.left) * scale, y: (frame.top - place.top) * scale,
                  width: frame.width * scale, height: frame.height * scale }, []);
  }
  map.addEventListener("click", (event) => {
    const [box, place] = [map.getBoundingClientRect(), root.getBoundingClientRect()];
    figure.scrollTo({ left: ((event.clientX - box.left) / box.width) * place.width - figure.clientWidth / 2,
                      top: ((event.clientY - box.top) / box.height) * place.height - figure.clientHeight / 2 });
  });
  let asked = 0;
  figure.addEventListener("scroll", () => {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      update();
    });
  });
  /** Put another picture into the frame, at the scale of the last one. */
  const show = (picture) => {
    const scale = root ? root.getBoundingClientRect().width / root.viewBox.baseVal.width : 0;
    root = picture;
    figure.replaceChildren(root);
    if (scale) Object.assign(root.style, { width: `${scale * root.viewBox.baseVal.width}px`, minWidth: "0" });
  };
  return { zoom, fit, map, update, show, pan: (x, y) => figure.scrollBy({ left: 80 * x, top: 80 * y }) };
}

/** Lights what the pointer or the focus is on, everywhere it is shown: box, edges, numbers, formula, step, line of the
 * lesson. `ids` are nodes, `lines` lines of the lesson, `edge` is the one edge that is meant; nothing puts the light out. */
export function light(stage, picture, ids, lines, edge) {
  for (const lit of stage.querySelectorAll(".tg-near")) lit.classList.remove("tg-near");
  const keys = [...ids, ...ids.map(picture.boxOf)].filter(Boolean).map((id) => CSS.escape(id));
  const all = [...keys.map((key) => `[data-node="${key}"], [data-of="${key}"]`), ...lines.map((line) => `[data-line="${CSS.escape(line)}"]`)];
  if (edge) all.push(`[data-edge="${CSS.escape(picture.lineOf(edge))}"]`, `[data-on="${CSS.escape(edge)}"]`);
  else if (ids.length === 1) all.push(...keys.map((key) => `[data-source="${key}"], [data-target="${key}"]`));
  if (all.length) for (const near of stage.querySelectorAll(all.join(", "))) near.classList.add("tg-near");
}
