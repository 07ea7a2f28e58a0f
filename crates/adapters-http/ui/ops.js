// The operations page: asks how the city stands, again and again, and shows it.

import { Api, Problem } from "./api.js";
import { CityMap } from "./city-map.js";
import { Counters } from "./counters.js";
import { count, timeOfDay } from "./format.js";
import { beginWith, saleId, token } from "./fragment.js";
import { ServerClock } from "./server-clock.js";
import { askForToken } from "./sign-in.js";
import { steer } from "./steering.js";
import { WaitingRoom } from "./waiting-room.js";

const ASK_EVERY_MS = 1_000;
/** After the map was moved it is asked again at once, but not at each pixel. */
const ASK_AFTER_MOVE_MS = 120;
const WORLD = "-180,-85,180,85";

const api = new Api(token);
const clock = new ServerClock();
const canvas = document.querySelector("#map");
const map = new CityMap(canvas);
const counters = new Counters();
const room = saleId ? new WaitingRoom(clock) : null;

function connection(text, isLive) {
  const pill = document.querySelector("#connection");
  if (pill.textContent !== text) pill.textContent = text;
  pill.classList.toggle("is-live", isLive);
}

/** Asks `what` again a while after each answer; at once when it is called. While the page is not seen
 * nobody asks. */
function again(what) {
  let timer = null;
  let turn = 0;
  const ask = async () => {
    clearTimeout(timer);
    const mine = ++turn;
    try {
      if (document.visibilityState === "visible") await what(() => mine === turn);
      connection("live", true);
    } catch (error) {
      if (error instanceof Problem && [401, 403].includes(error.status)) {
        return askForToken(`${error.title}.`);
      }
      connection("reconnecting", false);
    }
    if (mine === turn) timer = setTimeout(ask, ASK_EVERY_MS);
  };
  document.addEventListener("visibilitychange", ask);
  ask();
  return ask;
}

async function askForDrivers(isLatest) {
  const { bbox, zoom } = map.view;
  const { body } = await api.get(`/v1/ops/drivers?bbox=${bbox}&zoom=${zoom}`);
  if (!isLatest()) return;
  clock.hear(body.as_of);
  map.show(body.markers);
  document.querySelector("#clock").textContent = timeOfDay(body.as_of);
  const shown = `${count(body.drivers)} drivers · ${count(body.markers.length)} markers`;
  document.querySelector("#readout").textContent = shown;
}

async function askForCounters() {
  counters.show((await api.get("/v1/ops/counters")).body);
}

async function askForSale() {
  try {
    room.show((await api.get(`/v1/sales/${encodeURIComponent(saleId)}`)).body);
  } catch (error) {
    if (!(error instanceof Problem) || ![400, 404].includes(error.status)) throw error;
    room.missing(`${error.title}.`);
  }
}

async function showAll() {
  const { body } = await api.get(`/v1/ops/drivers?bbox=${WORLD}&zoom=0`);
  map.fit(body.markers);
}

async function begin() {
  await showAll().catch(() => connection("reconnecting", false));
  const ask = again(askForDrivers);
  let timer = null;
  map.addEventListener("moved", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, ASK_AFTER_MOVE_MS);
  });
  again(askForCounters);
  if (room) again(askForSale);
  steer(canvas, map, showAll);
}

document.querySelector("#choose-sale").addEventListener("submit", (event) => {
  event.preventDefault();
  beginWith("sale", new FormData(event.target).get("sale").trim());
});

if (token) begin();
else askForToken("The link to this page brings a token along. Paste one here to go on.");
