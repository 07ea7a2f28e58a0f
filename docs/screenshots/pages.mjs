// Looks at the live pages of a served city: pictures of them, and what only a browser can check.
//
//     node pages.mjs LINKS FOLDER        # LINKS: what `dinner_rush --serve` printed

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [, , linksFile, folder] = process.argv;
const links = readFileSync(linksFile, "utf8").match(/http:\S+/g);
const ops = links.find((link) => link.includes("/ops#"));
const customers = links.filter((link) => link.includes("&order="));
const origin = new URL(ops).origin;
const pause = (milliseconds) => new Promise((resume) => setTimeout(resume, milliseconds));

const DESKTOP = { viewport: { width: 1280, height: 800 } };
const TALL = { viewport: { width: 1280, height: 1000 } };
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--no-sandbox"],
});

/** Opens a page, and holds it to asking this host alone and to no error. */
async function open(link, options) {
  const context = await browser.newContext({ locale: "en-GB", timezoneId: "UTC", ...options });
  const page = await context.newPage();
  page.on("request", (request) => assert.equal(new URL(request.url()).origin, origin));
  page.on("pageerror", (error) => assert.fail(error));
  page.on("console", (line) => {
    if (/Content.Security.Policy|Uncaught/.test(line.text())) assert.fail(line.text());
  });
  await page.goto(link);
  return page;
}

async function picture(name, link, options, prepare = async () => {}) {
  const page = await open(link, options);
  await page.locator(".pill.is-live").waitFor();
  await pause(3_500);
  await prepare(page);
  const fullPage = Boolean(options.isMobile);
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage });
  await page.context().close();
}

const order = customers.at(-1);
await picture("customer-light", order, { ...DESKTOP, colorScheme: "light" });
await picture("customer-dark", customers[0], { ...DESKTOP, colorScheme: "dark" });
await picture("customer-phone", order, { ...PHONE, colorScheme: "light" });
// At most 100 markers, however the map is zoomed.
{
  const page = await open(ops, DESKTOP);
  const seen = [];
  page.on("response", async (response) => {
    if (!response.url().includes("/v1/ops/drivers")) return;
    seen.push((await response.json()).markers.length);
  });
  await page.locator(".pill.is-live").waitFor();
  await page.locator("#map").focus();
  for (const [key, times] of [["-", 30], ["+", 44]]) {
    for (let nth = 0; nth < times; nth += 1) {
      await page.keyboard.press(key);
      await pause(150);
    }
  }
  assert.ok(seen.length > 20, "the map was asked at many zooms");
  assert.ok(Math.max(...seen) <= 100, `at most 100 markers, not ${Math.max(...seen)}`);
  console.log(`${seen.length} answers, at most ${Math.max(...seen)} markers`);
  await page.context().close();
}

const someSold = (page) => page.waitForFunction(() => Number(document.querySelector("#sold").textContent) > 20);
await picture("ops-light", ops, { ...TALL, colorScheme: "light" }, someSold);
await picture("ops-dark", ops, { ...TALL, colorScheme: "dark" }, (page) => page.locator("#zoom-in").click().then(() => pause(1_500)));
await picture("ops-phone", ops, { ...PHONE, colorScheme: "dark" });

// The button of an order whose promise is broken is there until the driver arrives, without reload;
// in a tab that does not hear of it a press is answered by 409.
{
  const [live, stale] = [await open(order, DESKTOP), await open(order, DESKTOP)];
  await live.locator(".pill.is-live").waitFor();
  await live.evaluate(() => (window.wasNotReloaded = true));
  const button = live.locator("#cancel");
  if (await button.isVisible()) {
    await stale.locator("#cancel").waitFor();
    // Its connection is lost and does not come back.
    await stale.routeWebSocket(/track/, (socket) => socket.close());
    await stale.context().setOffline(true);
    await button.waitFor({ state: "hidden", timeout: 180_000 });
    assert.ok(await live.evaluate(() => window.wasNotReloaded));
    const headline = await live.locator("#headline").textContent();
    console.log(`the button went without a reload: ${headline}`);
    await stale.evaluate(() => (document.querySelector("#offer").hidden = false));
    await stale.context().setOffline(false);
    const answer = stale.waitForResponse(/\/cancel$/);
    await stale.locator("#cancel").click({ force: true });
    assert.equal((await answer).status(), 409);
    await stale.getByText("I could not cancel it").waitFor();
    await stale.locator("#cancel").waitFor({ state: "hidden" });
    console.log("a stale tab is told 409, and why");
  } else {
    console.error("SKIPPED: no order on the road was past its promise");
  }
}
await browser.close();
