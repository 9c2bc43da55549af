// JSON Schema for people: types in words, fields in tables, and what a named type is, opened where it is named.

import { h } from "/web/api.js";

// `name` in running text is code.
export const prose = (text) => (text ?? "").split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part));

const joined = (parts, word) => parts.flatMap((part, i) => (i ? [word, part] : [part]));
const BOUNDS = [["≥", "minimum"], ["≤", "maximum"], [">", "exclusiveMinimum"], ["<", "exclusiveMaximum"], ["up to", "maxLength"], ["at least", "minItems"], ["at most", "maxItems"], ["at most", "maxProperties"]];

// An id is a text or a whole number, which is kept as its text.
const isId = (either) => either?.some((part) => part.pattern) && either.some((part) => part.type === "integer");

export function opener(document_) {
  const schemas = document_.components.schemas;
  const named = (schema) => schemas[schema.$ref.split("/").pop()];

  // The type in words. open(name, schema) is called when the name of a type is chosen.
  function typeOf(schema, open) {
    if (!schema) return [];
    if (schema.$ref) {
      const name = schema.$ref.split("/").pop();
      return open ? [h("button", { class: "type", type: "button", "aria-expanded": "false", onclick: (event) => open(event.target, schema) }, name)] : [name];
    }
    const either = schema.anyOf ?? schema.oneOf;
    if (isId(either)) return [either.some((part) => part.type === "null") ? "id or null" : "id"];
    if (either) return joined(either.map((part) => typeOf(part, open)), " or ").flat();
    if (schema.enum) return [schema.enum.map((value) => JSON.stringify(value)).join(" | ")];
    if (schema.const !== undefined) return [JSON.stringify(schema.const)];
    const bounds = BOUNDS.filter(([, key]) => schema[key] !== undefined).map(([sign, key]) => ` ${sign} ${schema[key]}`).join(",");
    const inner = (part) => (part?.anyOf && !isId(part.anyOf) ? ["(", ...typeOf(part, open), ")"] : typeOf(part, open));
    if (schema.type === "array") return ["list of ", ...inner(schema.items), bounds && `,${bounds}`];
    const entry = Object.values(schema.patternProperties ?? {})[0] ?? schema.additionalProperties;
    if (schema.type === "object" && typeof entry === "object") return ["map to ", ...inner(entry), bounds && `,${bounds}`];
    return [`${schema.type ?? "any"}${bounds}`];
  }

  // A field's row, and below it, when its type is opened, a row with the definition of that type.
  function row(name, schema, needed, text, place = "") {
    const definition = h("tr", { class: "definition", hidden: true }, h("td", { colspan: "3" }));
    const open = (button, reference) => {
      const on = button.getAttribute("aria-expanded") !== "true";
      for (const other of line.querySelectorAll(".type")) other.setAttribute("aria-expanded", "false");
      button.setAttribute("aria-expanded", on);
      definition.hidden = !on;
      if (on) definition.firstChild.replaceChildren(h("strong", {}, button.textContent), fields(reference));
    };
    const usual = schema?.default !== undefined && schema.default !== null && schema.const === undefined ? ` = ${JSON.stringify(schema.default)}` : "";
    const line = h("tr", {}, h("td", {}, h("code", {}, name), needed ? " *" : ""), h("td", { class: "muted" }, place ? `${place} · ` : "", typeOf(schema, open), usual), h("td", {}, prose(text)));
    return [line, definition];
  }

  // The fields of a schema as a table, with its own description; one table for each of several alternatives.
  function fields(schema) {
    if (!schema) return null;
    if (schema.anyOf) return h("div", {}, joined(schema.anyOf.map(fields), h("p", { class: "note" }, "or")));
    const found = schema.$ref ? named(schema) : schema;
    const needed = new Set(found.required ?? []);
    const rows = Object.entries(found.properties ?? {}).map(([field, about]) => row(field, about, needed.has(field), about.description));
    return h("div", {}, (found.description ?? "").split("\n\n").filter(Boolean).map((text) => h("p", { class: "note" }, prose(text))),
      rows.length ? h("table", { class: "fields" }, h("tbody", {}, rows)) : h("p", { class: "note" }, typeOf(found)));
  }

  return { row, fields };
}
