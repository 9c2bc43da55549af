// Save, Reset and Forget: what steers a stored user without being asked for each time.

import { h, report, send } from "/web/api.js";

// onLoad is called with the steering to show and the bundle it was kept for, or null; it returns what it had to leave out.
export function keepButtons(value, onLoad) {
  let user = null;
  let stored = null;
  let bundle; // that it was kept for
  let forgotten = false;
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
    return () => { [stored, bundle] = [kept.steer, kept.bundle_id]; left = []; draw(); };
  }) }, "Save");
  // The sliders as they are kept, or all at 0; what is kept stays.
  const reset = h("button", { class: "plain", type: "button", onclick: () => { left = onLoad(stored, bundle); draw(); } }, "Reset");
  const forget = h("button", { class: "plain", type: "button", title: "erases what is saved for this user", onclick: asking(async () => {
    await send("DELETE", path());
    return () => { stored = null; forgotten = true; left = onLoad(null); draw(); };
  }) }, "Forget");
  function draw() {
    const now = value();
    save.hidden = !user;
    save.disabled = !now || same();
    reset.disabled = same();
    forget.hidden = !user || !stored;
    if (now) forgotten = false;
    const state = !user ? "" : stored && same() ? `saved for user ${user}` : now || stored ? `not saved for user ${user}` : forgotten ? `forgotten for user ${user}` : "";
    note.textContent = [state, left.length ? `kept for another model, so left out: ${left.join(", ")}` : ""].filter(Boolean).join(" · ");
  }
  // What is kept for a user; who keeps nothing, or may not be asked about, starts with all sliders at 0.
  async function load(id) {
    user = id;
    stored = null;
    bundle = undefined;
    forgotten = false;
    left = [];
    if (id) {
      try {
        const known = await send("GET", `/users/${encodeURIComponent(id)}`);
        const kept = known.preferences ? await send("GET", path()) : { steer: null };
        if (user !== id) return;
        [stored, bundle] = [kept.steer, kept.bundle_id];
      } catch (error) { if (![403, 404].includes(error.problem?.status)) report(error); }
      if (user !== id) return;
    }
    left = onLoad(stored, bundle);
    draw();
  }
  draw();
  return { buttons: h("div", { class: "row" }, save, reset, forget), note, draw, load };
}

const sorted = (steer) => {
  if (!steer) return null;
  const entries = (part) => Object.entries(part ?? {}).sort();
  return [entries(steer.factors), entries(steer.attributes), [...(steer.lock ?? [])].sort()];
};
