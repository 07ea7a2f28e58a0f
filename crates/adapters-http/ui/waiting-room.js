// A flash sale and the people who wait for it.

import { count, minutes, timeOfDay } from "./format.js";

/** Most dots of the queue; beyond, each stands for several people. */
const DOTS_MOST = 120;

const part = (selector) => document.querySelector(selector);

export class WaitingRoom {
  #clock;

  constructor(clock) {
    this.#clock = clock;
    part("#choose-sale").hidden = true;
    part("#sale").hidden = false;
  }

  show(sale) {
    const state = this.#state(sale);
    if (part("#sale-state").textContent !== state) part("#sale-state").textContent = state;
    for (const name of ["sold", "held", "available", "waiting", "admitted"]) {
      part(`#${name}`).textContent = count(sale[name]);
    }
    const share = (units) => `${(100 * units) / Math.max(sale.stock, 1)}%`;
    part("#stock .sold").style.width = share(sale.sold);
    part("#stock .held").style.width = share(sale.held);
    const units = `${sale.sold} of ${sale.stock} sold, ${sale.held} held, ${sale.available} available`;
    part("#stock").setAttribute("aria-label", units);
    this.#queue(sale);
  }

  missing(why) {
    part("#sale-state").textContent = why;
  }

  #state({ opens_at: opensAt, closed, available, held, stock }) {
    if (closed) return "Closed.";
    const left = Date.parse(opensAt) - this.#clock.now();
    if (left > 0) return `Opens at ${timeOfDay(opensAt)}, in ${minutes(left)}: the crowd gathers.`;
    if (available === 0 && held === 0) return `Sold out: all ${count(stock)}.`;
    if (available === 0) return "Every unit is taken; those that are not paid come back.";
    return `Open since ${timeOfDay(opensAt)}.`;
  }

  /** A dot for everybody: those who are let in first. */
  #queue({ waiting, admitted }) {
    const each = Math.max(1, Math.ceil((waiting + admitted) / DOTS_MOST));
    const [letIn, inLine] = [Math.ceil(admitted / each), Math.ceil(waiting / each)];
    const queue = part("#queue");
    while (queue.childElementCount > letIn + inLine) queue.lastChild.remove();
    while (queue.childElementCount < letIn + inLine) queue.append(document.createElement("i"));
    [...queue.children].forEach((dot, nth) => dot.classList.toggle("let-in", nth < letIn));
  }
}
