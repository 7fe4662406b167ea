/* Elements, and values as they are written: the part of the player that knows no graph. */

export const SVG = "http://www.w3.org/2000/svg";
export const MATHML = "http://www.w3.org/1998/Math/MathML";

export function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) node.setAttribute(name, value);
  node.append(...children.filter((child) => child != null));
  return node;
}
export const html = (tag, attributes, ...children) => build(document.createElement(tag), attributes, children);
export const svg = (tag, attributes, ...children) => build(document.createElementNS(SVG, tag), attributes, children);

/** A MathML tree made in Python, ["mrow", child, ...] with strings as leaves, as elements. */
export function mathNode(tree) {
  if (typeof tree === "string") return document.createTextNode(tree);
  const [tag, ...children] = tree;
  return build(document.createElementNS(MATHML, tag), null, children.map(mathNode));
}

/** Set text only when it changed: a step touches few of the many labels. */
export function setText(node, text) {
  if (node && node.textContent !== text) node.textContent = text;
}

/** A number's or array's text, with a real minus sign in front of what is negative. */
export const withMinus = (text) => text.replace(/(^|[^\w.])-(?=[\d.i])/g, "$1\u2212");
export const written = (value) => withMinus(value.text);

/** "+", "−", "±" (both occur), or "" (zero, empty, nan, or not numbers). */
export function signOf(value) {
  const numbers = value?.numbers ?? (value?.stats ? [value.stats.min, value.stats.max] : []);
  const some = (test) => numbers.some((x) => test(Number(String(x).replace("inf", "Infinity"))));
  const [plus, minus] = [some((x) => x > 0), some((x) => x < 0)];
  return plus && minus ? "\u00b1" : plus ? "+" : minus ? "\u2212" : "";
}

/** A number as JSON has it: "nan", "inf" and "-inf" are strings there. */
const real = (x) => Number(String(x).replace("inf", "Infinity"));

export function magnitude(value) {
  const norm = value?.numbers ? Math.hypot(...value.numbers.map(real)) : real(value?.stats?.norm);
  return Number.isFinite(norm) ? norm : 0;
}

/** "nan", "inf", "zero" or "": what a value is as a whole. */
export function oddity(value) {
  const numbers = (value?.numbers ?? Object.values(value?.stats ?? {})).map(real);
  if (numbers.some(Number.isNaN)) return "nan";
  if (numbers.some((x) => Math.abs(x) === Infinity)) return "inf";
  return numbers.length && numbers.every((x) => x === 0) ? "zero" : "";
}

/** A gradient with its sign always written: "+6." or "−12."; arrays keep the signs of their numbers. */
export const plus = (value) => (signOf(value) === "+" && value.shape.length === 0 ? "+" : "");
export const signed = (value) => plus(value) + written(value);
/** The same in the picture, where room was measured for an array as it stands. */
export const brief = (value) => (value.shape.length ? value.brief : plus(value) + withMinus(value.brief));

export const signClass = (value) => ({ "+": "tg-plus", "\u2212": "tg-minus" })[signOf(value)] ?? "";

/** How strong a cell is tinted, 0 to 8, next to the largest of its matrix. */
const tint = (x, largest) => (Number.isFinite(x) && largest ? Math.ceil((8 * Math.abs(x)) / largest) : 0);

/** A value for the panel: a small matrix is a heat map of its numbers, a large array a summary in pictures. */
export function valueNode(value, show = written, room = Infinity) {
  const node = html("span", { class: `tg-number ${signClass(value)}`, title: written(value) });
  const cells = withMinus(value.text).match(/[^\s,[\]()]+/g) ?? [];
  const width = value.shape[1];
  if (value.shape.length === 2 && cells.length === value.numbers?.length && width * (2 + Math.max(...cells.map((cell) => cell.length))) <= room) {
    const rows = Array.from({ length: value.shape[0] }, (_, row) =>
      ["mtr", ...cells.slice(row * width, (row + 1) * width).map((cell) => ["mtd", ["mn", cell]])]);
    const math = mathNode(["math", ["mtable", ...rows]]);
    const numbers = value.numbers.map(real);
    const largest = Math.max(...numbers.map(Math.abs).filter(Number.isFinite), 0);
    math.querySelectorAll("mtd").forEach((cell, i) => {
      cell.setAttribute("class", numbers[i] < 0 ? "tg-heat tg-below" : "tg-heat");
      cell.style.setProperty("--tg-tint", `${3 * tint(numbers[i], largest)}%`);
    });
    node.append(math);
  } else {
    node.textContent = show(value).length > room ? withMinus(brief(value)) : show(value);
  }
  return value.stats && room === Infinity ? html("span", { class: "tg-summary" }, node, ...pictures(value)) : node;
}

/** What sums up a large array: four numbers, how the elements are spread, and every k-th row and column. */
function pictures({ stats, sample }) {
  const facts = Object.entries(stats).map(([name, x]) =>
    html("span", null, `${name} `, html("b", null, withMinus(Number.isFinite(real(x)) ? String(Number(x.toPrecision(4))) : String(x)))));
  const list = html("span", { class: "tg-stats" }, ...facts);
  if (!sample) return [list];
  const { counts, rows } = sample;
  const most = Math.max(...counts, 1);
  const bars = counts.map((n, i) => svg("rect", { x: 6 * i, y: 40 - (38 * n) / most, width: 5, height: (38 * n) / most }));
  const spread = svg("svg", { class: "tg-histogram", viewBox: `0 0 ${6 * counts.length} 41`, role: "img",
    "aria-label": `Histogram from ${stats.min} to ${stats.max}: ${counts.join(", ")}` }, ...bars, svg("path", { d: `M0 40.5H${6 * counts.length}` }));
  // A letter is a cell: A to H above zero, a to h below, by size; "0" is zero, "!" is nan or infinite.
  const cells = rows.flatMap((row, y) => [...row].map((letter, x) => {
    const level = letter === "!" ? 8 : "0abcdefgh".indexOf(letter.toLowerCase());
    const below = letter >= "a" && letter <= "h";
    return svg("g", { class: letter === "!" ? "tg-bad" : below ? "tg-below" : "tg-above" },
      svg("rect", { x: 10 * x, y: 10 * y, width: 9, height: 9, "fill-opacity": (level / 8).toFixed(2) }),
      below || letter === "!" ? svg("path", { d: `M${10 * x + 2.5} ${10 * y + 4.5}h4${letter === "!" ? "m-2-3v6" : ""}` }) : null);
  }));
  const map = svg("svg", { class: "tg-thumbnail", viewBox: `0 0 ${10 * rows[0].length} ${10 * rows.length}`, role: "img",
    "aria-label": "Heat map of evenly spaced elements; a stroke marks those below zero" }, ...cells);
  return [list, html("span", { class: "tg-sample" }, map, spread)];
}

export const titleOf = (node) => node.name ?? node.title;
export const pending = (text) => html("span", { class: "tg-pending" }, text);
export const orNone = (value, room) => (value ? valueNode(value, written, room) : pending("None"));

/** The data of a cell or page: JSON, compressed, as base64. */
export async function unpack(text) {
  const bytes = new Blob([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))]);
  return new Response(bytes.stream().pipeThrough(new DecompressionStream("deflate"))).json();
}
