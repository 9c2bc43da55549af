// What a newcomer likes: values of attributes, and halves of factors; each with a strength of its own.

import { h } from "/web/api.js";
import { figure, valueName } from "/web/parts.js";

const sign = (half) => (half === "positive" ? "+" : "−");
const keyOf = (pick) => (pick.factor === undefined ? `${pick.attribute}:${pick.value}` : `${pick.factor} ${pick.half}`);
const opposite = (pick) => (pick.factor === undefined ? "" : `${pick.factor} ${pick.half === "positive" ? "negative" : "positive"}`);

function labelOf(factor, half) {
  const reading = factor[half];
  const name = reading.value ? `${valueName(reading.attribute, reading.value)}${reading.status === "ambiguous" ? "?" : ""}` : "not decoded";
  return `${name} · factor ${factor.factor} ${sign(half)}`;
}

// Returns the cards, what is asked, and what to show of the reply.
export function pickCards(map, onChange) {
  const picks = new Map(); // key -> {pick, label, strength: null as its list needs, row}
  const chips = new Map();
  const rows = h("div", {});
  const none = h("p", { class: "note" }, "Nothing yet.");

  function toggle(pick, label) {
    const key = keyOf(pick);
    if (picks.has(key)) drop(key);
    else {
      if (picks.has(opposite(pick))) drop(opposite(pick)); // both halves of one factor contradict each other
      const entry = { pick, strength: null, ...strengthRow(label, (strength) => { entry.strength = strength; onChange(); }, () => { drop(key); onChange(); }) };
      picks.set(key, entry);
      rows.append(entry.row);
      none.hidden = true;
      chips.get(key)?.setAttribute("aria-pressed", "true");
    }
    onChange();
  }
  function drop(key) {
    picks.get(key).row.remove();
    picks.delete(key);
    none.hidden = picks.size > 0;
    chips.get(key)?.setAttribute("aria-pressed", "false");
  }
  const chip = (pick, text, label = text) => {
    const node = h("button", { class: "chip", type: "button", "aria-pressed": "false", onclick: () => toggle(pick, label) }, text);
    chips.set(keyOf(pick), node);
    return node;
  };

  const groups = [...grouped(map.directions)];
  const byValue = groups.map(([attribute, directions]) => [h("h3", {}, attribute), h("div", { class: "chips" }, directions.map((d) => chip({ attribute, value: d.value }, d.value, `${d.value} · ${attribute}`)))]);
  const active = map.items.filter((factor) => factor.active);
  // First what is read as it was tied, then what is read surely: those lists hold what the chip says.
  const rank = ({ factor, half }) => (factor[half].status === "decoded" ? 1 : 0) + (factor.guide && factor[half].value === factor.guide.value ? 1 : 0);
  const halves = (named) => active.flatMap((factor) => ["positive", "negative"].map((half) => ({ factor, half })))
    .filter(({ factor, half }) => (factor[half].status !== "undecoded") === named)
    .sort((a, b) => rank(b) - rank(a) || b.factor[b.half].effect - a.factor[a.half].effect)
    .map(({ factor, half }) => chip({ factor: factor.factor, half }, labelOf(factor, half)));
  const [named, unnamed] = [halves(true), halves(false)];
  const halvesCard = h("section", { class: "card" }, h("details", { open: !byValue.length }, h("summary", {}, h("h2", {}, "Halves of factors")), h("div", { class: "chips" }, named),
    unnamed.length ? h("details", {}, h("summary", { class: "muted" }, `not decoded (${unnamed.length})`), h("div", { class: "chips" }, unnamed)) : null));
  return {
    chosen: h("section", { class: "card" }, h("h2", {}, "Chosen"), none, rows),
    values: byValue.length ? h("section", { class: "card" }, h("h2", {}, "What they like"), byValue) : null,
    halves: halvesCard,
    value: () => [...picks.values()].map(({ pick, strength }) => ({ ...pick, ...(strength === null ? {} : { strength }) })),
    // The reply's picks stand in the order of those that were asked for.
    found: (found) => [...picks.values()].forEach((entry, at) => entry.show(found[at])),
  };
}

const grouped = (directions) => {
  const groups = new Map();
  for (const d of directions) groups.set(d.attribute, [...(groups.get(d.attribute) ?? []), d]);
  return groups;
};

// A strength is the service's to choose until somebody moves the slider.
function strengthRow(label, onStrength, onDrop) {
  const output = h("output", {}, "auto");
  const note = h("div", { class: "effects" });
  let moved = false;
  const input = h("input", { type: "range", min: "0.1", max: "3", step: "0.1", value: "1", "aria-label": `Strength of ${label}`, oninput: () => { moved = true; output.textContent = input.value; onStrength(Number(input.value)); } });
  const row = h("div", { class: "slider" }, h("div", { class: "ends" }, h("span", {}, label), output, h("button", { class: "chip", type: "button", "aria-label": `Take out ${label}`, onclick: onDrop }, "×")), input, note);
  const show = (found) => {
    if (!found) return;
    if (!moved) { input.value = String(found.strength); output.textContent = figure(found.strength, 2).replace(/\.?0+$/, ""); }
    note.replaceChildren(...(found.note ? [found.note] : []));
  };
  return { row, show };
}
