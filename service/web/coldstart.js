// Cold start: several picks at once, by value or by the half of a factor, and the list that they make for a newcomer.

import { ask, h, later, latest } from "/web/api.js";
import { conditionCard } from "/web/condition.js";
import { listRows } from "/web/list.js";
import { factNames, foldedCard, footLine, likedItems, percent, plural, shareBar, valueName } from "/web/parts.js";
import { pickCards } from "/web/picks.js";

const N = 10;
const SAMPLES = 32;
const HINT = "Nothing is chosen yet. Choose what they like, one thing or several: the list follows.";

export async function coldstartView(view) {
  const [conditions, map, fields] = await Promise.all([ask("/conditions"), ask("/factors?limit=500"), factNames()]);
  const list = h("ol", { class: "list" });
  const about = h("div", { class: "change" });

  const run = latest(async (signal) => {
    const asked = picks.value();
    if (!asked.length) { list.replaceChildren(); about.replaceChildren(h("p", { class: "note" }, HINT)); foot.say(""); return; }
    const found = await ask("/coldstart", { picks: asked, n: N, samples: SAMPLES, seed: Math.max(0, Math.trunc(Number(seed.value)) || 0), history: liked.ids(),
      ...(moved ? { diversity: Number(diversity.value) } : {}), condition: condition.value(), fields: ["title", ...fields] }, signal);
    list.replaceChildren(...listRows(found.items));
    about.replaceChildren(...said(found));
    picks.found(found.picks);
    foot.say(found.shares.map((share) => `${valueName(share.attribute, share.value)} ${percent(share.in_list)}`).join(" · "));
    if (!moved) { diversity.value = String(found.diversity); level.textContent = `${found.diversity}`; }
  });
  const update = later(60, () => run());
  const picks = pickCards(map, update);
  const condition = conditionCard(conditions, update);
  const liked = likedItems(update);
  let moved = false; // until then the diversity is the service's own
  const level = h("output", {});
  const diversity = h("input", { type: "range", min: "0", max: "1", step: "0.05", value: "0", "aria-label": "Diversity", oninput: () => { moved = true; level.textContent = diversity.value; update(); } });
  const seed = h("input", { type: "number", min: "0", value: "7", size: "5", "aria-label": "Seed", onchange: () => update() });
  const listCard = h("section", { class: "card", id: "list" }, h("h2", {}, "The list"), about, list);
  const foot = footLine(listCard);
  view.className = "two";
  view.replaceChildren(h("div", {}, picks.chosen, picks.values, foldedCard("A few items they liked", liked.node),
    foldedCard("Sampling", h("div", { class: "slider" }, h("div", { class: "ends" }, h("span", {}, "likeliest"), level, h("span", {}, "diverse")), diversity), h("label", { class: "row" }, h("span", { class: "muted" }, "seed"), seed)),
    condition.card, picks.halves),
  listCard, foot.line);
  run();
}

// How far the list has what was picked, beside the catalogue; then what the reply says of itself.
function said(found) {
  const shares = found.shares.map((share) => shareBar(valueName(share.attribute, share.value), share.in_list, share.in_catalogue, `${percent(share.in_list)} of this list, ${percent(share.in_catalogue)} of the catalogue`));
  const joint = found.joint ? shareBar("all of them", found.joint.in_list, found.joint.in_catalogue, `${percent(found.joint.in_list)} of this list, ${percent(found.joint.in_catalogue)} of the catalogue`) : null;
  const made = [`${found.samples} samples, seed ${found.seed}`];
  if (found.history_used) made.push(`blended with ${plural(found.history_used, "item")}`);
  if (found.unknown_items.length) made.push(`${plural(found.unknown_items.length, "item")} unknown to the model`);
  if (found.condition_satisfied !== null) made.push(`${percent(found.condition_satisfied)} satisfy the condition`);
  if (found.short_reason) made.push(found.short_reason);
  return [...shares, joint, h("p", { class: "note" }, made.join(" · ")), h("details", {}, h("summary", { class: "muted" }, "How the samples became one list"), h("p", { class: "note" }, found.merged_by))].filter(Boolean);
}
