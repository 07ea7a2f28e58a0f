// The server's time, as far as its messages tell: a page's own clock may be wrong, and the city of a
// simulation has another day.

export class ServerClock {
  #ahead = null;

  /** A message says that it is this time. */
  hear(asOf) {
    this.#ahead = Date.parse(asOf) - performance.now();
  }

  /** Something happened at this time: it is no earlier. */
  hearOf(past) {
    if (Date.parse(past) > this.now()) this.hear(past);
  }

  /** In milliseconds since 1970. */
  now() {
    return this.#ahead === null ? Date.now() : this.#ahead + performance.now();
  }
}
