/* Predict, then reveal: the question before a step, and, on a page without Python, its judge. */

import { html, mathNode, setText, withMinus } from "./values.js";

/** The question before the next step. Python judges; `answer(text)` takes the answer there, null reveals. */
export function makeQuiz(answer, math) {
  const question = html("label", { for: "" });
  const rule = html("span", { class: "tg-formula" });
  const input = html("input", { type: "text", class: "tg-answer", autocomplete: "off", spellcheck: "false" });
  const send = html("button", { type: "submit", class: "tg-button tg-send" }, "Answer");
  const reveal = html("button", { type: "button", class: "tg-button tg-reveal" }, "Show me");
  const form = html("form", { class: "tg-question" }, question, rule, html("span", { class: "tg-row" }, input, send, reveal));
  const feedback = html("p", { class: "tg-feedback", role: "status", dir: "auto" });
  const score = html("p", { class: "tg-score" });
  const root = html("section", { class: "tg-quiz", "aria-label": "Predict the next step" }, feedback, form, score);
  input.id = `tg-answer-${Math.random().toString(36).slice(2)}`;
  question.htmlFor = input.id;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (input.value.trim()) answer(input.value);
  });
  reveal.addEventListener("click", () => answer(null));

  function update({ question: asked, feedback: said, score: counted }, isHere) {
    form.hidden = !asked?.text || !isHere;
    if (question.textContent !== asked?.text) input.value = "";
    setText(question, withMinus(asked?.text ?? ""));
    rule.replaceChildren(asked?.rule ? (math?.[asked.rule] ? mathNode(["math", math[asked.rule]]) : asked.rule) : "");
    setText(feedback, said?.text ? `${{ true: "\u2713", false: "\u2717" }[said.right] ?? ""} ${withMinus(said.text)}` : "");
    feedback.dataset.right = said?.right ?? "";
    setText(score, counted?.asked ? `${counted.right} of ${counted.asked} right` : "");
  }
  return { root, update, focus: () => input.focus({ preventScroll: true }) };
}

// ---- The judge of a page that stands alone; teachgrad/viz/predict.py judges the same way ------------------

const CLOSE = 1e-3;

/** Asks `questions` (as predict.py writes them) about `trace`: what is known, and how an answer changes that. */
export function practice(trace, questions) {
  let answered = 0; // so many events lie behind the last answer
  let feedback = {};
  const score = { asked: 0, right: 0 };
  const open = () => questions.find((question) => question.index >= answered);
  const known = () => ({ question: open() ?? {}, feedback, score, reach: open()?.index ?? trace.events.length });
  function answer(given) {
    const question = open();
    const right = given === null ? false : judge(question, given);
    if (right === null) {
      feedback = { right: null, text: "An answer is a number such as -1.5, or several such as [1, 2]." };
      return null;
    }
    score.asked += 1;
    score.right += Number(right);
    answered = question.index + 1;
    feedback = { right, text: `${right ? "Right." : given === null ? "Here it is." : "Not quite."} ${question.tell}` };
    return answered;
  }
  return { known, answer };
}

/** Whether an answer is right; null when it is of the wrong sort, so that it need not be counted. */
export function judge({ kind, answer }, given) {
  if (kind === "node") return answer.includes(given.trim().toLowerCase());
  const words = given.replaceAll("\u2212", "-").match(/[^\s,;\u00d7x[\]()]+/g) ?? [];
  const numbers = words.map((word) => (/^[-+]?\d+\/\d+$/.test(word) ? word.split("/").reduce((a, b) => a / b) : number(word)));
  if (numbers.some((x) => x === null) || (!words.length && !/[[(]/.test(given))) return null;
  if (numbers.length !== answer.length) return false;
  return numbers.every((x, i) => isClose(x, number(String(answer[i])), kind === "shape" ? -1 : decimals(words[i])));
}

function number(word) {
  const plain = /^([-+]?)(nan|inf)$/i.exec(word);
  if (plain) return plain[2].toLowerCase() === "nan" ? NaN : plain[1] === "-" ? -Infinity : Infinity;
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(word) ? Number(word) : null;
}

/** To how many decimals a rounded number was written; -1 when too few digits were to call it rounded. */
function decimals(word) {
  const plain = /^[-+]?(\d*)\.(\d+)$/.exec(word);
  return plain && (plain[1] + plain[2]).replace(/^0+/, "").length >= 2 ? plain[2].length : -1;
}

function isClose(x, wanted, places) {
  if (Object.is(x, wanted) || x === wanted) return true;
  if (!Number.isFinite(wanted) || !Number.isFinite(x)) return false;
  if (Math.abs(x - wanted) <= CLOSE * Math.max(Math.abs(x), Math.abs(wanted))) return true;
  return places > 0 && Number(wanted.toFixed(places)) === x;
}
