// The support chat: what the customer is told, and the Cancel button, which shows exactly as long as
// the server allows it.

import { freshKey, Problem } from "./api.js";
import { minutes, money, timeOfDay } from "./format.js";

const WELCOME = "Hi! Should your order be late, you can cancel it here for nothing, until the driver arrives.";

const GROUNDS = {
  before_acceptance: "The restaurant has not answered yet: you can still cancel for nothing.",
  promise_broken: "Your order is later than we promised. I am sorry. If you would rather not wait:",
  no_driver: "We have not found a driver so far. I am sorry. If you would rather not wait:",
};

const REASONS = {
  at_doorstep: "Your driver is at the door, so the order can no longer be cancelled.",
  picked_up: "The order has been collected and can no longer be cancelled here.",
  ended: "The order is over. There is nothing left to cancel.",
  not_this_party: "This order cannot be cancelled from here.",
};

const part = (selector) => document.querySelector(selector);

export class Chat {
  #api;
  #clock;
  #cancelled;
  #terms = null;
  /** Of the press that is not answered yet. */
  #key = null;
  #button = part("#cancel");

  /** `cancelled(order)` hears the order that was ended. */
  constructor(api, clock, cancelled) {
    this.#api = api;
    this.#clock = clock;
    this.#cancelled = cancelled;
    this.#button.addEventListener("click", () => this.#cancel());
  }

  /** How things stand with the button, whatever was so before. */
  show(terms) {
    const before = this.#terms;
    this.#terms = terms;
    if (before === null) this.#say(WELCOME);
    part("#offer").hidden = !terms.allowed;
    if (terms.allowed) {
      const { refund } = terms;
      const back = refund ? ` ${money(refund)} goes back to your card.` : "";
      part("#terms").textContent = `Cancelling costs nothing.${back}`;
      if (before?.ground !== terms.ground) this.#say(GROUNDS[terms.ground] ?? "You can cancel now.", "is-warm");
    } else if (before?.reason !== terms.reason) {
      this.#say(this.#why(terms));
    }
  }

  #why({ reason, from }) {
    if (reason !== "not_yet") return REASONS[reason] ?? "The order cannot be cancelled now.";
    if (!from) return "Your order is on time.";
    const left = Date.parse(from) - this.#clock.now();
    const when = left > 0 ? ` (in ${minutes(left)})` : "";
    return `All is well so far. If it is not with you by ${timeOfDay(from)}${when}, a Cancel button shows here.`;
  }

  async #cancel() {
    this.#key ??= freshKey();
    this.#button.disabled = true;
    this.#say("Please cancel my order.", "mine");
    try {
      const path = `/v1/orders/${encodeURIComponent(this.#terms.order)}/cancel`;
      const { body } = await this.#api.post(path, {}, this.#key);
      this.#key = null;
      this.#say("Done: your order is cancelled.");
      this.#cancelled(body);
    } catch (error) {
      this.#refused(error);
    } finally {
      this.#button.disabled = false;
    }
  }

  #refused(error) {
    if (!(error instanceof Problem)) {
      // Whether it arrived is not known: the next press asks under the same key.
      this.#say("I could not reach the server. Please press again.", "is-warm");
      return;
    }
    this.#key = null;
    this.#say(`I could not cancel it: ${error.title}.`, "is-warm");
    if (error.body.cancellation) this.show(error.body.cancellation);
  }

  #say(text, ...kinds) {
    const at = document.createElement("time");
    const now = this.#clock.now();
    at.dateTime = new Date(now).toISOString();
    at.textContent = timeOfDay(now);
    const message = document.createElement("li");
    message.classList.add(...kinds);
    message.append(text, at);
    const messages = part("#messages");
    messages.append(message);
    messages.scrollTop = messages.scrollHeight;
  }
}
