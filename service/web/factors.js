// The decoded map: what each half of each factor encodes, and the users' latents in two dimensions.

import { ask, h } from "/web/api.js";
import { figure } from "/web/parts.js";

const SVG = "http://www.w3.org/2000/svg";
const draw = (tag, attributes, text) => {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text) node.textContent = text;
  return node;
};

function scatter(map) {
  const [wide, high, edge] = [640, 420, 26];
  const ends = map.centroids.flatMap((p, i) => [-1, 1].map((side) => [p[0] + side * (map.spreads[i] ?? 0), p[1] + side * (map.spreads[i] ?? 0)]));
  const all = [...map.points, ...map.centroids, ...ends];
  const range = (axis) => { const values = all.map((p) => p[axis]); return [Math.min(...values), Math.max(...values)]; };
  const [xs, ys] = [range(0), range(1)];
  const x = (p) => edge + ((p[0] - xs[0]) / (xs[1] - xs[0] || 1)) * (wide - 2 * edge);
  const y = (p) => high - edge - ((p[1] - ys[0]) / (ys[1] - ys[0] || 1)) * (high - 2 * edge);
  const unit = (wide - 2 * edge) / (xs[1] - xs[0] || 1);
  const svg = draw("svg", { viewBox: `0 0 ${wide} ${high}`, class: "map", role: "img", "aria-label": "PCA of the users' latents" });
  svg.append(draw("line", { class: "axis", x1: edge, y1: high - edge, x2: wide - edge, y2: high - edge }), draw("line", { class: "axis", x1: edge, y1: edge, x2: edge, y2: high - edge }));
  for (const p of map.points.slice(0, 3000)) svg.append(draw("circle", { class: "point", cx: x(p), cy: y(p), r: 3 }));
  map.centroids.forEach((p, i) => {
    svg.append(draw("circle", { class: "spread", cx: x(p), cy: y(p), r: Math.max(3, (map.spreads[i] ?? 0) * unit) }),
      draw("circle", { class: "centre", cx: x(p), cy: y(p), r: 4 }), draw("text", { x: x(p) + 7, y: y(p) - 6 }, map.conditions[i]));
  });
  return svg;
}

const half = (reading) => (reading.status === "undecoded" ? h("span", { class: "pill" }, "not decoded")
  : [h("strong", {}, reading.value), ` ${reading.attribute} `, h("span", { class: `pill ${reading.status}` }, reading.status),
    h("div", { class: "muted" }, `effect ${figure(reading.effect)} [${figure(reading.effect_low)}, ${figure(reading.effect_high)}], q ${reading.q_value.toPrecision(2)}`,
      reading.rivals.length ? ` · as likely: ${reading.rivals.join(", ")}` : "")]);
const examples = (items) => h("div", { class: "muted" }, items.slice(0, 3).map((item) => item.title ?? item.item_id).join(" · "));

export async function factorsView(view) {
  const [map, latent] = await Promise.all([ask("/factors"), ask("/latent/map")]);
  const rows = map.items.map((factor) => h("tr", {}, h("td", { class: "number" }, factor.factor),
    h("td", {}, half(factor.negative), examples(factor.examples_negative)), h("td", {}, half(factor.positive), examples(factor.examples_positive)),
    h("td", { class: "number" }, figure(factor.kl, 2)), h("td", {}, factor.active ? "active" : h("span", { class: "muted" }, "inactive")),
    h("td", { class: "number" }, factor.stability === null ? "–" : factor.stability.toFixed(2))));
  view.className = "two map";
  const share = latent.explained.slice(0, 2).map((part) => `${(100 * part).toFixed(0)} %`).join(" and ");
  view.replaceChildren(
    h("div", {}, latent.points.length && latent.points[0].length > 1 ? h("section", { class: "card" }, h("h2", {}, "Users in the latent space"), scatter(latent),
      h("p", { class: "note" }, `PCA; the two axes carry ${share} of the variance. Rings: the same users under each condition.`)) : null,
    map.notes.length ? h("section", { class: "card" }, h("h2", {}, "What could not be decoded"), map.notes.map((note) => h("p", { class: "note" }, note))) : null),
    h("section", { class: "card" }, h("h2", {}, "Factors"), h("table", {}, h("thead", {}, h("tr", {}, ["z", "negative half", "positive half", "KL", "", "stability"].map((name) => h("th", {}, name)))), h("tbody", {}, rows))));
}
