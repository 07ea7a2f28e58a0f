// The city in numbers.

import { count } from "./format.js";

const STAGES = [
  ["at the restaurant", ["pending", "confirmed"]],
  ["in the kitchen", ["preparing", "ready_for_pickup"]],
  ["driver coming", ["driver_assigned", "driver_at_restaurant"]],
  ["on the road", ["picked_up", "on_the_way"]],
  ["at the door", ["at_doorstep"]],
];
const DRIVERS = [
  ["free", "online"],
  ["asked", "offered"],
  ["on a delivery", "on_delivery"],
];

const part = (selector) => document.querySelector(selector);
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

export class Counters {
  #stages = rows("#stages", STAGES);
  #drivers = rows("#drivers", DRIVERS);
  /** The pings of the last answer, and when it came. */
  #last = null;

  show({ orders, drivers, pings, sockets, checkouts }) {
    const stages = STAGES.map(([, statuses]) => sum(statuses.map((status) => orders[status])));
    fill(this.#stages, stages);
    fill(this.#drivers, DRIVERS.map(([, state]) => drivers[state]));
    say("#under-way", sum(stages));
    say("#late", orders.late);
    part("#late").classList.toggle("is-some", orders.late > 0);
    say("#checkouts", checkouts);
    say("#out-of-order", pings.out_of_order);
    say("#implausible", pings.implausible);
    say("#sockets", sockets);
    this.#rate(pings.taken);
  }

  /** The server counts anew once a second: what has not changed says nothing of the rate. */
  #rate(taken) {
    const now = performance.now();
    if (this.#last && taken === this.#last.taken && now - this.#last.at < 3_000) return;
    if (this.#last) say("#ping-rate", ((taken - this.#last.taken) * 1_000) / (now - this.#last.at));
    this.#last = { taken, at: now };
  }
}

function rows(list, names) {
  const made = names.map(([name]) => {
    const row = document.createElement("div");
    const [term, value] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = name;
    value.append(document.createElement("i"), document.createElement("b"));
    row.append(term, value);
    return row;
  });
  part(list).append(...made);
  return made;
}

function fill(rows, numbers) {
  const most = Math.max(...numbers, 1);
  rows.forEach((row, nth) => {
    row.querySelector("i").style.setProperty("--share", `${(100 * numbers[nth]) / most}%`);
    row.querySelector("b").textContent = count(numbers[nth]);
  });
}

function say(selector, number) {
  part(selector).textContent = count(number);
}
