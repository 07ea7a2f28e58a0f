// Follows an order: its messages as they come, and again from a snapshot when the connection was lost.

const OVER = 1000;
const NOT_ALLOWED = 1008;
const TOKEN_EXPIRED = 4001;

const WAIT_LEAST_MS = 500;
const WAIT_MOST_MS = 15_000;

export class Tracking extends EventTarget {
  #api;
  #path;
  #socket = null;
  #wait = WAIT_LEAST_MS;
  #timer = null;

  constructor(api, order) {
    super();
    this.#api = api;
    this.#path = `/v1/orders/${encodeURIComponent(order)}/track`;
    // Whoever comes back to the page does not wait for the next try.
    const now = () => {
      if (this.#timer !== null && document.visibilityState === "visible") this.open();
    };
    window.addEventListener("online", now);
    document.addEventListener("visibilitychange", now);
  }

  /**
   * Events: `message` (its `detail` is the message), `live`, `lost` (its `detail` is whether there was
   * a connection at all), `over`, `expired`, `refused`.
   */
  open() {
    clearTimeout(this.#timer);
    this.#timer = null;
    const socket = this.#api.socket(this.#path);
    this.#socket = socket;
    let wasLive = false;
    socket.addEventListener("open", () => {
      wasLive = true;
      this.#tell("live");
    });
    socket.addEventListener("message", ({ data }) => {
      this.#wait = WAIT_LEAST_MS;
      this.#tell("message", JSON.parse(data));
    });
    socket.addEventListener("close", ({ code }) => this.#closed(socket, code, wasLive));
  }

  close() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#socket?.close();
    this.#socket = null;
  }

  #closed(socket, code, wasLive) {
    if (socket !== this.#socket) return;
    if (code === OVER) return this.#tell("over");
    if (code === TOKEN_EXPIRED) return this.#tell("expired");
    if (code === NOT_ALLOWED) return this.#tell("refused");
    // Jittered, so that a crowd does not come back all at once.
    const wait = this.#wait * (0.5 + Math.random());
    this.#wait = Math.min(this.#wait * 2, WAIT_MOST_MS);
    this.#timer = setTimeout(() => this.open(), wait);
    this.#tell("lost", wasLive);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
