// The picture of the latent space: users as points, conditions as numbered rings, and the legend that names them.

import { h } from "/web/api.js";
import { percent } from "/web/parts.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDE, LOW, HIGH, EDGE] = [640, 360, 640, 30];
const COLOURS = 10;
const BADGE = 9;
const POINTS = 3000;

const draw = (tag, attributes, ...children) => {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
};

const variance = (values) => {
  const mean = values.reduce((total, value) => total + value, 0) / values.length;
  return values.reduce((total, value) => total + (value - mean) ** 2, 0) / values.length;
};

// A spread is a root mean square distance over all components of the map; a ring lies in two of them, so it gets
// the part of the spread that the users themselves have on these two.
function partInPlane(points) {
  const parts = points[0].map((_, axis) => variance(points.map((p) => p[axis])));
  const total = parts.reduce((sum, part) => sum + part, 0);
  return total > 0 ? Math.sqrt((parts[0] + parts[1]) / total) : 1;
}

// One unit for both axes, or a ring would be no circle; everything drawn lies inside, rings included.
function frame(points, rings) {
  const span = (axis) => {
    const lows = [...points.map((p) => p[axis]), ...rings.map((ring) => ring.at[axis] - ring.radius)];
    const highs = [...points.map((p) => p[axis]), ...rings.map((ring) => ring.at[axis] + ring.radius)];
    return [Math.min(...lows), Math.max(...highs)];
  };
  const [[left, right], [bottom, top]] = [span(0), span(1)];
  const unit = Math.min((WIDE - 2 * EDGE) / (right - left || 1), (HIGH - 2 * EDGE) / (top - bottom || 1));
  const high = Math.max(LOW, (top - bottom) * unit + 2 * EDGE);
  return { unit, high, x: (p) => WIDE / 2 + (p[0] - (left + right) / 2) * unit, y: (p) => high / 2 - (p[1] - (bottom + top) / 2) * unit };
}

// Numbers that would lie on each other are pushed apart; a line leads back to the centre.
function apart(places, high) {
  const moved = places.map(([x, y], i) => [x + 0.01 * Math.cos(i), y + 0.01 * Math.sin(i)]);
  const need = 2 * BADGE + 3;
  for (let round = 0; round < 200; round += 1) {
    for (let i = 0; i < moved.length; i += 1) {
      for (let j = 0; j < i; j += 1) {
        const [dx, dy] = [moved[i][0] - moved[j][0], moved[i][1] - moved[j][1]];
        const distance = Math.hypot(dx, dy);
        if (distance >= need) continue;
        const push = (need - distance) / 2 / (distance || 1);
        for (const [node, sign] of [[moved[i], 1], [moved[j], -1]]) { node[0] += sign * push * dx; node[1] += sign * push * dy; }
      }
    }
  }
  return moved.map(([x, y]) => [Math.min(Math.max(x, BADGE + 1), WIDE - BADGE - 1), Math.min(Math.max(y, BADGE + 1), high - BADGE - 1)]);
}

function entry(name, i, group) {
  const light = (on) => group.classList.toggle("lit", on);
  const node = h("button", { class: "entry", type: "button", "aria-pressed": "false", title: "Show this ring", onmouseenter: () => light(true), onmouseleave: () => light(node.getAttribute("aria-pressed") === "true"),
    onclick: () => {
      const on = node.getAttribute("aria-pressed") !== "true";
      node.setAttribute("aria-pressed", on);
      light(on);
    } }, h("span", { class: `number hue${i % COLOURS}` }, i + 1), name);
  return node;
}

export function latentMap(map) {
  const part = partInPlane(map.points);
  const rings = map.centroids.map((at, i) => ({ at, radius: (map.spreads[i] ?? 0) * part }));
  const points = map.points.slice(0, POINTS);
  const { unit, high, x, y } = frame(points, rings);
  const svg = draw("svg", { viewBox: `0 0 ${WIDE} ${high.toFixed(0)}`, class: "map", role: "img", "aria-label": "PCA of the users' latents" });
  svg.append(...points.map((p) => draw("circle", { class: "point", cx: x(p), cy: y(p), r: 2.2 })));
  const badges = apart(rings.map((ring) => [x(ring.at), y(ring.at)]), high);
  const groups = rings.map((ring, i) => {
    const [cx, cy, [bx, by]] = [x(ring.at), y(ring.at), badges[i]];
    return draw("g", { class: `condition hue${i % COLOURS}` }, draw("title", {}, map.conditions[i]), draw("circle", { class: "ring", cx, cy, r: ring.radius * unit }),
      draw("line", { class: "lead", x1: cx, y1: cy, x2: bx, y2: by }), draw("circle", { class: "centre", cx, cy, r: 2.5 }),
      draw("circle", { class: "badge", cx: bx, cy: by, r: BADGE }), draw("text", { x: bx, y: by + 3.5 }, `${i + 1}`));
  });
  svg.append(...groups);
  const [first, second] = map.explained.map(percent);
  return h("div", {}, svg, h("div", { class: "legend" }, groups.map((group, i) => entry(map.conditions[i], i, group))),
    h("p", { class: "note" }, `PCA: the axes carry ${first} (across) and ${second} (up) of the variance, in the same unit. Points: users without a condition.`,
      rings.length ? " Rings: the same users under each condition, around their mean; the radius is their root mean square distance from it, as far as it lies in these two axes (shared out as the points' variance is)." : ""));
}
