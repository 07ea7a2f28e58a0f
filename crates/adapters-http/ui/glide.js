// A point that moves smoothly to wherever it was last seen.

import { wantsStillness } from "./stage.js";

export class Glide {
  #from;
  #to;
  #begins = 0;
  #lasts = 0;

  constructor(at) {
    this.#from = this.#to = at;
  }

  /** Sets out for `to` at `now`, and is there after so many milliseconds. */
  goTo(to, now, lasts) {
    this.#from = this.at(now);
    this.#to = to;
    this.#begins = now;
    this.#lasts = wantsStillness() ? 0 : lasts;
  }

  at(now) {
    if (!this.moves(now)) return this.#to;
    const part = Math.max(now - this.#begins, 0) / this.#lasts;
    return {
      x: this.#from.x + (this.#to.x - this.#from.x) * part,
      y: this.#from.y + (this.#to.y - this.#from.y) * part,
    };
  }

  moves(now) {
    return now < this.#begins + this.#lasts;
  }
}
