// The API's documentation, drawn from /openapi.json: no library, nothing from elsewhere.

import { ask, h, report } from "/web/api.js";

const pretty = (value) => h("pre", {}, JSON.stringify(value, null, 1));
const nameOf = (schema) => (schema?.$ref ? schema.$ref.split("/").pop() : null);

function typeOf(schema) {
  if (!schema) return "";
  if (schema.$ref) return nameOf(schema);
  const either = schema.anyOf ?? schema.oneOf;
  if (either) return either.map(typeOf).join(" or ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.type === "array") return `list of ${typeOf(schema.items)}`;
  if (schema.type === "object" && schema.additionalProperties?.type) return `map to ${typeOf(schema.additionalProperties)}`;
  const bounds = [["≥", schema.minimum], ["≤", schema.maximum], ["length ≤", schema.maxLength]].filter(([, bound]) => bound !== undefined).map(([sign, bound]) => `${sign} ${bound}`);
  return [schema.type ?? "", ...bounds].join(" ");
}

function fields(document_, schema) {
  const name = nameOf(schema);
  const found = name ? document_.components.schemas[name] : schema;
  if (!found?.properties) return null;
  const needed = new Set(found.required ?? []);
  return h("table", {}, h("tbody", {}, Object.entries(found.properties).map(([field, about]) => h("tr", {}, h("td", {}, h("code", {}, field), needed.has(field) ? " *" : ""),
    h("td", { class: "muted" }, typeOf(about), about.default !== undefined && about.default !== null ? ` = ${JSON.stringify(about.default)}` : ""), h("td", {}, about.description ?? "")))));
}

function operation(document_, path, method, about) {
  const body = about.requestBody?.content?.["application/json"];
  const reply = about.responses["200"]?.content?.["application/json"];
  const parameters = about.parameters ?? [];
  const errors = Object.entries(about.responses).filter(([status]) => status !== "200");
  return h("details", { class: "operation", id: about.operationId },
    h("summary", {}, h("span", { class: `method ${method}` }, method.toUpperCase()), h("code", {}, path), h("span", { class: "muted" }, about.description ?? about.summary)),
    h("p", { class: "note" }, about["x-scope"] ? `needs a key of scope ${about["x-scope"]} where keys are configured` : "needs no key"),
    parameters.length ? [h("h3", {}, "Parameters"), h("table", {}, h("tbody", {}, parameters.map((p) => h("tr", {}, h("td", {}, h("code", {}, p.name), p.required ? " *" : ""), h("td", { class: "muted" }, `${p.in} · ${typeOf(p.schema)}`), h("td", {}, p.description ?? "")))))] : null,
    body ? [h("h3", {}, "Request"), fields(document_, body.schema), body.example ? pretty(body.example) : null] : null,
    reply ? [h("h3", {}, "Reply"), fields(document_, reply.schema), reply.example ? pretty(reply.example) : null] : null,
    h("h3", {}, "Errors"), h("table", {}, h("tbody", {}, errors.map(([status, error]) => h("tr", {}, h("td", {}, status), h("td", { class: "muted" }, error.description))))));
}

ask("/openapi.json").then((document_) => {
  const operations = Object.entries(document_.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, about]) => ({ path, method, about })));
  const groups = document_.tags.map((tag) => h("section", { class: "card" }, h("h2", {}, tag.name), h("p", { class: "note" }, tag.description),
    operations.filter(({ about }) => about.tags?.includes(tag.name)).map(({ path, method, about }) => operation(document_, path, method, about))));
  document.getElementById("view").replaceChildren(h("div", {}, h("section", { class: "card" }, h("h2", {}, `${document_.info.title} ${document_.info.version}`), h("p", {}, document_.info.description),
    h("p", { class: "note" }, "curl -H 'content-type: application/json' -d '{\"history\": [...]}' …/recommend"))), h("div", {}, groups));
}).catch(report);
