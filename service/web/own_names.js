// The document's examples come from a small made-up model: here in the names of the model that is served.

import { ask } from "/web/api.js";

const FACTS = new Set(["item_id", "popularity"]);
const asked = (path) => ask(path).catch(() => null);

// Returns {body, path}: functions that put what this service knows into an example; what it may not see stays as it is.
export async function ownNames() {
  const [items, users, conditions, map] = await Promise.all(["/items?limit=10", "/users?limit=1", "/conditions?limit=2", "/factors?limit=1"].map(asked));
  const ids = items?.items.map((item) => item.item_id) ?? [];
  const columns = new Set(Object.keys(items?.items[0] ?? {}).filter((name) => !FACTS.has(name)));
  const values = conditions?.items.filter((item) => item.soft).map((item) => item.value) ?? [];
  const direction = map?.directions[0];
  const others = new Set(map?.directions.map((found) => found.attribute).filter((name) => name !== direction?.attribute));
  const user = users?.items[0]?.user_id;

  const members = {
    history: (list) => (ids.length ? list.map((_, i) => ids[i % ids.length]) : list),
    item_id: (id) => ids.at(-1) ?? id,
    user_id: (id) => user ?? id,
    genres: (list) => (values.length ? values.slice(0, list.length) : list),
    attributes: (steer) => (direction ? { [`${direction.attribute}:${direction.value}`]: Object.values(steer)[0] } : steer),
    lock: (list) => list.filter((name) => others.has(name)),
    fields: (list) => list.filter((name) => columns.has(name)),
  };

  function body(value, key = "") {
    if (value === null) return null;
    if (members[key]) return members[key](value);
    if (Array.isArray(value)) return value.map((part) => body(part));
    if (typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, body(part, name)]).filter(([, part]) => part !== null));
  }

  const path = (template, parameters, method) => template.replace(/\{(\w+)\}/g, (_, name) => {
    const example = parameters.find((p) => p.name === name)?.schema?.examples?.[0];
    // A command that writes or erases never names someone who may be there.
    const own = { item_id: ids[0], code: "no-bundle", factor: "0", user_id: method === "get" ? user : "SOME-USER" };
    return encodeURIComponent(own[name] ?? example ?? name);
  });
  return { body, path, ids };
}
