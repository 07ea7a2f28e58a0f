// Pictures of the live pages of a served city.
//
//     node pages.mjs LINKS FOLDER        # LINKS: what `dinner_rush --serve` printed

import { join } from "node:path";
import { Browser, DESKTOP, isLive, links, pause, PHONE } from "./browser.mjs";

const [, , linksFile, folder] = process.argv;
const { ops, orders, origin } = links(linksFile);
const TALL = { viewport: { width: 1280, height: 1000 } };
const browser = await Browser.launch(origin);

async function picture(name, link, options, prepare = async () => {}) {
  const page = await browser.open(link, options);
  await isLive(page);
  await pause(3_500);
  await prepare(page);
  const fullPage = Boolean(options.isMobile);
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage });
  await page.context().close();
}

const order = orders.at(-1);
await picture("customer-light", order, { ...DESKTOP, colorScheme: "light" });
await picture("customer-dark", orders[0], { ...DESKTOP, colorScheme: "dark" });
await picture("customer-phone", order, { ...PHONE, colorScheme: "light" });
const someSold = (page) => page.waitForFunction(() => Number(document.querySelector("#sold").textContent) > 20);
await picture("ops-light", ops, { ...TALL, colorScheme: "light" }, someSold);
await picture("ops-dark", ops, { ...TALL, colorScheme: "dark" }, (page) => page.locator("#zoom-in").click().then(() => pause(1_500)));
await picture("ops-phone", ops, { ...PHONE, colorScheme: "dark" });
await browser.close();
