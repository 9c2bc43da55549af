// Why an item: the score taken apart by factors, by history items, and what would take it out of the list.

import { ask, h, latest } from "/web/api.js";
import { bar, factorName, figure, fold, percent, titleOf } from "/web/parts.js";

const FACTORS = 8;
const ITEMS = 8;

const sum = (rows) => rows.reduce((total, row) => total + row.contribution, 0);

const factorBar = (f, scale) => bar(factorName(f), f.contribution, scale, f.status === "undecoded" ? "faint" : "",
  `${factorName(f)}; z = ${figure(f.z, 2)}, above ${f.percentile.toFixed(0)} % of users`);

const partsOf = (told) => Math.max(...told.factors.map((f) => Math.abs(f.contribution)), Math.abs(told.other_factors), Math.abs(told.linear), 1e-9);

// A condition that the model takes can raise the start far above all parts: then the start says so.
const raised = (told, condition) => condition && condition.mode !== "strict" && told.base_value > 5 * partsOf(told) ? ", raised by the condition" : "";

// others() asks for the rest of the factors, only when they are unfolded.
function byFactors(told, others, why) {
  const parts = partsOf(told);
  const whole = Math.max(Math.abs(told.base_value), Math.abs(told.score));
  // Then start and score are figures only, as in byHistory.
  const [scale, bare] = whole > 5 * parts ? [parts, " bare"] : [Math.max(parts, whole), ""];
  const name = told.n_other_factors === 1 ? "1 other factor" : `${told.n_other_factors} other factors`;
  return [h("h3", {}, "The score by factors"), bar(`start (z = 0)${why}`, told.base_value, scale, `faint${bare}`),
    told.factors.map((f) => factorBar(f, scale)),
    told.n_other_factors ? fold(bar(name, told.other_factors, scale, "faint"), async () => (await others()).map((f) => factorBar(f, scale))) : null,
    told.linear ? bar("straight from the history", told.linear, scale, "", "what the items liked add past the factors") : null,
    bar("score", told.score, scale, `total${bare}`),
    h("p", { class: "note" }, `${percent(told.explained_share)} of the contributions are carried by decoded factors; left unexplained: ${told.residual.toExponential(1)}.`)];
}

function byHistory(told, why) {
  if (!told.history.length) return null;
  const [first, rest] = [told.history.slice(0, ITEMS), told.history.slice(ITEMS)];
  // The start is most of the score: bars on its scale would hide the items, so start and score are figures only.
  const scale = Math.max(...first.map((item) => Math.abs(item.contribution)), Math.abs(sum(rest)), 1e-9);
  const row = (item) => bar(titleOf(item), item.contribution, scale, "", item.linear ? `${titleOf(item)}, of which ${figure(item.linear, 4)} straight and the rest through the factors` : undefined);
  const left = Math.abs(told.history_residual).toFixed(2);
  return [h("h3", {}, "The score by what they liked"), bar(`start (nothing liked)${why}`, told.history_base, scale, "faint bare"), first.map(row),
    rest.length ? fold(bar(rest.length === 1 ? "1 other item" : `${rest.length} other items`, sum(rest), scale, "faint"), () => rest.map(row)) : null,
    Number(left) === 0 ? null : bar("left unexplained", told.history_residual, scale, "faint"),
    bar("score", told.score, scale, "total bare")];
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;

function counterfactual(told) {
  const found = told.counterfactual;
  if (!found) return null;
  const titles = new Map(told.history.map((item) => [item.item_id, titleOf(item)]));
  const text = found.valid
    ? `Without ${found.remove.map((id) => titles.get(id) ?? id).join(" and ")} it would ${found.new_rank ? `fall to rank ${found.new_rank}` : "leave the list"}.`
    : sentence(found.reason ?? "no small set of items was found without which it leaves the list");
  return [h("h3", {}, "What would change it"), h("p", { class: "note" }, text)];
}

function fidelity(told) {
  const found = told.fidelity;
  if (!found) return null;
  const rows = [["deletion ↓", "del_at_k"], ["insertion ↑", "ins_at_k"]].map(([name, key]) => [h("dt", {}, name), h("dd", {}, figure(found.explanation[key], 2)), h("dd", {}, figure(found.random[key], 2))]);
  return [h("h3", {}, "How faithful this is"), h("dl", { class: "figures" }, h("dt", { class: "head" }, `first ${found.k} items`), h("dd", { class: "head" }, "this order"), h("dd", { class: "head" }, "at random"), rows)];
}

export function whyCard() {
  const inside = h("div", {});
  const card = h("section", { class: "card", "aria-live": "polite" }, h("h2", {}, "Why"), inside);
  const clear = () => inside.replaceChildren(h("p", { class: "note" }, "Choose an item of the list."));
  const show = latest(async (signal, asked, item) => {
    const { steer, ...rest } = asked;
    const question = { ...rest, ...(steer ? { steer } : {}) };
    const told = await ask("/explain", { ...question, top_factors: FACTORS, counterfactual: true }, signal);
    const others = async () => (await ask("/explain", { ...question, fidelity: false })).factors.slice(told.factors.length);
    const start = raised(told, question.condition);
    inside.replaceChildren(...[h("div", { class: "title" }, titleOf(item)), h("p", { class: "sentence" }, told.sentence),
      byFactors(told, others, start), byHistory(told, start), counterfactual(told), fidelity(told)].flat(3).filter(Boolean));
  });
  clear();
  return { card, show, clear };
}
