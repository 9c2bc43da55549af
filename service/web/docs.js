// The API's documentation, drawn from /openapi.json: no library, nothing from elsewhere.

import { ask, h, report } from "/web/api.js";
import { ownNames } from "/web/own_names.js";
import { opener, prose } from "/web/schema.js";

const JSON_TYPE = "application/json";
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

// A command for a shell, complete as it stands: this page's own service, and the body that belongs to the path.
function curl(path, method, body, headers = []) {
  const words = ["curl"];
  if (method !== "get") words.push(`-X ${method.toUpperCase()}`);
  words.push(...headers.map((name) => `-H ${quoted(`${name}: example-1`)}`));
  if (body !== undefined) words.push(`-H 'content-type: application/json' -d ${quoted(JSON.stringify(body))}`);
  return [...words, quoted(`${location.origin}${path}`)].join(" ");
}

const command = (text) => h("pre", { class: "command" }, text);
const pretty = (value) => h("details", {}, h("summary", { class: "muted" }, "example"), h("pre", {}, JSON.stringify(value, null, 1)));

function parametersOf(parameters, schemas) {
  if (!parameters.length) return null;
  const rows = parameters.map((p) => schemas.row(p.name, p.schema, p.required, p.description ?? p.schema?.description, p.in));
  return [h("h3", {}, "Parameters"), h("table", {}, h("tbody", {}, rows))];
}

function errorsOf(responses) {
  const rows = Object.entries(responses).filter(([status]) => status !== "200").map(([status, error]) => {
    const codes = Object.entries(error.content?.["application/problem+json"]?.examples ?? {});
    const told = codes.flatMap(([code, example], i) => [i ? " · " : "", h("a", { href: `#problem-${code}`, title: example.value.hint }, code), ` ${example.value.title}`]);
    return h("tr", {}, h("td", {}, status), h("td", { class: "muted" }, told.length ? told : error.description));
  });
  return [h("h3", {}, "Errors"), h("table", {}, h("tbody", {}, rows))];
}

function operation({ path, method, about }, schemas, own) {
  const body = about.requestBody?.content?.[JSON_TYPE];
  const reply = about.responses["200"]?.content?.[JSON_TYPE];
  const parameters = about.parameters ?? [];
  const needed = parameters.filter((p) => p.in === "header" && p.required).map((p) => p.name);
  const [first, ...more] = (about.description ?? about.summary).split("\n\n");
  return h("details", { class: "operation", id: about.operationId },
    h("summary", {}, h("span", { class: `method ${method}` }, method.toUpperCase()), h("code", {}, path), h("span", { class: "muted" }, prose(first))),
    more.map((text) => h("p", {}, prose(text))),
    h("p", { class: "note" }, about["x-scope"] ? prose(`Needs a key of scope ${about["x-scope"]}, sent in \`X-API-Key\`, where keys are configured.`) : "Needs no key."),
    command(curl(own.path(path, parameters, method), method, body?.example && own.body(body.example), needed)),
    parametersOf(parameters, schemas),
    body ? [h("h3", {}, "Request"), schemas.fields(body.schema)] : null,
    reply ? [h("h3", {}, "Reply"), schemas.fields(reply.schema), reply.example ? pretty(reply.example) : null] : null,
    errorsOf(about.responses));
}

function problemCard(problems) {
  const rows = problems.map((found) => h("tr", { id: `problem-${found.code}` }, h("td", {}, h("code", {}, found.code)), h("td", {}, found.status), h("td", {}, `${found.title}. `, h("div", { class: "muted" }, prose(found.hint)))));
  return h("section", { class: "card", id: "problems" }, h("h2", {}, "Problem codes"),
    h("p", { class: "note" }, prose("Every error has one shape, `application/problem+json`; its `code` is one of these and its `type` is the path /problems/ with the code.")),
    h("table", {}, h("thead", {}, h("tr", {}, ["code", "status", "what it means, and what to do"].map((name) => h("th", {}, name)))), h("tbody", {}, rows)));
}

// An operation or a problem code that the address names is opened and shown.
function showNamed() {
  const found = document.getElementById(location.hash.slice(1));
  if (!found) return;
  if (found.tagName === "DETAILS") found.open = true;
  found.scrollIntoView();
}

async function show() {
  const [document_, problems, own] = await Promise.all([ask("/openapi.json"), ask("/problems"), ownNames()]);
  const schemas = opener(document_);
  const operations = Object.entries(document_.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, about]) => ({ path, method, about })));
  const groups = document_.tags.map((tag) => h("section", { class: "card" }, h("h2", {}, tag.name), h("p", { class: "note" }, prose(tag.description)),
    operations.filter(({ about }) => about.tags?.includes(tag.name)).map((entry) => operation(entry, schemas, own))));
  const history = own.ids.length ? own.ids.slice(0, 2) : document_.paths["/recommend"].post.requestBody.content[JSON_TYPE].example.history;
  document.getElementById("view").replaceChildren(
    h("div", {}, h("section", { class: "card" }, h("h2", {}, `${document_.info.title} ${document_.info.version}`), h("p", {}, prose(document_.info.description)),
      h("p", { class: "note" }, "A first request, for someone who liked two items of this catalogue:"), command(curl("/recommend", "post", { history, n: 5 })),
      h("p", { class: "note" }, "* is needed in a request, and always there in a reply; a type that is underlined opens its definition. An id is a text of up to 64 bytes, or a whole number, which is kept as its text."))),
    h("div", {}, groups, problemCard(problems.items)));
  showNamed();
}

window.addEventListener("hashchange", showNamed);
show().catch(report);
