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

// A number near nothing, as of a residual: 3e−7.
export const tiny = (number) => (number === 0 ? "0" : number.toExponential(0).replaceAll("-", "−"));

// A value that is a span of numbers says nothing without its attribute: rating 4.02 to 5. A decade does.
export const valueName = (attribute, value) => (/^[-−\d]/.test(value) && !/^\d+s$/.test(value) ? `${attribute} ${value}` : value);

// The same where there is little room.
export const shortName = (factor) => (factor.value ? `${valueName(factor.attribute, factor.value)}${factor.status === "ambiguous" ? "?" : ""} · factor ${factor.factor}` : `factor ${factor.factor} (not decoded)`);

export function factorName(factor) {
  if (!factor.value) return `factor ${factor.factor} (not decoded)`;
  const unsure = factor.status === "ambiguous" ? "?" : "";
  return `${factor.value}${unsure} · ${factor.attribute}, factor ${factor.factor}`;
}

const OWN = ["item_id", "rank", "score", "probability", "reasons", "title", "popularity", "similarity", "bundle_id"];

// What the catalogue says of an item, in one line: Action, Crime · 1994 · rating 4.29
export const facts = (item) => {
  const words = Object.entries(item).filter(([name, value]) => !OWN.includes(name) && value !== null && value.length !== 0)
    .map(([name, value]) => (Array.isArray(value) ? value.join(", ") : name === "year" ? `${value}` : typeof value === "number" ? `${name} ${Math.round(value * 100) / 100}` : value));
  return h("div", { class: "facts" }, words.join(" · "));
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

// A share as a bar with a mark at another one: of the list, and of the catalogue.
export function shareBar(name, share, mark, words) {
  const fill = h("span", { class: "fill" });
  const tick = h("span", { class: "tick" });
  fill.style.width = `${100 * Math.min(share, 1)}%`;
  tick.style.left = `${100 * Math.min(mark, 1)}%`;
  return h("div", { class: "share" }, h("span", { class: "name" }, name), h("span", { class: "meter" }, fill, tick), h("span", { class: "figure" }, words));
}

// Below this width there is one column: what is asked comes first and the list after it.
export const narrow = () => window.matchMedia("(max-width: 720px)").matches;

// What came of it, in a line at the foot of a narrow page, where the list is out of sight; it leads there.
export function footLine(list) {
  const line = h("a", { class: "strip", href: "#list", role: "status", hidden: true, onclick: (event) => { event.preventDefault(); list.scrollIntoView(); } });
  return { line, say: (words) => { line.textContent = words ? `${words} · see the list` : ""; line.hidden = !words; } };
}

// A card that can be folded; on a narrow page it starts so.
export const foldedCard = (name, ...inside) => h("details", { class: "card", open: !narrow() }, h("summary", {}, h("h2", {}, name)), inside);

// Items that somebody liked: a search box and a chip for each, which takes it out again.
export function likedItems(onChange) {
  const chosen = new Map();
  const chips = h("div", { class: "chips" });
  const draw = () => chips.replaceChildren(...[...chosen.values()].map((item) => h("button", { class: "chip", type: "button", "aria-label": `Take out ${titleOf(item)}`, onclick: () => {
    chosen.delete(item.item_id); draw(); onChange();
  } }, `${titleOf(item)}  ×`)));
  const box = searchBox((item) => { chosen.set(item.item_id, item); draw(); onChange(); });
  return { node: h("div", {}, box, chips), ids: () => [...chosen.keys()] };
}

// Titles of ids: those that are known, and those that have to be asked for.
export async function titlesOf(ids, known) {
  return Promise.all(ids.map(async (id) => known.get(id) ?? titleOf(await ask(`/items/${encodeURIComponent(id)}`).catch(() => ({ item_id: id })))));
}

// "A", "A and B", "A, B and C"
export const listing = (words) => (words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`);

export const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

// The fields of an item besides its title, as the catalogue has them.
export async function factNames() {
  const first = await ask("/items?limit=1");
  return Object.keys(first.items[0] ?? {}).filter((name) => !["item_id", "title", "popularity"].includes(name));
}
