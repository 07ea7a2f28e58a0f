// The API's description, for people: drawn from /openapi.json, which the routes wrote themselves.

const docs = document.querySelector("#docs");

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const code = (text) => element("code", {}, String(text));

/** What a schema is, in a few words; one that has a name of its own is a link to it. */
function kind(schema) {
  if (!schema) return "";
  if (schema.$ref) {
    const name = schema.$ref.split("/").at(-1);
    return element("a", { href: `#${name}` }, name);
  }
  const either = schema.oneOf ?? schema.anyOf;
  if (either) return element("span", {}, ...joined(either.map(kind), " or "));
  if (schema.allOf) return element("span", {}, ...joined(schema.allOf.map(kind), " and "));
  if (schema.type === "array") return element("span", {}, "list of ", kind(schema.items));
  if (schema.enum) return element("span", {}, ...joined(schema.enum.map(code), ", "));
  return [schema.type].flat().join(" or ") + (schema.format ? ` (${schema.format})` : "");
}

const joined = (parts, between) => parts.flatMap((part, nth) => (nth ? [between, part] : [part]));

/** The bounds of a value. */
function bounds({ minimum, maximum, minLength, maxLength, minItems, maxItems, pattern, default: usual }) {
  const range = (least, most, of) =>
    least === undefined && most === undefined ? [] : [`${least ?? "…"} to ${most ?? "…"}${of}`];
  const said = [
    ...range(minimum, maximum, ""),
    ...range(minLength, maxLength, " characters"),
    ...range(minItems, maxItems, " entries"),
    ...(usual === undefined ? [] : [`by default ${JSON.stringify(usual)}`]),
  ];
  return [said.join(", "), pattern ? code(pattern) : null];
}

function table(head, rows) {
  if (rows.length === 0) return null;
  const row = (name, cells) => element("tr", {}, ...cells.map((cell) => element(name, {}, ...[cell].flat().filter(Boolean))));
  return element("table", {}, element("thead", {}, row("th", head)), element("tbody", {}, ...rows.map((cells) => row("td", cells))));
}

/** The members of an object, or of each of several that a value may be. */
function members(schema) {
  const parts = schema.oneOf ?? schema.allOf;
  if (parts) return element("div", {}, ...parts.map((part) => (part.$ref ? element("p", {}, kind(part)) : members(part))));
  const required = new Set(schema.required ?? []);
  const rows = Object.entries(schema.properties ?? {}).map(([name, of]) => [
    code(name),
    kind(of),
    [required.has(name) ? "" : "may be left out", ...bounds(of)],
    of.description ?? "",
  ]);
  const simple = schema.properties ? null : element("p", {}, kind(schema), " ", ...bounds(schema).filter(Boolean));
  return element("div", {}, simple, table(["member", "what", "bounds", ""], rows));
}

class Description {
  #openapi;

  constructor(openapi) {
    this.#openapi = openapi;
  }

  /** What stands where a reference leads. */
  #at(value) {
    if (!value?.$ref) return value;
    return value.$ref.slice(2).split("/").reduce((found, part) => found[part], this.#openapi);
  }

  operation(method, path, operation) {
    const content = (of) => Object.values(of?.content ?? {})[0]?.schema;
    const parameters = (operation.parameters ?? []).map((one) => {
      const parameter = this.#at(one);
      const { name, in: place, required, schema, description } = parameter;
      return [code(name), place, [required ? "" : "may be left out "], kind(schema), bounds(schema ?? {}), description ?? ""];
    });
    const responses = Object.entries(operation.responses ?? {}).map(([status, one]) => {
      const response = this.#at(one);
      return [code(status), response.description, kind(content(response))];
    });
    const body = operation.requestBody;
    return element(
      "details",
      { id: operation.operationId, className: "card" },
      element("summary", {}, element("b", { className: `method is-${method}` }, method.toUpperCase()), " ", code(path),
        element("span", { className: "soft" }, operation.summary ?? "")),
      operation.description ? element("p", {}, operation.description) : null,
      operation.security ? null : element("p", { className: "soft" }, "Nobody is asked who they are."),
      table(["parameter", "in", "", "what", "bounds", ""], parameters),
      body ? element("p", {}, "Body: ", kind(content(body)), body.required ? "" : ", or none") : null,
      table(["answer", "", "body"], responses),
    );
  }

  *operations(paths) {
    for (const [path, methods] of Object.entries(paths ?? {})) {
      for (const [method, operation] of Object.entries(methods)) {
        if (operation.responses) yield { tag: operation.tags?.[0] ?? "", node: this.operation(method, path, operation) };
      }
    }
  }

  draw() {
    const { info, paths, webhooks, components } = this.#openapi;
    const sections = Map.groupBy
      ? Map.groupBy(this.operations(paths), ({ tag }) => tag)
      : [...this.operations(paths)].reduce((map, one) => map.set(one.tag, [...(map.get(one.tag) ?? []), one]), new Map());
    const section = (title, nodes) => element("section", {}, element("h2", {}, title), ...nodes);
    docs.replaceChildren(
      element("h1", {}, `${info.title} ${info.version}`),
      element("p", {}, info.description, " The description itself is ", element("a", { href: "/openapi.json" }, "openapi.json"), "."),
      ...[...sections].map(([tag, all]) => section(tag, all.map(({ node }) => node))),
      section("what the service sends", [...this.operations(webhooks)].map(({ node }) => node)),
      section("forms", Object.entries(components.schemas).map(([name, schema]) =>
        element("details", { id: name, className: "card" }, element("summary", {}, code(name)),
          element("p", {}, schema.description ?? ""), members(schema)))),
    );
  }
}

/** A link to a form or an operation opens it. */
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  target.open = true;
  target.scrollIntoView();
}

document.querySelector("#find").addEventListener("input", ({ target }) => {
  const wanted = target.value.toLowerCase();
  for (const card of docs.querySelectorAll("details")) {
    card.hidden = !card.querySelector("summary").textContent.toLowerCase().includes(wanted);
  }
});
window.addEventListener("hashchange", openTarget);

try {
  const answer = await fetch("/openapi.json");
  if (!answer.ok) throw new Error(`it was answered ${answer.status}`);
  new Description(await answer.json()).draw();
  openTarget();
} catch (error) {
  docs.textContent = `The description could not be read: ${error.message}`;
}
