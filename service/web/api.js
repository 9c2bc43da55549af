// The service's API for the page: one function to ask, one element to build, nothing from elsewhere.

const key = () => document.getElementById("key")?.value ?? "";

export class Problem extends Error {
  constructor(problem) { super(problem.detail ?? "the service did not answer"); this.problem = problem; }
}

let model = null;

// Where several models are served, the one whose factors the page shows answers, whoever is asked about.
export function speakTo(name) { model = name; }

// GET without a body, POST with one.
export const ask = (path, body, signal) => send(body === undefined ? "GET" : "POST", path, body, signal);

export async function send(method, path, body, signal) {
  const headers = { accept: "application/json" };
  if (key()) headers["X-API-Key"] = key();
  if (body !== undefined) headers["content-type"] = "application/json";
  if (model && method === "POST") body = { ...body, model };
  if (model && method === "PUT") path += `?model=${encodeURIComponent(model)}`;
  const reply = await fetch(path, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  const answer = await reply.json().catch(() => ({ detail: `the service answered ${reply.status}` }));
  if (!reply.ok) throw new Problem(answer);
  return answer;
}

// h("p", {class: "note"}, "text", node, ...): text is always text, never markup.
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat(3).filter((child) => child !== null && child !== undefined));
  return node;
}

export function report(error) {
  if (error?.name === "AbortError") return;
  const line = document.getElementById("trouble");
  const problem = error instanceof Problem ? error.problem : {};
  // The fields at fault say more than the line above them, where they are not that line itself.
  const fields = (problem.errors ?? []).map((field) => field.detail).filter((detail) => detail !== error.message);
  line.textContent = [error.message, ...fields, problem.hint].filter(Boolean).join(" · ");
  line.hidden = false;
}

export function clearTrouble() { document.getElementById("trouble").hidden = true; }

// Runs the latest call only: an older answer that comes late is dropped.
export function latest(run) {
  let controller = null;
  return async (...values) => {
    controller?.abort();
    const mine = (controller = new AbortController());
    try {
      const answer = await run(mine.signal, ...values);
      if (mine === controller) clearTrouble();
      return answer;
    } catch (error) { report(error); }
  };
}

export function later(milliseconds, run) {
  let timer = 0;
  return (...values) => { clearTimeout(timer); timer = setTimeout(() => run(...values), milliseconds); };
}
