// The page: its tabs, and what is served.

import { ask, clearTrouble, h, report, speakTo } from "/web/api.js";
import { coldstartView } from "/web/coldstart.js";
import { factorsView } from "/web/factors.js";
import { recommendView } from "/web/recommend.js";

const VIEWS = { recommend: ["Recommend", recommendView], coldstart: ["Cold start", coldstartView], factors: ["Factors", factorsView] };
const view = document.getElementById("view");
const tabs = document.getElementById("tabs");

async function showModel() {
  const { serving, models } = await ask("/bundles");
  speakTo(models.length > 1 ? serving?.model : null);
  const text = serving ? `${serving.model} ${serving.version} · ${serving.kind} · ${serving.n_items} items · ${serving.n_latent} factors` : "no model is loaded yet";
  document.getElementById("model").textContent = text;
}

async function open() {
  const name = location.hash.slice(1) in VIEWS ? location.hash.slice(1) : "recommend";
  for (const tab of tabs.children) tab.setAttribute("aria-selected", tab.dataset.view === name);
  try {
    clearTrouble();
    await showModel();
    await VIEWS[name][1](view);
  } catch (error) { view.replaceChildren(); report(error); }
}

for (const [name, [label]] of Object.entries(VIEWS)) {
  const tab = h("button", { role: "tab", type: "button", onclick: () => { location.hash = name; } }, label);
  tab.dataset.view = name;
  tabs.append(tab);
}
window.addEventListener("hashchange", open);
document.getElementById("key").addEventListener("change", open);
open();
