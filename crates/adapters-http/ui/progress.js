// Headline, estimate and progress bar.

import { minutes, timeOfDay } from "./format.js";
import { STEPS, describe } from "./statuses.js";

const part = (selector) => document.querySelector(selector);

export class Progress {
  #clock;
  #bar = part("#progress");
  #steps;

  constructor(clock) {
    this.#clock = clock;
    this.#steps = STEPS.map((name) => {
      const step = document.createElement("li");
      step.textContent = name;
      return step;
    });
    this.#bar.querySelector("ol").append(...this.#steps);
    this.#bar.setAttribute("aria-valuemax", STEPS.length - 1);
  }

  show(order) {
    const { step, title, ended, withdrawn } = describe(order.status);
    say("#headline", title);
    say("#subline", ended ? ending(order) : this.#outlook(order));
    document.title = title;
    part("#times").hidden = Boolean(ended);
    const [now, estimated] = [this.#clock.now(), Date.parse(order.estimated_at)];
    say("#expected", estimated > now ? timeOfDay(estimated) : "any moment");
    say("#promised", timeOfDay(order.promised_at));
    const isLate = Math.max(estimated, now) > Date.parse(order.promised_at);
    part("#expected").classList.toggle("is-late", isLate);

    this.#bar.hidden = Boolean(withdrawn);
    this.#bar.setAttribute("aria-valuenow", step);
    this.#bar.setAttribute("aria-valuetext", title);
    this.#bar.querySelector(".fill").style.width = `${(100 * (step + 0.5)) / STEPS.length}%`;
    if (step === STEPS.length - 1) this.#bar.querySelector(".fill").style.width = "100%";
    this.#steps.forEach((item, nth) => item.classList.toggle("is-now", nth === step));
  }

  #outlook(order) {
    const now = this.#clock.now();
    const [estimated, promised] = [Date.parse(order.estimated_at), Date.parse(order.promised_at)];
    if (now > promised) return `The promise was ${timeOfDay(promised)}: ${minutes(now - promised)} ago.`;
    if (estimated <= now) return `Promised in ${minutes(promised - now)} at the latest.`;
    return `In about ${minutes(estimated - now)}.`;
  }
}

function ending(order) {
  const last = order.history.at(-1);
  return last ? `At ${timeOfDay(last.at)}.` : "";
}

/** Changes a text only if it differs: what is unchanged is not announced again. */
function say(selector, text) {
  const element = part(selector);
  if (element.textContent !== text) element.textContent = text;
}
