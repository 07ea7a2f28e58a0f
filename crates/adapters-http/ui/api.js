// Requests to this host in somebody's name. What is refused comes as a `Problem` (RFC 9457).

export class Problem extends Error {
  constructor(status, body) {
    super(body.detail ?? body.title ?? `The server answered ${status}`);
    this.status = status;
    this.title = body.title ?? this.message;
    this.code = body.code;
    this.body = body;
  }
}

/** For an `Idempotency-Key`: the same on every retry of one press. */
export function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Api {
  #token;

  constructor(token) {
    this.#token = token;
  }

  get(path) {
    return this.#ask(path, {});
  }

  post(path, body, key) {
    const headers = { "content-type": "application/json", "idempotency-key": key };
    return this.#ask(path, { method: "POST", headers, body: JSON.stringify(body) });
  }

  /** A browser cannot set a header on a WebSocket: the token goes as a subprotocol. */
  socket(path) {
    const url = new URL(path, location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    url.hash = "";
    return new WebSocket(url, ["doorstep.v1", `bearer.${this.#token}`]);
  }

  async #ask(path, { headers, ...more }) {
    const authorization = `Bearer ${this.#token}`;
    const response = await fetch(path, { ...more, headers: { ...headers, authorization } });
    const text = await response.text();
    const body = text ? JSON.parse(text) : null;
    if (!response.ok) throw new Problem(response.status, body ?? {});
    return { status: response.status, body };
  }
}
