// The first view: who, steered where, under which condition; the list that follows; why an item is in it.

import { ask, clearTrouble, h, later, latest } from "/web/api.js";
import { conditionCard } from "/web/condition.js";
import { listRows } from "/web/list.js";
import { factNames, footLine, narrow, percent, plural, titleOf, valueName } from "/web/parts.js";
import { steerCard } from "/web/steer.js";
import { whoCard } from "/web/who.js";
import { whyCard } from "/web/why.js";

const N = 10;

export async function recommendView(view) {
  const [conditions, map, fields] = await Promise.all([ask("/conditions"), ask("/factors?limit=500"), factNames()]);
  let before = { key: "", found: null }; // the list without steering, and what was asked for it
  let chosen = null;
  const list = h("ol", { class: "list" });
  const stated = h("p", { class: "note" });
  const change = h("div", { class: "change" });

  // The sliders say what steers, so what is kept for the user does not; null: nothing does.
  const request = (asked) => ({ ...who.value(), n: N, condition: condition.value(), fields: ["title", ...fields], explain: true, preferences: false, ...(asked ? { steer: asked } : {}) });
  const why = whyCard();
  const showWhy = (item, row) => {
    chosen = item.item_id;
    mark();
    if (row && narrow()) row.after(whyRow);
    const { fields: _, explain: __, ...question } = request(steer.value());
    why.show({ ...question, item_id: chosen }, item);
  };
  const whyRow = h("li", { class: "why" }, why.card); // on a narrow page the reasons stand below their item
  const whyColumn = h("div", { class: "why" });
  const mark = () => { for (const row of list.children) row.classList.toggle("chosen", row.dataset.id === chosen); };

  function draw(found, asked) {
    const steering = found.steering ?? null;
    const known = asked ? new Map(before.found.items.map((item) => [item.item_id, item])) : null;
    list.replaceChildren(...listRows(found.items, { onChoose: found.source === "model" ? showWhy : null, before: known, entered: new Set(steering?.items_in ?? []) }));
    mark();
    steer.found(steering);
    const gone = (steering?.items_out ?? []).map((id) => titleOf(known?.get(id) ?? { item_id: id }));
    const counts = steering ? `${steering.items_in.length} in, ${steering.items_out.length} out` : "";
    change.replaceChildren(...(steering ? [h("p", {}, h("b", {}, `Steered: ${counts}.`), steering.note ? ` ${sentence(steering.note)}` : "")] : []),
      ...(gone.length ? [h("p", { class: "left" }, h("span", { class: "move out" }, "out"), " ", gone.map((title) => h("s", {}, title)))] : []),
      ...(steering?.ignored ?? []).map((text) => h("p", { class: "note" }, text)));
    const most = (steering?.shares ?? []).reduce((a, b) => (a && Math.abs(a.after - a.before) >= Math.abs(b.after - b.before) ? a : b), null);
    foot.say(steering ? [counts, most ? `${valueName(most.attribute, most.value)} ${percent(most.before)} → ${percent(most.after)}` : ""].filter(Boolean).join(" · ") : "");
    stated.textContent = summary(found);
  }

  const update = latest(async (signal) => {
    const asked = steer.value();
    const question = request(null);
    const key = JSON.stringify(question);
    if (before.key !== key) before = { key, found: await ask("/recommend", question, signal) };
    const found = asked ? await ask("/recommend", { ...question, steer: asked }, signal) : before.found;
    draw(found, asked);
    const item = found.items.find((entry) => entry.item_id === chosen) ?? (narrow() ? null : found.items[0]);
    if (found.source !== "model") why.clear("This list is what is popular: there is nothing personal to explain. Name an item they liked.");
    else if (item) showWhy(item, narrow() ? rowOf(item) : null);
    else why.clear();
  });
  const rowOf = (item) => [...list.children].find((row) => row.dataset.id === item.item_id);
  const soon = later(60, () => update());
  const who = whoCard((user) => {
    chosen = null;
    for (const shown of [list, change, stated]) shown.replaceChildren(); // what is shown is never another user's
    why.clear();
    steer.load(user);
  }, soon);
  const condition = conditionCard(conditions, soon);
  const steer = steerCard(map, soon);
  const listCard = h("section", { class: "card", id: "list" }, h("h2", {}, "The list"), stated, change, list);
  const foot = footLine(listCard);

  view.className = "";
  whyColumn.append(...(narrow() ? [] : [why.card]));
  view.replaceChildren(h("div", {}, who.card, steer.card, condition.card), listCard, whyColumn, foot.line);
  clearTrouble();
  await who.start();
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;

function summary(found) {
  const said = [found.source === "model" ? `from ${plural(found.history_used, "item")}` : "no personal list: popularity"];
  if (found.condition_satisfied !== null) said.push(`${percent(found.condition_satisfied)} satisfy the condition`);
  if (found.unknown_items.length) said.push(`${plural(found.unknown_items.length, "item")} unknown to the model`);
  if (found.short_reason) said.push(found.short_reason);
  return said.join(" · ");
}
