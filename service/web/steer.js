// Sliders for the decoded factors and for directions of attribute values.

import { h } from "/web/api.js";

const SHOWN = 6;

const end = (reading) => (reading.value ? h("span", {}, reading.value + (reading.status === "ambiguous" ? "?" : "")) : h("span", { class: "unnamed" }, "not decoded"));
// A factor that was tied to a value is a slider for that value, whatever else an end of it may read as.
const ends = (f) => {
  if (!f.guide) return [end(f.negative), end(f.positive)];
  if (f.guide.value === null) return [f.negative, f.positive].map((reading, at) => h("span", {}, reading.attribute === f.guide.attribute ? `${f.guide.attribute} ${reading.value}` : `${["less", "more"][at]} ${f.guide.attribute}`));
  return ["less", "more"].map((word) => h("span", {}, `${word} ${f.guide.value}`));
};

export function steerCard(map, onChange) {
  const factors = new Map();
  const attributes = new Map();
  const lock = new Set();
  const sliders = [];

  const slider = (store, name, ends, title) => {
    const output = h("output", {}, "0");
    const input = h("input", { type: "range", min: "-3", max: "3", step: "0.1", value: "0", "aria-label": title, oninput: () => {
      const strength = Number(input.value);
      output.textContent = strength > 0 ? `+${strength}` : `${strength}`;
      if (strength === 0) store.delete(name); else store.set(name, strength);
      onChange();
    } });
    sliders.push({ input, output });
    return h("div", { class: "slider", title }, h("div", { class: "ends" }, ends[0], output, ends[1]), input);
  };

  const effect = (f) => Math.max(f.negative.effect, f.positive.effect);
  const tied = (f) => (f.guide ? 1 : 0); // those are whole tastes; of the others one half may be
  const named = map.items.filter((f) => f.active && (f.guide || f.status !== "undecoded")).sort((a, b) => tied(b) - tied(a) || effect(b) - effect(a))
    .map((f) => slider(factors, String(f.factor), ends(f), `factor ${f.factor}, in standard deviations`));
  const reset = h("button", { class: "plain", type: "button", onclick: () => {
    for (const store of [factors, attributes]) store.clear();
    for (const { input, output } of sliders) { input.value = "0"; output.textContent = "0"; }
    onChange();
  } }, "Reset");

  const directions = [...map.directions].sort((a, b) => b.r2 - a.r2);
  const shown = h("div");
  const add = h("select", { class: "wide", "aria-label": "Add a direction", onchange: () => {
    const d = directions[Number(add.value)];
    if (d) shown.append(slider(attributes, `${d.attribute}:${d.value}`, [h("span", {}, `less ${d.value}`), h("span", {}, `more ${d.value}`)], `${d.attribute} ${d.value}, r² ${d.r2.toFixed(2)}`));
    add.options[add.selectedIndex].disabled = true;
    add.value = "";
  } }, h("option", { value: "" }, "Add a direction…"), directions.map((d, i) => h("option", { value: i }, `${d.attribute}: ${d.value}  (r² ${d.r2.toFixed(2)})`)));

  const locks = [...new Set(map.directions.map((d) => d.attribute))];
  const card = h("section", { class: "card" },
    h("div", { class: "row apart" }, h("h2", {}, "Steer"), reset),
    named.length ? null : h("p", { class: "note" }, "No factor of this model is decoded; directions still steer."),
    named.slice(0, SHOWN),
    named.length > SHOWN ? h("details", {}, h("summary", { class: "muted" }, `${named.length - SHOWN} more factors`), named.slice(SHOWN)) : null,
    directions.length ? [shown, add] : null,
    locks.length ? h("div", { class: "chips" }, h("span", { class: "muted" }, "keep fixed"), locks.map((name) => {
      const chip = h("button", { class: "chip", type: "button", "aria-pressed": "false", onclick: () => {
        if (!lock.delete(name)) lock.add(name);
        chip.setAttribute("aria-pressed", lock.has(name));
        onChange();
      } }, name);
      return chip;
    })) : null);
  const value = () => {
    const steered = new Set([...attributes.keys()].map((name) => name.split(":")[0]));
    return factors.size || attributes.size
      ? { factors: Object.fromEntries(factors), attributes: Object.fromEntries(attributes), lock: [...lock].filter((name) => !steered.has(name)) } : null;
  };
  return { card, value };
}
