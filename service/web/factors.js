// The decoded map: what each half of each factor encodes, and the users' latents in two dimensions.

import { ask, h } from "/web/api.js";
import { latentMap } from "/web/latent_map.js";
import { figure } from "/web/parts.js";

const half = (reading) => (reading.status === "undecoded" ? h("span", { class: "pill" }, "not decoded")
  : [h("strong", {}, reading.value), ` ${reading.attribute} `, h("span", { class: `pill ${reading.status}` }, reading.status),
    h("div", { class: "muted" }, `effect ${figure(reading.effect)} [${figure(reading.effect_low)}, ${figure(reading.effect_high)}], q ${reading.q_value.toPrecision(2)}`,
      reading.rivals.length ? ` · as likely: ${reading.rivals.join(", ")}` : "")]);
const examples = (items) => h("div", { class: "muted" }, items.slice(0, 3).map((item) => item.title ?? item.item_id).join(" · "));


const HEADINGS = ["z", "negative half", "positive half", "KL", "", "stability"];
const cell = (name, ...content) => h("td", { class: "number", "data-name": name }, ...content);
const tied = (guide) => (guide ? h("div", { class: "muted" }, `tied to ${guide.attribute}${guide.value === null ? "" : ` ${guide.value}`}`) : null);
const row = (factor) => h("tr", {}, cell("z", factor.factor),
  h("td", {}, half(factor.negative), examples(factor.examples_negative)), h("td", {}, half(factor.positive), tied(factor.guide), examples(factor.examples_positive)),
  cell("KL", figure(factor.kl, 2)), h("td", { class: "state" }, factor.active ? "active" : h("span", { class: "muted" }, "inactive")),
  cell("stability", factor.stability === null ? "–" : figure(factor.stability, 2), factor.match === null ? null : h("div", { class: "muted" }, `match ${figure(factor.match, 2)}`)));
const table = (factors) => h("div", { class: "wide" }, h("table", { class: "factors" }, h("thead", {}, h("tr", {}, HEADINGS.map((name) => h("th", {}, name)))), h("tbody", {}, factors.map(row))));

// The effect of the surer half: a decoded factor is not moved up by what its other half only may encode.
const effect = (factor) => Math.max(...[factor.negative, factor.positive].filter((reading) => reading.status === factor.status).map((reading) => reading.effect), 0);
const strongest = (factors, status) => factors.filter((factor) => factor.status === status).sort((a, b) => effect(b) - effect(a) || a.factor - b.factor);

function undecoded(factors) {
  if (!factors.length) return null;
  const inactive = factors.filter((factor) => !factor.active).length;
  const line = `${factors.length} not decoded${inactive ? `, ${inactive} of them inactive` : ""}`;
  const rows = h("div");
  return h("details", { class: "fold", ontoggle: (event) => { if (event.target.open && !rows.childElementCount) rows.append(table(factors)); } }, h("summary", { class: "muted" }, line), rows);
}

async function allFactors() {
  const map = await ask("/factors");
  for (let next = map.next_cursor; next;) {
    const page = await ask(`/factors?cursor=${encodeURIComponent(next)}`);
    map.items.push(...page.items);
    next = page.next_cursor;
  }
  return map;
}

export async function factorsView(view) {
  const [map, latent] = await Promise.all([allFactors(), ask("/latent/map")]);
  const [decoded, ambiguous, rest] = ["decoded", "ambiguous", "undecoded"].map((status) => strongest(map.items, status));
  const named = [...decoded, ...ambiguous];
  const drawn = latent.points.length > 0 && latent.points[0].length > 1;
  view.className = "two map";
  view.replaceChildren(
    h("div", {}, drawn ? h("section", { class: "card" }, h("h2", {}, "Users in the latent space"), latentMap(latent)) : null,
      map.notes.length ? h("section", { class: "card" }, h("h2", {}, "What could not be decoded"), map.notes.map((note) => h("p", { class: "note" }, note))) : null),
    h("section", { class: "card" }, h("h2", {}, "Factors"),
      h("p", { class: "note" }, `${decoded.length} of ${map.items.length} decoded, ${ambiguous.length} ambiguous; the largest effect first.`),
      named.length ? table(named) : null, undecoded(rest)));
}
