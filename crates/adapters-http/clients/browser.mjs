// The live pages of a served city, in headless Chromium: what tests and pictures of them share.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

export const DESKTOP = { viewport: { width: 1280, height: 800 } };
export const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

export const pause = (milliseconds) => new Promise((resume) => setTimeout(resume, milliseconds));

/** What `dinner_rush --serve` printed: where operations look, and customers with an order. */
export function links(file) {
  const all = readFileSync(file, "utf8").match(/http:\S+/g);
  const ops = all.find((link) => link.includes("/ops#"));
  const orders = all.filter((link) => link.includes("&order="));
  return { ops, orders, origin: new URL(ops).origin };
}

export class Browser {
  #browser;
  #origin;
  /** Requests that pages made. */
  asked = 0;

  constructor(browser, origin) {
    this.#browser = browser;
    this.#origin = origin;
  }

  static async launch(origin) {
    const executablePath = process.env.CHROMIUM;
    return new Browser(await chromium.launch({ executablePath, args: ["--no-sandbox"] }), origin);
  }

  /** Opens a page, and holds it to asking this host alone and to no error; `prepare` is before that. */
  async open(link, options = DESKTOP, prepare = async () => {}) {
    const context = await this.#browser.newContext({ locale: "en-GB", timezoneId: "UTC", ...options });
    const page = await context.newPage();
    const own = (url) => {
      this.asked += 1;
      assert.equal(new URL(url).host, new URL(this.#origin).host, `a page asks ${url}`);
    };
    page.on("request", (request) => own(request.url()));
    page.on("websocket", (socket) => own(socket.url()));
    page.on("pageerror", (error) => assert.fail(error));
    page.on("console", (line) => {
      if (/Content.Security.Policy|Uncaught/.test(line.text())) assert.fail(line.text());
    });
    await prepare(page);
    await page.goto(link);
    return page;
  }

  close() {
    return this.#browser.close();
  }
}

/** Until a page says that it is live. */
export const isLive = (page) => page.locator(".pill.is-live").waitFor();
