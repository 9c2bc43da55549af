// A list of items: facts, how it moved by steering, and the largest parts of each score.

import { h } from "/web/api.js";
import { bar, facts, percent, shortName, titleOf } from "/web/parts.js";

const PARTS = 3;

// The largest parts of a score: factors, and what comes straight from the history beside them.
function partsOf(reasons) {
  if (!reasons) return [];
  const parts = reasons.factors.map((f) => ({ name: shortName(f), value: f.contribution, kind: f.status === "undecoded" ? "faint" : "" }));
  if (reasons.linear) parts.push({ name: "straight from history", value: reasons.linear, kind: "" });
  return parts.sort((a, b) => Math.abs(b.value) - Math.abs(a.value)).slice(0, PARTS);
}

function moveOf(item, entered, before) {
  if (entered.has(item.item_id)) return h("span", { class: "move in" }, "in");
  const step = before?.has(item.item_id) ? before.get(item.item_id).rank - item.rank : 0;
  return step ? h("span", { class: `move ${step > 0 ? "up" : "down"}` }, `${step > 0 ? "▲" : "▼"} ${Math.abs(step)}`) : null;
}

// items: of a reply; before: id -> item of the list without steering; entered: ids that steering brought in.
export function listRows(items, { onChoose = null, before = null, entered = new Set() } = {}) {
  const parts = items.map((item) => partsOf(item.reasons));
  const scale = Math.max(...parts.flat().map((part) => Math.abs(part.value)), 1e-9);
  return items.map((item, at) => {
    const title = onChoose ? h("button", { class: "title", type: "button" }, titleOf(item)) : h("div", { class: "title" }, titleOf(item));
    const row = h("li", { class: `item ${entered.has(item.item_id) ? "new" : ""} ${onChoose ? "open" : ""}`, onclick: onChoose ? () => onChoose(item, row) : () => {} },
      h("span", { class: "rank" }, item.rank), h("div", {}, title, facts(item)),
      h("div", { class: "row chance" }, moveOf(item, entered, before), h("span", { class: "muted", title: "probability" }, percent(item.probability))),
      parts[at].length ? h("div", { class: "reasons" }, parts[at].map((part) => bar(part.name, part.value, scale, part.kind))) : null);
    row.dataset.id = item.item_id;
    return row;
  });
}
