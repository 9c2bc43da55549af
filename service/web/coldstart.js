// Cold start: choose halves of factors, or attribute values, and see a list for someone without a history.

import { ask, h, later, latest } from "/web/api.js";
import { facts, percent, titleOf } from "/web/parts.js";

const label = (factor, half) => {
  const reading = factor[half];
  return reading.value ? `${reading.value}${reading.status === "ambiguous" ? "?" : ""} · factor ${factor.factor} ${half === "positive" ? "+" : "−"}` : `not decoded · factor ${factor.factor} ${half === "positive" ? "+" : "−"}`;
};

export async function coldstartView(view) {
  const [map, first] = await Promise.all([ask("/factors"), ask("/items?limit=1")]);
  const fields = ["title", ...Object.keys(first.items[0] ?? {}).filter((name) => !["item_id", "title", "popularity"].includes(name))];
  const picks = new Map();
  const list = h("ol", { class: "list" });
  const shares = h("div", {});
  let chosen = false; // until somebody moves the slider a named value gets as much strength as its list needs
  const strengthOf = (pick) => (chosen || pick.factor !== undefined ? { strength: Number(strength.value) } : {});
  const strength = h("input", { type: "range", min: "0", max: "3", step: "0.1", value: "1", "aria-label": "Strength", oninput: () => { chosen = true; update(); } });
  const seed = h("input", { type: "number", min: "0", value: "7", size: "5", "aria-label": "Seed", onchange: () => update() });

  const run = latest(async (signal) => {
    if (!picks.size) { list.replaceChildren(); shares.replaceChildren(h("p", { class: "note" }, "Choose at least one half.")); return; }
    const body = { picks: [...picks.values()].map((pick) => ({ ...pick, ...strengthOf(pick) })), n: 10, samples: 32, seed: Math.max(0, Math.trunc(Number(seed.value)) || 0), fields };
    const found = await ask("/coldstart", body, signal);
    list.replaceChildren(...found.items.map((item) => h("li", { class: "item" }, h("span", { class: "rank" }, item.rank),
      h("div", {}, h("div", { class: "title" }, titleOf(item)), facts(item)), h("span", { class: "muted chance" }, percent(item.probability)))));
    shares.replaceChildren(...found.shares.map((share) => h("p", { class: "sentence" }, `${share.value}: ${percent(share.in_list)} of this list, ${percent(share.in_catalogue)} of the catalogue`)),
      ...found.picks.filter((pick) => !chosen && pick.strength > 1).map((pick) => h("p", { class: "note" }, `${pick.value}: sampled at strength ${pick.strength}, which its list needs`)),
      ...found.picks.filter((pick) => pick.note).map((pick) => h("p", { class: "note" }, pick.note)));
  });
  const update = later(60, () => run());

  const chip = (name, pick, text) => {
    const node = h("button", { class: "chip", type: "button", "aria-pressed": "false", onclick: () => {
      const [kind, number] = name.split(" ");
      const other = kind === "+" ? `- ${number}` : kind === "-" ? `+ ${number}` : "";
      if (!picks.delete(name)) { picks.set(name, pick); if (picks.delete(other)) document.getElementById(`pick ${other}`)?.setAttribute("aria-pressed", "false"); }
      node.setAttribute("aria-pressed", picks.has(name));
      update();
    }, id: `pick ${name}` }, text);
    return node;
  };
  const active = map.items.filter((factor) => factor.active);
  // First what is read as it was tied, then what is read surely: those lists hold what the chip says.
  const rank = ({ factor, half }) => (factor[half].status === "decoded" ? 1 : 0) + (factor.guide && factor[half].value === factor.guide.value ? 1 : 0);
  const halves = (wanted) => active.flatMap((factor) => ["positive", "negative"].map((half) => ({ factor, half })))
    .filter(({ factor, half }) => (factor[half].status !== "undecoded") === wanted)
    .sort((a, b) => rank(b) - rank(a) || b.factor[b.half].effect - a.factor[a.half].effect)
    .map(({ factor, half }) => chip(`${half === "positive" ? "+" : "-"} ${factor.factor}`, { factor: factor.factor, half }, label(factor, half)));
  const values = map.directions.map((d) => chip(`value ${d.attribute}:${d.value}`, { attribute: d.attribute, value: d.value }, `${d.value}`));
  const undecoded = halves(false);

  view.className = "two";
  view.replaceChildren(h("div", {}, h("section", { class: "card" }, h("h2", {}, "Halves of the spectrum"), h("div", { class: "chips" }, halves(true)),
    undecoded.length ? h("details", {}, h("summary", { class: "muted" }, `not decoded (${undecoded.length})`), h("div", { class: "chips" }, undecoded)) : null),
  values.length ? h("section", { class: "card" }, h("h2", {}, "Or values"), h("div", { class: "chips" }, values)) : null,
  h("section", { class: "card" }, h("h2", {}, "Sampling"), h("label", {}, h("span", { class: "muted" }, "strength"), strength), h("label", { class: "row" }, h("span", { class: "muted" }, "seed"), seed))),
  h("section", { class: "card" }, h("h2", {}, "The list"), shares, list));
  const start = view.querySelector(".chip");
  if (start) start.click(); else run();
}
