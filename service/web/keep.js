// Save and Reset: what steers a stored user without being asked for each time.

import { h, report, send } from "/web/api.js";

// onLoad is called with the steering to show and the bundle it was kept for, or null; it returns what it had to leave out.
export function keepButtons(value, onLoad) {
  let user = null;
  let stored = null;
  let left = []; // of what is stored, what the model that is served cannot follow
  const same = () => JSON.stringify(sorted(stored)) === JSON.stringify(sorted(value()));
  const path = () => `/users/${encodeURIComponent(user)}/preferences`;
  const note = h("p", { class: "note", role: "status" });
  // An answer that comes when another user is chosen is not theirs.
  const asking = (run) => async () => {
    const asked = user;
    try { const found = await run(); if (user === asked) found(); } catch (error) { report(error); }
  };
  const save = h("button", { class: "plain", type: "button", onclick: asking(async () => {
    const kept = await send("PUT", path(), { steer: value() });
    return () => { stored = kept.steer; left = []; draw(); };
  }) }, "Save");
  const reset = h("button", { class: "plain", type: "button", onclick: asking(async () => {
    if (user && stored) await send("DELETE", path());
    return () => { stored = null; left = []; onLoad(null); };
  }) }, "Reset");
  function draw() {
    const now = value();
    save.hidden = !user;
    save.disabled = !now || same();
    reset.disabled = !now && !stored;
    const state = !user ? "" : stored && same() ? `saved for user ${user}` : now || stored ? `not saved for user ${user}` : "";
    note.textContent = [state, left.length ? `kept for another model, so left out: ${left.join(", ")}` : ""].filter(Boolean).join(" · ");
  }
  // What is kept for a user; who keeps nothing, or may not be asked about, starts with all sliders at 0.
  async function load(id) {
    user = id;
    stored = null;
    left = [];
    let bundle;
    if (id) {
      try {
        const kept = await send("GET", path());
        if (user !== id) return;
        [stored, bundle] = [kept.steer, kept.bundle_id];
      } catch (error) { if (![403, 404].includes(error.problem?.status)) report(error); }
      if (user !== id) return;
    }
    left = onLoad(stored, bundle);
    draw();
  }
  draw();
  return { buttons: h("div", { class: "row" }, save, reset), note, draw, load };
}

const sorted = (steer) => {
  if (!steer) return null;
  const entries = (part) => Object.entries(part ?? {}).sort();
  return [entries(steer.factors), entries(steer.attributes), [...(steer.lock ?? [])].sort()];
};
