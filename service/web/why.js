// Why an item: the sentence, the score taken apart by factors and by history items, how faithful that is, what would change it.

import { ask, h, latest } from "/web/api.js";
import { counterfactual, fidelity } from "/web/evidence.js";
import { bar, factorName, figure, fold, percent, shortName, tiny, titleOf } from "/web/parts.js";

const FACTORS = 8;
const ITEMS = 8;
const STEERED = 0.5; // a lock moves many factors by less than that

const sum = (rows) => rows.reduce((total, row) => total + row.contribution, 0);

// A half may be read as what this item has not: its part of the score is then of the factor, not of that value.
const nameOf = (f) => [shortName(f), f.item_has === false ? "; not this item" : "", Math.abs(f.shifted) >= STEERED ? `; steered by ${figure(f.shifted, 1)}` : ""].join("");
const factorBar = (f, scale) => bar(nameOf(f), f.contribution, scale, f.status === "undecoded" ? "faint" : "",
  `${factorName(f)}; z = ${figure(f.z, 2)}, above ${f.percentile.toFixed(0)} % of users; ${figure(f.lean, 2)} of it by that place, the rest most users get`);

const partsOf = (told) => Math.max(...told.factors.map((f) => Math.abs(f.contribution)), Math.abs(told.other_factors), Math.abs(told.linear), 1e-9);

// others() asks for the rest of the factors, only when they are unfolded.
function byFactors(told, others) {
  const parts = partsOf(told);
  const start = told.base_value - told.condition_gain;
  const whole = Math.max(Math.abs(start), Math.abs(told.condition_gain), Math.abs(told.score));
  // Then start and score are figures only, as in byHistory.
  const [scale, bare] = whole > 5 * parts ? [parts, " bare"] : [Math.max(parts, whole), ""];
  const name = told.n_other_factors === 1 ? "1 other factor" : `${told.n_other_factors} other factors`;
  return [h("h3", {}, "The score by factors"), bar("start (z = 0)", start, scale, `faint${bare}`),
    told.condition_gain ? bar("the condition", told.condition_gain, scale, `faint${bare}`) : null,
    told.factors.map((f) => factorBar(f, scale)),
    told.n_other_factors ? fold(bar(name, told.other_factors, scale, "faint"), async () => (await others()).map((f) => factorBar(f, scale))) : null,
    told.linear ? bar("straight from history", told.linear, scale, "", "what the items liked add past the factors") : null,
    bar("score", told.score, scale, `total${bare}`),
    h("p", { class: "note" }, `Decoded factors carry ${percent(told.explained_share)} of the contributions; left unexplained: ${tiny(told.residual)}.`)];
}

function byHistory(told) {
  if (!told.history.length) return null;
  const [first, rest] = [told.history.slice(0, ITEMS), told.history.slice(ITEMS)];
  // The start is most of the score: bars on its scale would hide the items, so start and score are figures only.
  const scale = Math.max(...first.map((item) => Math.abs(item.contribution)), Math.abs(sum(rest)), 1e-9);
  const row = (item) => bar(titleOf(item), item.contribution, scale, "", item.linear ? `${titleOf(item)}, of which ${figure(item.linear, 4)} straight and the rest through the factors` : undefined);
  return [h("h3", {}, "The score by what they liked"), bar(`start (nothing liked${told.condition_gain ? ", under the condition" : ""})`, told.history_base, scale, "faint bare"), first.map(row),
    rest.length ? fold(bar(rest.length === 1 ? "1 other item" : `${rest.length} other items`, sum(rest), scale, "faint"), () => rest.map(row)) : null,
    bar("score", told.score, scale, "total bare"), h("p", { class: "note" }, `Left unexplained: ${tiny(told.history_residual)}.`)];
}

const FLAGS = { seen: "already liked", condition: "not listed: it does not satisfy the condition", excluded: "not listed: left out by the request" };

export function whyCard() {
  const inside = h("div", {});
  const card = h("section", { class: "card" }, h("h2", {}, "Why"), inside);
  const clear = (words = "Choose an item of the list.") => inside.replaceChildren(h("p", { class: "note" }, words));
  const show = latest(async (signal, question, item) => {
    const told = await ask("/explain", { ...question, top_factors: FACTORS }, signal);
    const others = async () => (await ask("/explain", { ...question, fidelity: false })).factors.slice(told.factors.length);
    const flag = FLAGS[told.not_listed];
    inside.replaceChildren(...[h("div", { class: "title" }, titleOf(item), flag ? h("span", { class: "pill" }, flag) : null), h("p", { class: "sentence", role: "status" }, told.sentence),
      counterfactual(question, told), byFactors(told, others), byHistory(told), fidelity(told)].flat(3).filter(Boolean));
  });
  clear();
  return { card, show, clear };
}
