// What the items should be: values of the attribute that conditions speak of, any or all of them, and how firmly.

import { h } from "/web/api.js";
import { foldedCard } from "/web/parts.js";

const MODES = { soft: "soft: the model leans to it", strict: "strict: only such items", both: "both" };

export function conditionCard(conditions, onChange) {
  if (!conditions.items.length) return { card: null, value: () => null };
  const chosen = new Set();
  const soft = conditions.items.some((item) => item.soft);
  const option = ([value, label]) => h("option", { value }, label);
  const match = h("select", { "aria-label": "Match", onchange: onChange }, [["any", "any of them"], ["all", "all of them"]].map(option));
  const mode = h("select", { "aria-label": "Mode", onchange: onChange }, Object.entries(MODES).filter(([name]) => soft || name === "strict").map(option));
  const choices = h("div", { class: "row" }, match, mode);
  const draw = () => { choices.hidden = !chosen.size; match.hidden = chosen.size < 2; };
  const chips = conditions.items.map((item) => {
    const chip = h("button", { class: "chip", type: "button", "aria-pressed": "false", title: `${item.n_items} items`, onclick: () => {
      if (!chosen.delete(item.value)) chosen.add(item.value);
      chip.setAttribute("aria-pressed", chosen.has(item.value));
      draw();
      onChange();
    } }, item.value);
    return chip;
  });
  const card = foldedCard(`Only some ${conditions.attribute}s`, h("div", { class: "chips" }, chips), choices);
  draw();
  return { card, value: () => (chosen.size ? { genres: [...chosen], match: chosen.size < 2 ? "any" : match.value, mode: mode.value } : null) };
}
