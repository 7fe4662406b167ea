/* Under and over the picture: the buttons, the timeline, the way into groups and back. */

import { markOf, strength } from "./frames.js";
import { build, html, setText, svg } from "./values.js";

const SPEEDS = [0.5, 1, 2, 4];
const BARS = 600; // more steps than that share a bar

const ICONS = {
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

  const disable = (node, is) => node.getAttribute("aria-disabled") !== String(is) && node.setAttribute("aria-disabled", String(is));
  function update({ step, playing, speed: current, sentence, end }) {
    const steps = trace.events.length;
    if (Number(scrubber.max) !== steps) scrubber.max = steps;
    scrubber.value = step;
    scrubber.setAttribute("aria-valuetext", `step ${step} of ${steps}: ${sentence}`);
    // aria-disabled, not disabled: a disabled button would drop the keyboard focus at the end.
    for (const node of [first, back]) disable(node, step === 0);
    for (const node of [next, last]) disable(node, step === end);
    const word = playing ? "Pause" : "Play";
    if (play.getAttribute("aria-label") !== word) {
      build(play, { "aria-label": word, title: `${word} (Space)` }, []);
      play.querySelector("path").setAttribute("d", playing ? ICONS.pause : ICONS.play);
      setText(play.querySelector("span"), word);
    }
    if (Number(speed.value) === current) return;
    const choices = [...new Set([...SPEEDS, current])].sort((a, b) => a - b);
    if (speed.options.length !== choices.length) {
      speed.replaceChildren(...choices.map((x) => html("option", { value: x }, `${x}\u00d7`)));
    }
    speed.value = String(current);
  }
  return { root, update };
}

// ---- The timeline -------------------------------------------------------------------------------

/** One bar per step, high by the size of its gradient: outlined where a node runs, footed where .grad grows. Very
 * many steps share bars, each of which shows its largest and its oddest. */
export function makeTimeline(trace, index, scrub) {
  const bars = svg("g", {});
  const here = svg("rect", { class: "tg-here", y: 0, height: 40 });
  const root = svg("svg", { class: "tg-timeline", preserveAspectRatio: "none", "aria-hidden": "true" }, bars, here);
  const share = () => Math.max(1, Math.ceil(trace.events.length / BARS));
  const stepAt = (event) => {
    const box = root.getBoundingClientRect();
    return Math.ceil(((event.clientX - box.left) / box.width) * Math.max(trace.events.length, 1));
  };
  root.addEventListener("click", (event) => scrub(stepAt(event)));
  let drawn = -1;
  function bar(events, i, wide) {
    const looked = events.map((event) => {
      const value = event.out ?? event.delta ?? event.gradient;
      const mark = markOf(value, index);
      return { event, mark, height: value && mark !== "nan" && mark !== "inf" ? 5 + 31 * strength(value, index) : 40 };
    });
    const { event, mark, height } = looked.reduce((best, each) => (each.mark && !best.mark) || each.height > best.height ? each : best);
    const isEnd = events.some((each) => each.kind === "accumulate");
    return svg("g", { class: `tg-bar tg-bar-${event.kind}`, "data-mark": mark, [event.edge ? "data-on" : "data-of"]: event.edge ?? event.node },
      svg("rect", { x: i + 0.15 * wide, y: 40 - height, width: 0.7 * wide, height }), isEnd ? svg("rect", { class: "tg-base", x: i, y: 37, width: wide, height: 3 }) : null);
  }
  function draw(known) {
    drawn = known;
    root.setAttribute("viewBox", `0 0 ${Math.max(trace.events.length, 1)} 40`);
    const wide = share();
    const all = [];
    for (let i = 0; i < known; i += wide) all.push(bar(trace.events.slice(i, Math.min(i + wide, known)), i, wide));
    bars.replaceChildren(...all);
  }
  function update(step, known) {
    if (known !== drawn) draw(known);
    build(here, { x: Math.max(step - 1, 0), width: step ? share() : 0 }, []);
  }
  return { root, update, redraw: () => { drawn = -1; } };
}

// ---- Finding, zooming, opening ------------------------------------------------------------------------

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

/** The groups that were opened, to close them again, and the closed one that the step is in. */
export function makeCrumbs(toggle) {
  const way = html("span", { class: "tg-way" });
  const hint = html("button", { type: "button", class: "tg-button tg-hint" });
  hint.addEventListener("click", () => toggle(hint.dataset.to));
  const root = html("nav", { class: "tg-crumbs", "aria-label": "Opened groups" }, way, hint);
  /** `opened`: [[group, title], ...] in the order of opening; `here`: [group, title] or null. */
  function update(opened, here) {
    root.hidden = !opened.length && !here;
    const said = JSON.stringify(opened);
    if (way.dataset.said !== said) {
      way.dataset.said = said;
      way.replaceChildren(...opened.map(([group, title]) => {
        const close = html("button", { type: "button", class: "tg-button", "aria-label": `Close ${title}`, title: "Close (Backspace closes the last one)" },
          html("bdi", null, title), html("span", { "aria-hidden": "true" }, " \u00d7"));
        close.addEventListener("click", () => toggle(group));
        return close;
      }));
    }
    hint.hidden = !here;
    hint.dataset.to = here?.[0] ?? "";
    setText(hint, here ? `Open ${here[1]}, where this step is` : "");
  }
  return { root, update };
}
