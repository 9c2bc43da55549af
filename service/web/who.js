// Who is asked for: a stored user, items somebody liked, or both; and where that puts them in the factors.

import { ask, h, report } from "/web/api.js";
import { factorName, foldedCard, likedItems, listing, titleOf } from "/web/parts.js";

const FACTORS = 6;

// onUser is called with the id when another user is chosen, and has to ask for a list by itself.
export function whoCard(onUser, onChange) {
  let user = null;
  const liked = likedItems(() => { said(); onChange(); });
  const about = h("p", { class: "note" });
  const place = placeInFactors(() => value());
  const said = () => {
    const given = liked.ids().length;
    about.textContent = [user ? `user ${user}` : "", given ? `${given} chosen` : ""].filter(Boolean).join(" and ") || "Nobody yet: the list is what is popular.";
    place.reset(Boolean(user) || given > 0);
  };
  const choose = (id) => { user = id || null; said(); onUser(user); };
  const users = h("select", { class: "wide", "aria-label": "A stored user", onchange: () => { byId.value = ""; choose(users.value); } }, h("option", { value: "" }, "no stored user"));
  const byId = h("input", { class: "wide", placeholder: "or type a user's id", "aria-label": "User id", onchange: () => { users.value = ""; choose(byId.value.trim()); } });
  const value = () => ({ ...(user ? { user_id: user } : {}), ...(liked.ids().length || !user ? { history: liked.ids() } : {}) });
  const card = foldedCard("Who", users, byId, h("h3", {}, "Items they liked"), liked.node, about, place.node);
  said();

  // The first user is chosen, so that there is something to see; somebody quicker is not overruled.
  async function start() {
    try {
      const found = await ask("/users?limit=50");
      users.append(...found.items.map((entry) => h("option", { value: entry.user_id }, `user ${entry.user_id} · ${entry.n_items} items`)));
      if (!user && !liked.ids().length) { users.value = found.items[0]?.user_id ?? ""; choose(users.value); }
    } catch (error) {
      users.hidden = true;
      if (error.problem?.status !== 403) report(error);
      onUser(null);
    }
  }
  return { card, value, start, user: () => user };
}

// The profile, asked for when it is opened: each decoded factor, how unusual the place in it is, and what put them there.
function placeInFactors(who) {
  const inside = h("div", {});
  const load = async () => {
    try {
      const told = await ask("/explain", { ...who(), preferences: false }); // as they are, not as they are steered
      inside.replaceChildren(h("p", { class: "note" }, told.sentence), ...told.factors.slice(0, FACTORS).map(row));
    } catch (error) { inside.replaceChildren(h("p", { class: "note" }, error.message)); }
  };
  const node = h("details", { class: "place", ontoggle: () => { if (node.open) load(); } }, h("summary", { class: "muted" }, "Their place in the factors"), inside);
  return { node, reset: (known) => { node.hidden = !known; if (node.open) load(); } };
}

function row(factor) {
  const dot = h("span", { class: "dot" });
  dot.style.left = `${factor.percentile}%`;
  const shown = factor.items.slice(0, 2).map(titleOf);
  const beyond = Math.min(Math.max(factor.percentile, 100 - factor.percentile), 99).toFixed(0);
  const words = `${factor.percentile >= 50 ? "above" : "below"} ${beyond} % of users`;
  return h("div", { class: "position" }, h("div", {}, factorName(factor)), h("div", { class: "spectrum", title: words }, dot),
    h("div", { class: "muted" }, `${words}${shown.length ? `, by ${listing(shown)}` : ""}`));
}
