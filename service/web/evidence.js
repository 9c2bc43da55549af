// What backs a reason: how faithful its order is, in plain words beside chance, and what would take the item off the list.

import { ask, h, report } from "/web/api.js";
import { figure, listing, percent, plural, titleOf, titlesOf } from "/web/parts.js";

// Figures of one order beside those of random ones; `less` says which way is good.
const LINES = [
  ["del_at_k", "probability left without them", "less"],
  ["ins_at_k", "probability with them alone", "more"],
  ["pos_at_k", "still listed without them", "less"],
  ["neg_at_k", "still listed without the last ones", "more"],
];

const holds = ({ explanation, random }) => explanation.del_at_k < random.del_at_k && explanation.ins_at_k > random.ins_at_k;

function table(found, head) {
  const rows = LINES.map(([key, name, way]) => [h("dt", {}, name, h("span", { class: "muted" }, ` (${way} is better)`)), h("dd", {}, percent(found.explanation[key])), h("dd", {}, percent(found.random[key]))]);
  return h("dl", { class: "figures" }, h("dt", { class: "head" }, head), h("dd", { class: "head" }, "this order"), h("dd", { class: "head" }, "at random"), rows);
}

export function fidelity(told) {
  const found = told.fidelity;
  if (!found) return null;
  const verdict = holds(found) ? "It tells what carries this item better than chance does." : "Here it tells no more than chance does.";
  const others = found.factors;
  return [h("h3", {}, "How faithful this is"),
    h("p", { class: "note" }, `The first ${plural(found.k, "item")} of what they liked taken away, or kept alone, one by one in the order above. ${verdict}`),
    table(found, `${plural(found.k, "item")}`),
    others ? h("details", {}, h("summary", { class: "muted" }, `The same for the factors: ${holds(others) ? "better than chance" : "no better than chance"}`), table(others, `${plural(others.k, "factor")}`)) : null];
}

// A button, as this costs as much as dozens of lists.
export function counterfactual(question, told) {
  const answer = h("div", { role: "status" });
  const button = h("button", { class: "plain", type: "button", onclick: async () => {
    button.disabled = true;
    try {
      const asked = await ask("/explain", { ...question, top_factors: 1, counterfactual: true, fidelity: false });
      answer.replaceChildren(...await words(asked.counterfactual, told, question.n));
      button.hidden = true;
    } catch (error) { button.disabled = false; report(error); }
  } }, "What would take it off the list?");
  return h("div", { class: "counterfactual" }, button, answer);
}

async function words(found, told, n) {
  if (!found.valid) return [h("p", { class: "note" }, sentence(found.reason ?? "no small set of items was found without which it leaves the list"))];
  const known = new Map(told.history.map((item) => [item.item_id, titleOf(item)]));
  const [removed, [replacement], entered, left] = await Promise.all([found.remove, found.replacement ? [found.replacement] : [], found.items_in ?? [], found.items_out ?? []].map((ids) => titlesOf(ids, known)));
  const kept = found.kept === undefined || found.kept === null ? null : `${Math.round(found.kept * n)} of the ${n} items stay. `;
  const others = [entered.length ? `In: ${entered.join(", ")}. ` : "", left.length ? `Out: ${left.join(", ")}.` : ""].join("");
  const back = (found.offered ?? []).length ? ` (${found.offered.length} of these would then be listed)` : "";
  return [h("p", { class: "sentence" }, `Without ${listing(removed)}${back} it would ${replacement ? `be replaced by ${replacement}` : "leave the list"}${found.new_rank ? ` and stand at rank ${figure(found.new_rank, 0)}` : ""}.`),
    h("p", { class: "note" }, [kept, others].filter(Boolean).join(""))];
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;
