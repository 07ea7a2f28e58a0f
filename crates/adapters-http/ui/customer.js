// The customer's page: follows one order from wherever it stands to its end.

import { Api, Problem } from "./api.js";
import { Chat } from "./chat.js";
import { orderId, token } from "./fragment.js";
import { OrderMap } from "./order-map.js";
import { Progress } from "./progress.js";
import { showReceipt } from "./receipt.js";
import { ServerClock } from "./server-clock.js";
import { askForToken } from "./sign-in.js";
import { Tracking } from "./tracking.js";

/** How often it is asked for an order that is not there yet. */
const ASK_EVERY_MS = 2_000;
/** How often times that depend on the present are written anew. */
const REFRESH_EVERY_MS = 10_000;

const api = new Api(token);
const clock = new ServerClock();
const progress = new Progress(clock);
const map = new OrderMap(document.querySelector("#map"));
const chat = new Chat(api, clock, restore);
const pause = (milliseconds) => new Promise((resume) => setTimeout(resume, milliseconds));

/** The order, as it is known. */
let order = null;

/** The whole truth, in place of whatever was known. */
function restore(whole) {
  order = whole;
  clock.hear(whole.as_of);
  showReceipt(whole);
  chat.show(whole.cancellation);
  show();
}

function show() {
  progress.show(order);
  map.show(order);
}

const hear = {
  snapshot: (message) => restore(message.order),
  status_update({ status, estimated_at, driver, history, as_of }) {
    clock.hear(as_of);
    order = { ...order, status, estimated_at, driver, history };
    show();
  },
  location_update({ driver, position, heading_deg: heading, taken_at }) {
    clock.hearOf(taken_at);
    if (order.driver?.id === driver) map.move(driver, position, heading);
  },
  cancellation_update({ cancellation }) {
    clock.hear(cancellation.as_of);
    order = { ...order, cancellation };
    chat.show(cancellation);
  },
};

function connection(text, isLive) {
  const pill = document.querySelector("#connection");
  pill.textContent = text;
  pill.classList.toggle("is-live", isLive);
}

/** The order in the address, or the latest; waits until there is one. */
async function find() {
  for (;;) {
    const { status, body } = orderId
      ? await api.get(`/v1/orders/${encodeURIComponent(orderId)}`)
      : await api.get("/v1/orders?limit=1");
    if (orderId && status === 200) return body;
    if (!orderId && body.data.length > 0) return body.data[0];
    say(orderId ? "Your payment is being confirmed" : "You have no order yet", "This page waits for it.");
    connection("waiting", false);
    await pause(ASK_EVERY_MS);
  }
}

/** Says what is wrong; whether it may be well again by itself. */
function isPassing(error) {
  connection("reconnecting", false);
  if (!(error instanceof Problem) || error.status >= 500 || error.status === 429) return true;
  connection("not live", false);
  if (error.status === 401) askForToken(`${error.title}.`);
  else say(error.title, error.message === error.title ? "" : error.message);
  return false;
}

/** Asks for the whole order; whether it was told, or may be another time. */
async function look() {
  try {
    restore((await api.get(`/v1/orders/${encodeURIComponent(order.id)}`)).body);
    return true;
  } catch (error) {
    return isPassing(error);
  }
}

async function follow() {
  try {
    restore(await find());
  } catch (error) {
    if (!isPassing(error)) return;
    await pause(ASK_EVERY_MS);
    return follow();
  }
  const tracking = new Tracking(api, order.id);
  tracking.addEventListener("message", ({ detail }) => hear[detail.type]?.(detail));
  tracking.addEventListener("live", () => connection("live", true));
  tracking.addEventListener("lost", async ({ detail: wasLive }) => {
    connection("reconnecting", false);
    // A socket that does not open does not say why.
    if (!wasLive && !(await look())) tracking.close();
  });
  tracking.addEventListener("over", async () => {
    connection("complete", true);
    await look();
  });
  tracking.addEventListener("refused", () => connection("not live", false));
  tracking.addEventListener("expired", () => askForToken("Your token has expired."));
  tracking.open();
}

function say(headline, subline) {
  document.querySelector("#headline").textContent = headline;
  document.querySelector("#subline").textContent = subline;
}

if (token) {
  setInterval(() => order && progress.show(order), REFRESH_EVERY_MS);
  follow();
} else {
  askForToken("The link to this page brings a token along. Paste one here to go on.");
}
