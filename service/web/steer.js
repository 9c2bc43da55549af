// Sliders for the decoded factors and for directions of attribute values; kept for a stored user when asked to.

import { h } from "/web/api.js";
import { keepButtons } from "/web/keep.js";
import { figure, narrow, percent, valueName } from "/web/parts.js";

const SHOWN = 6;
const SHOWN_NARROW = 3;

const end = (reading) => (reading.value ? h("span", {}, valueName(reading.attribute, reading.value) + (reading.status === "ambiguous" ? "?" : "")) : h("span", { class: "unnamed" }, "not decoded"));
// A factor that was tied to a value is a slider for that value, whatever else an end of it may read as.
const ends = (f) => {
  if (!f.guide) return [end(f.negative), end(f.positive)];
  if (f.guide.value === null) return [f.negative, f.positive].map((reading, at) => h("span", {}, reading.attribute === f.guide.attribute ? `${f.guide.attribute} ${reading.value}` : `${["less", "more"][at]} ${f.guide.attribute}`));
  return ["less", "more"].map((word) => h("span", {}, `${word} ${valueName(f.guide.attribute, f.guide.value)}`));
};
// What a slider is called where its ends are not seen.
const called = (number, [low, high]) => `factor ${number}: ${low.textContent} to ${high.textContent}, in standard deviations`;
const effect = (f) => Math.max(f.negative.effect, f.positive.effect);
const tied = (f) => (f.guide ? 1 : 0); // those are whole tastes; of the others one half may be

// What the reply may say of a slider: the shares of these values, the mean of this number.
const told = (f) => ({
  values: [f.guide?.value ? [f.guide.attribute, f.guide.value] : null, ...[f.negative, f.positive].map((reading) => (reading.value ? [reading.attribute, reading.value] : null))].filter(Boolean).map((pair) => pair.join(":")),
  number: f.guide && f.guide.value === null ? f.guide.attribute : null,
});

export function steerCard(map, onChange) {
  const sliders = new Map(); // "factors 7", "attributes genre:Drama" -> slider
  const pushed = () => [...sliders.values()].filter((slider) => Number(slider.input.value) !== 0);
  const kept = keepButtons(() => value(), (...found) => { const left = show(...found); onChange(); return left; });
  const changed = () => { locks.draw(); kept.draw(); onChange(); };

  const slider = (kind, name, [low, high], title, about) => {
    const output = h("output", {}, "0");
    const input = h("input", { type: "range", min: "-3", max: "3", step: "0.1", value: "0", "aria-label": title, oninput: () => { put(Number(input.value)); changed(); } });
    const effects = h("div", { class: "effects" });
    const put = (strength) => {
      input.value = String(strength);
      output.textContent = strength > 0 ? `+${strength}` : `${strength}`.replace("-", "−");
      if (strength === 0) effects.replaceChildren();
    };
    const node = h("div", { class: "slider", title }, h("div", { class: "ends" }, low, output, high), input, effects);
    const made = { kind, name, input, effects, about, put, node };
    sliders.set(`${kind} ${name}`, made);
    return made;
  };
  const ofFactor = (f) => slider("factors", String(f.factor), ends(f), called(f.factor, ends(f)), told(f));
  const ofValue = (d) => slider("attributes", `${d.attribute}:${d.value}`, ["less", "more"].map((word) => h("span", {}, `${word} ${valueName(d.attribute, d.value)}`)), `${d.attribute} ${d.value}, in standard deviations`,
    { values: [`${d.attribute}:${d.value}`], number: null });

  const named = map.items.filter((f) => f.active && (f.guide || f.status !== "undecoded")).sort((a, b) => tied(b) - tied(a) || effect(b) - effect(a)).map(ofFactor);
  const directions = [...map.directions].sort((a, b) => b.r2 - a.r2);
  const added = h("div");
  const add = h("select", { class: "wide", "aria-label": "Add a slider for a value", onchange: () => {
    const d = directions[Number(add.value)];
    if (d) { const made = ofValue(d); added.append(made.node); made.input.focus(); }
    add.options[add.selectedIndex].disabled = true;
    add.value = "";
  } }, h("option", { value: "" }, "Add a value…"), directions.map((d, i) => h("option", { value: i }, `${d.attribute}: ${d.value}  (r² ${d.r2.toFixed(2)})`)));
  const locks = lockChips([...new Set(map.directions.map((d) => d.attribute))], () => new Set(pushed().filter((s) => s.kind === "attributes").map((s) => s.name.split(":")[0])), changed);

  // The sliders as they were kept; one that is not on the page yet is added. Of what was kept for another model only
  // the words hold here: its factors are not these, and it may know other values. Returns what is left out.
  function show(steer, bundleId = map.bundle_id) {
    const left = [];
    for (const one of sliders.values()) one.put(0);
    for (const [name, strength] of Object.entries(steer?.factors ?? {})) {
      if (bundleId !== map.bundle_id) { left.push(`factor ${name}`); continue; }
      const more = () => { const made = slider("factors", name, ["less", "more"].map((word) => h("span", {}, `${word} factor ${name}`)), called(name, ["less", "more"].map((word) => h("span", {}, word))), { values: [], number: null }); added.append(made.node); return made; };
      (sliders.get(`factors ${name}`) ?? more()).put(strength);
    }
    for (const [name, strength] of Object.entries(steer?.attributes ?? {})) {
      const at = directions.findIndex((d) => `${d.attribute}:${d.value}` === name);
      if (at < 0) { left.push(name); continue; }
      const more = () => { const made = ofValue(directions[at]); added.append(made.node); add.options[at + 1].disabled = true; return made; };
      (sliders.get(`attributes ${name}`) ?? more()).put(strength);
    }
    locks.show(steer?.lock ?? []);
    kept.draw();
    return left;
  }

  function value() {
    const moved = pushed();
    if (!moved.length) return null;
    const of = (kind) => Object.fromEntries(moved.filter((s) => s.kind === kind).map((s) => [s.name, Number(s.input.value)]));
    return { factors: of("factors"), attributes: of("attributes"), lock: locks.value() };
  }

  // Beside each slider what came of it; null: nothing is steered.
  function found(steering) {
    locks.found(steering);
    const shares = new Map((steering?.shares ?? []).map((share) => [`${share.attribute}:${share.value}`, share]));
    const means = new Map((steering?.means ?? []).map((mean) => [mean.attribute, mean]));
    for (const one of sliders.values()) {
      const lines = Number(one.input.value) === 0 ? [] : [...new Set(one.about.values)].filter((name) => shares.has(name)).map((name) => shareLine(shares.get(name)));
      const mean = Number(one.input.value) === 0 ? null : means.get(one.about.number);
      one.effects.replaceChildren(...(mean ? [meanLine(mean)] : []), ...lines);
    }
  }

  const first = named.slice(0, narrow() ? SHOWN_NARROW : SHOWN);
  const more = named.slice(first.length);
  const card = h("section", { class: "card steer" }, h("div", { class: "row apart" }, h("h2", {}, "Steer"), kept.buttons), kept.note,
    named.length ? null : h("p", { class: "note" }, "No factor of this model is decoded; values may still be steered."),
    first.map((one) => one.node), more.length ? h("details", {}, h("summary", { class: "muted" }, `${more.length} more`), more.map((one) => one.node)) : null,
    added, directions.length ? add : null, locks.node);
  return { card, value, found, load: (user) => kept.load(user) };
}

const shareLine = (share) => h("div", {}, `${valueName(share.attribute, share.value)}: `, h("b", {}, `${percent(share.before)} → ${percent(share.after)}`), ` of the list`, h("span", { class: "muted" }, ` (catalogue ${percent(share.catalogue)})`));
const number = (value) => (value === null ? "–" : Math.abs(value) >= 100 ? value.toFixed(0) : figure(value, 2));
const meanLine = (mean) => h("div", {}, `mean ${mean.attribute}: `, h("b", {}, `${number(mean.before)} → ${number(mean.after)}`), h("span", { class: "muted" }, ` (catalogue ${number(mean.catalogue)})`));

// Attributes to keep as they are; one that is steered by name cannot be.
function lockChips(names, steered, onChange) {
  const locked = new Set();
  const drift = h("p", { class: "note" });
  const chips = names.map((name) => h("button", { class: "chip", type: "button", "data-name": name, onclick: () => {
    if (!locked.delete(name)) locked.add(name);
    onChange();
  } }, name));
  const draw = () => {
    const taken = steered();
    for (const chip of chips) {
      const name = chip.dataset.name;
      chip.disabled = taken.has(name);
      if (chip.disabled) locked.delete(name);
      chip.title = chip.disabled ? "a slider above moves it, so it cannot be kept" : "";
      chip.setAttribute("aria-pressed", locked.has(name));
    }
  };
  draw();
  return {
    node: names.length ? h("div", {}, h("div", { class: "chips" }, h("span", { class: "muted" }, "keep as it is:"), chips), drift) : null,
    draw, value: () => [...locked],
    show: (list) => { locked.clear(); for (const name of list) if (names.includes(name)) locked.add(name); draw(); },
    found: (steering) => { drift.textContent = (steering?.locked ?? []).map(kept).join(" · "); },
  };
}

// How far a lock kept its attribute, beside what would have moved without it.
function kept(lock) {
  const free = lock.unlocked === null || lock.unlocked === undefined ? "" : `, ${percent(lock.unlocked)} without the lock`;
  return lock.drift < 0.005 ? `${lock.attribute} stays as it is${free && lock.unlocked >= 0.005 ? ` (${free.slice(2)})` : ""}` : `${lock.attribute} moved by ${percent(lock.drift)} all the same${free}`;
}
