// What only a browser can check of the live pages, over a city that is served.
//
//     node pages.mjs LINKS        # LINKS: what `dinner_rush --serve` printed

import assert from "node:assert/strict";
import { Browser, isLive, links, pause } from "./browser.mjs";

/** How long after the driver's arrival the button may still be seen, and how long a page may take to be
 * live again: wide bounds, of a machine that has other things to do. A page that polls would miss them. */
const GONE_WITHIN_MS = 5_000;
const BACK_WITHIN_MS = 30_000;

const { ops, orders, origin } = links(process.argv[2]);
assert.ok(orders.length >= 2, "an order on the road, and one whose promise is broken");
const [onTheRoad, late] = [orders[0], orders.at(-1)];
const browser = await Browser.launch(origin);
const orderOf = (link) => new URLSearchParams(new URL(link).hash.slice(1)).get("order");
const tokenOf = (link) => new URLSearchParams(new URL(link).hash.slice(1)).get("token");

/** The order as the service tells it now. */
async function told(link) {
  const headers = { authorization: `Bearer ${tokenOf(link)}` };
  const answer = await fetch(`${origin}/v1/orders/${orderOf(link)}`, { headers });
  assert.equal(answer.status, 200);
  return answer.json();
}

const checks = {
  /** The late order's button is there until the driver is, and in a tab that hears nothing, 409. */
  async "the button goes when the driver arrives, without a reload"() {
    const live = await browser.open(late);
    // One whose connection will be lost and not come back.
    let isCutOff = false;
    const lines = [];
    const stale = await browser.open(late, undefined, async (page) => {
      await page.routeWebSocket(/track/, (socket) => {
        if (isCutOff) return socket.close();
        socket.connectToServer();
        lines.push(socket);
      });
      await page.route(/\/v1\/orders\/[^/]+$/, (route) => (isCutOff ? route.abort() : route.continue()));
    });
    await isLive(live);
    await live.evaluate(() => (window.wasNotReloaded = true));
    const button = live.locator("#cancel");
    await button.waitFor({ state: "visible", timeout: 5_000 });
    await stale.locator("#cancel").waitFor({ state: "visible" });
    await isLive(stale);
    isCutOff = true;
    for (const line of lines) await line.close();

    await button.waitFor({ state: "hidden", timeout: 240_000 });
    const seen = Date.now();
    const order = await told(late);
    assert.equal(order.cancellation.allowed, false);
    assert.ok(await live.evaluate(() => window.wasNotReloaded), "the page was not reloaded");
    const arrived = order.history.find(({ status }) => status === "at_doorstep");
    assert.ok(arrived, `the driver arrived: ${order.status}`);
    assert.equal(order.cancellation.order, orderOf(late));
    // `as_of` is now in the city, which lives at a pace.
    const late_ms = (Date.parse(order.as_of) - Date.parse(arrived.at)) / Number(process.env.SPEED);
    const gone_ms = late_ms - (Date.now() - seen);
    console.log(`  the button went ${Math.round(gone_ms)} ms after the driver's arrival was decided`);
    assert.ok(gone_ms < GONE_WITHIN_MS, `gone within ${GONE_WITHIN_MS} ms`);

    assert.ok(await stale.locator("#cancel").isVisible(), "a tab that hears nothing still shows the button");
    const [refused] = await Promise.all([
      stale.waitForResponse(/\/cancel$/),
      stale.locator("#cancel").click(),
    ]);
    assert.equal(refused.status(), 409);
    const problem = await refused.json();
    assert.match(problem.code, /^order_(at_doorstep|ended)$/);
    assert.equal(problem.cancellation.allowed, false);
    await stale.getByText("I could not cancel it").waitFor();
    await stale.locator("#cancel").waitFor({ state: "hidden" });
    console.log(`  a stale tab is told 409 ${problem.code}, and its button goes`);
  },

  /** A connection that is cut comes back by itself, and what the page shows is how things stand. */
  async "after a reconnect the page shows how things stand"() {
    const sockets = [];
    const page = await browser.open(onTheRoad, undefined, (page) =>
      page.routeWebSocket(/track/, (socket) => {
        const frames = [];
        const server = socket.connectToServer();
        server.onMessage((frame) => {
          frames.push(JSON.parse(frame).type);
          socket.send(frame);
        });
        sockets.push({ socket, frames });
      }),
    );
    await isLive(page);
    await page.evaluate(() => (window.wasNotReloaded = true));
    await page.locator("#lines li").first().waitFor();
    // What the page says of its connection, and lies in place of the order: the snapshot has to undo them.
    await page.evaluate(() => {
      const pill = document.querySelector("#connection");
      window.said = [];
      new MutationObserver(() => window.said.push(pill.textContent)).observe(pill, { childList: true });
      document.querySelector("#headline").textContent = "";
      document.querySelector("#lines").replaceChildren();
    });
    await sockets[0].socket.close({ code: 1001 });
    const back = () => window.said.includes("reconnecting") && window.said.at(-1) === "live";
    await page.waitForFunction(back, undefined, { timeout: BACK_WITHIN_MS });
    await page.waitForFunction(() => document.querySelector("#headline").textContent !== "");
    assert.ok((await page.locator("#lines li").count()) > 0, "the receipt is back");
    assert.equal(sockets.length, 2, "one new connection");
    for (const { frames } of sockets) assert.equal(frames[0], "snapshot");
    assert.ok(await page.evaluate(() => window.wasNotReloaded), "the page was not reloaded");
    const value = Number(await page.locator("#progress").getAttribute("aria-valuenow"));
    assert.ok(value >= 1, `the progress is back: ${value}`);
  },

  /** However the map is zoomed, at most 100 markers stand for every driver of the viewport. */
  async "at most 100 markers at every zoom"() {
    const page = await browser.open(ops);
    const seen = [];
    page.on("response", async (response) => {
      if (!response.url().includes("/v1/ops/drivers")) return;
      const { markers, drivers } = await response.json();
      const stand = markers.map(({ kind, count }) => (kind === "group" ? count : 1));
      assert.equal(stand.reduce((sum, count) => sum + count, 0), drivers, "each driver once");
      seen.push({ markers: markers.length, drivers });
    });
    await isLive(page);
    await page.locator("#map").focus();
    for (const [key, times] of [["-", 30], ["+", 44]]) {
      for (let nth = 0; nth < times; nth += 1) {
        await page.keyboard.press(key);
        await pause(120);
      }
    }
    const most = Math.max(...seen.map(({ markers }) => markers));
    const drivers = Math.max(...seen.map(({ drivers }) => drivers));
    console.log(`  ${seen.length} answers, at most ${most} markers for at most ${drivers} drivers`);
    assert.ok(seen.length > 20, "the map was asked at many zooms");
    assert.ok(drivers > 100, "there are more drivers than markers");
    assert.ok(most <= 100);
    // And by the service itself, at every zoom there is: half the width each time.
    const { pickup } = await told(onTheRoad);
    for (let zoom = 0; zoom <= 22; zoom += 1) {
      const [width, height] = [180 / 2 ** zoom, 90 / 2 ** zoom];
      const { lng, lat } = pickup;
      const [west, south] = [Math.max(lng - width, -180), Math.max(lat - height, -90)];
      const [east, north] = [Math.min(lng + width, 180), Math.min(lat + height, 90)];
      const headers = { authorization: `Bearer ${tokenOf(ops)}` };
      const bbox = [west, south, east, north].join(",");
      const answer = await fetch(`${origin}/v1/ops/drivers?bbox=${bbox}&zoom=${zoom}`, { headers });
      assert.equal(answer.status, 200);
      const { markers } = await answer.json();
      assert.ok(markers.length <= 100, `${markers.length} at zoom ${zoom}`);
    }
  },

  /** The description of the API is drawn from this host alone, under the same strict policy. */
  async "the API is described offline"() {
    const page = await browser.open(`${origin}/docs`);
    await page.locator("#place_order").waitFor();
    const described = await (await fetch(`${origin}/openapi.json`)).json();
    const operations = Object.values(described.paths).flatMap((methods) => Object.keys(methods)).length;
    const forms = Object.keys(described.components.schemas).length;
    const drawn = await page.locator("details").count();
    assert.equal(drawn, operations + 1 + forms, "each operation, the webhook, and each form");
    await page.locator("#place_order summary").click();
    await page.locator("#place_order a[href='#PlaceOrder']").click();
    await page.locator("#PlaceOrder[open]").getByText("drop_off").waitFor();
    await page.locator("#find").fill("/cancel");
    assert.equal(await page.locator("details:visible").count(), 2);
  },
};

// The late order first, and beside it the others: its driver is on the way.
const names = Object.keys(checks);
const outcomes = await Promise.allSettled(names.map((name) => checks[name]()));
outcomes.forEach(({ status, reason }, nth) => {
  console.log(`${status === "fulfilled" ? "ok    " : "FAILED"} ${names[nth]}`);
  if (status === "rejected") console.error(reason);
});
console.log(`${browser.asked} requests, none to another host`);
await browser.close();
process.exit(outcomes.every(({ status }) => status === "fulfilled") ? 0 : 1);
