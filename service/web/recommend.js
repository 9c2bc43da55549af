// The first view: who, under which condition, steered where; the list that follows; why an item is in it.

import { ask, clearTrouble, h, later, latest, report } from "/web/api.js";
import { bar, conditionCard, facts, factorName, percent, searchBox, titleOf } from "/web/parts.js";
import { steerCard } from "/web/steer.js";
import { whyCard } from "/web/why.js";

const N = 10;

function whoCard(onChange) {
  let user = null;
  const history = new Map();
  const chips = h("div", { class: "chips" });
  const about = h("p", { class: "note" });
  const draw = () => {
    chips.replaceChildren(...[...history.values()].map((item) => h("button", { class: "chip", type: "button", title: "Take it out", onclick: () => {
      history.delete(item.item_id); draw(); onChange();
    } }, `${titleOf(item)}  ×`)));
    const stored = user ? `user ${user}` : "";
    const given = history.size ? `${history.size} chosen` : "";
    about.textContent = [stored, given].filter(Boolean).join(" and ") || "Nobody yet: the list is what is popular.";
  };
  const choose = (id) => { user = id || null; draw(); onChange(); };
  const users = h("select", { class: "wide", "aria-label": "A stored user", onchange: () => choose(users.value) }, h("option", { value: "" }, "no stored user"));
  const byId = h("input", { placeholder: "or type a user's id", "aria-label": "User id", onchange: () => { users.value = ""; choose(byId.value.trim()); } });
  const card = h("section", { class: "card" }, h("h2", {}, "Who"), h("div", { class: "row" }, users, byId),
    h("h3", {}, "Items they liked"), searchBox((item) => { history.set(item.item_id, item); draw(); onChange(); }), chips, about);
  draw();
  ask("/users?limit=50").then((found) => {
    users.append(...found.items.map((entry) => h("option", { value: entry.user_id }, `user ${entry.user_id} · ${entry.n_items} items`)));
    if (found.items.length && !user && !history.size) { users.value = found.items[0].user_id; choose(users.value); }
  }).catch((error) => { if (error.problem?.status !== 403) report(error); users.hidden = true; });
  const value = () => ({ ...(user ? { user_id: user } : {}), ...(history.size || !user ? { history: [...history.keys()] } : {}) });
  return { card, value };
}

function reasonBars(item, scale) {
  return (item.reasons?.factors ?? []).map((f) => bar(factorName(f), f.contribution, scale, f.status === "undecoded" ? "faint" : ""));
}

function moveOf(item, before) {
  if (!before) return null;
  if (!before.has(item.item_id)) return h("span", { class: "move in" }, "in");
  const step = before.get(item.item_id).rank - item.rank;
  return step ? h("span", { class: `move ${step > 0 ? "up" : "down"}` }, `${step > 0 ? "▲" : "▼"} ${Math.abs(step)}`) : null;
}

export async function recommendView(view) {
  const [conditions, map] = await Promise.all([ask("/conditions"), ask("/factors")]);
  let before = null;
  let chosen = null;
  const list = h("ol", { class: "list" });
  const stated = h("p", { class: "note" });
  const left = h("p", { class: "left" });
  const fields = [];
  const request = (steer) => ({ ...who.value(), n: N, condition: condition.value(), fields, ...(steer ? { steer } : {}) });

  const why = whyCard();
  const showWhy = (item) => {
    chosen = item.item_id;
    for (const row of list.children) row.classList.toggle("chosen", row.dataset.id === chosen);
    why.show({ ...who.value(), item_id: chosen, n: N, condition: condition.value(), steer: steer.value() }, item);
  };

  const draw = (found, reference) => {
    const known = reference && new Map(reference.items.map((item) => [item.item_id, item]));
    const scale = Math.max(...found.items.flatMap((item) => (item.reasons?.factors ?? []).map((f) => Math.abs(f.contribution))), 1e-9);
    list.replaceChildren(...found.items.map((item) => {
      const move = moveOf(item, known);
      const row = h("li", { class: `item ${move?.classList.contains("in") ? "new" : ""} ${item.item_id === chosen ? "chosen" : ""}`, tabindex: "0", onclick: () => showWhy(item),
        onkeydown: (event) => { if (event.key === "Enter") showWhy(item); } },
      h("span", { class: "rank" }, item.rank), h("div", {}, h("div", { class: "title" }, titleOf(item)), facts(item)),
      h("div", { class: "row chance" }, move, h("span", { class: "muted", title: "probability" }, percent(item.probability))), h("div", { class: "reasons" }, reasonBars(item, scale)));
      row.dataset.id = item.item_id;
      return row;
    }));
    const here = new Set(found.items.map((item) => item.item_id));
    const gone = reference ? reference.items.filter((item) => !here.has(item.item_id)) : [];
    left.replaceChildren(...(gone.length ? [h("span", { class: "move out" }, "out"), " ", ...gone.map((item) => h("s", {}, titleOf(item)))] : []));
    const said = [found.source === "model" ? `from ${found.history_used} items` : "no personal list: popularity"];
    if (found.condition_satisfied !== null) said.push(`${percent(found.condition_satisfied)} satisfy the condition`);
    if (found.unknown_items.length) said.push(`${found.unknown_items.length} items are unknown to the model`);
    if (found.short_reason) said.push(found.short_reason);
    stated.textContent = said.join(" · ");
  };

  const update = latest(async (signal, renew) => {
    const asked = steer.value();
    if (renew || !before) before = await ask("/recommend", { ...request(null), explain: true }, signal);
    const found = asked ? await ask("/recommend", { ...request(asked), explain: true }, signal) : before;
    draw(found, asked ? before : null);
    const item = found.items.find((entry) => entry.item_id === chosen) ?? found.items[0];
    if (item && found.source === "model") showWhy(item); else why.clear();
  });
  const renew = later(60, () => update(true));
  const who = whoCard(renew);
  const condition = conditionCard(conditions, renew);
  const steer = steerCard(map, later(60, () => update(false)));
  const first = await ask("/items?limit=1");
  fields.push("title", ...Object.keys(first.items[0] ?? {}).filter((name) => !["item_id", "title", "popularity"].includes(name)));

  view.className = "";
  view.replaceChildren(h("div", {}, who.card, condition.card, steer.card),
    h("section", { class: "card" }, h("h2", {}, "The list"), stated, list, left), h("div", { class: "why" }, why.card));
  clearTrouble();
  renew();
}
