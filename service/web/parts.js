// Pieces that several views show: bars of signed contributions, items, names of factors, choosers.

import { ask, h, later, report } from "/web/api.js";

// A number that rounds to nothing has no sign: 0.00, never −0.00.
export function figure(number, digits = 3) {
  const size = Math.abs(number).toFixed(digits);
  return (number < 0 && Number(size) !== 0 ? "−" : "") + size;
}

// Two digits that say something, however small the share: 31 %, 3.1 %, 0.31 %, 0.0031 %.
export function percent(share) {
  const hundredths = 100 * share;
  if (!(hundredths > 0)) return "0 %";
  if (hundredths < 0.0001) return "< 0.0001 %";
  if (hundredths >= 99.95) return "100 %";
  if (hundredths >= 10) return `${hundredths.toFixed(hundredths >= 99.5 ? 1 : 0)} %`;
  return `${hundredths.toFixed(1 - Math.floor(Math.log10(hundredths)))} %`;
}

export function bar(name, value, scale, kind = "", title = name) {
  const fill = h("span", { class: `fill ${value < 0 ? "minus" : "plus"}` });
  fill.style.width = `${Math.min(50, (50 * Math.abs(value)) / (scale || 1))}%`;
  return h("div", { class: `bar ${kind}`, title: `${title}: ${figure(value, 4)}` },
    h("span", { class: "name" }, name), h("span", { class: "track" }, fill), h("span", { class: "figure" }, figure(value, 2)));
}

// A row that stands for several, opened to show them; load() gives the rows when it is first opened.
export function fold(row, load) {
  const rows = h("div", { class: "folded" });
  return h("details", { class: "fold", ontoggle: async (event) => {
    if (!event.target.open || rows.childElementCount) return;
    try { rows.replaceChildren(...await load()); } catch (error) { report(error); }
  } }, h("summary", {}, row), rows);
}

export function factorName(factor) {
  if (!factor.value) return `factor ${factor.factor} (not decoded)`;
  const unsure = factor.status === "ambiguous" ? "?" : "";
  return `${factor.value}${unsure} · ${factor.attribute}, factor ${factor.factor}`;
}

export const facts = (item) => {
  const words = [];
  for (const [name, value] of Object.entries(item)) {
    if (["item_id", "rank", "score", "probability", "reasons", "title", "popularity", "similarity", "bundle_id"].includes(name)) continue;
    if (Array.isArray(value)) words.push(...value); else if (value !== null) words.push(name === "year" ? `${value}` : `${name} ${value}`);
  }
  return h("div", { class: "chips" }, words.map((word) => h("span", { class: "chip tag" }, word)));
};

export const titleOf = (item) => item.title ?? `item ${item.item_id}`;

export function searchBox(onChoose) {
  const results = h("div", { class: "results" });
  const find = later(180, async (words) => {
    if (!words.trim()) { results.replaceChildren(); return; }
    try {
      const found = await ask(`/items?limit=6&title=${encodeURIComponent(words)}`);
      results.replaceChildren(...found.items.map((item) => h("button", { class: "result", type: "button",
        onclick: () => { input.value = ""; results.replaceChildren(); onChoose(item); } }, titleOf(item))));
      if (!found.items.length) results.replaceChildren(h("p", { class: "note" }, "No title has these words."));
    } catch (error) { report(error); }
  });
  const input = h("input", { type: "search", placeholder: "Search a title…", "aria-label": "Search a title", oninput: () => find(input.value) });
  return h("div", {}, input, results);
}

export function conditionCard(conditions, onChange) {
  const chosen = new Set();
  const soft = conditions.items.some((item) => item.soft);
  const match = h("select", { "aria-label": "Match", onchange: onChange }, h("option", { value: "any" }, "any of them"), h("option", { value: "all" }, "all of them"));
  const modes = [["soft", "the model's own condition"], ["strict", "only such items"], ["both", "both"]];
  const mode = h("select", { "aria-label": "Mode", onchange: onChange }, modes.filter(([name]) => soft || name === "strict").map(([name, label]) => h("option", { value: name }, label)));
  const card = h("section", { class: "card" }, h("h2", {}, `Condition (${conditions.attribute ?? "none"})`),
    h("div", { class: "chips" }, conditions.items.map((item) => {
      const chip = h("button", { class: "chip", type: "button", "aria-pressed": "false", title: `${item.n_items} items`, onclick: () => {
        if (!chosen.delete(item.value)) chosen.add(item.value);
        chip.setAttribute("aria-pressed", chosen.has(item.value));
        onChange();
      } }, item.value);
      return chip;
    })), h("div", { class: "row" }, match, mode));
  const value = () => (chosen.size ? { genres: [...chosen], match: match.value, mode: mode.value } : null);
  return { card, value };
}
