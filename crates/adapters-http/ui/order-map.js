// The map of one order: the restaurant, the door, and the driver between them.

import { distance } from "./format.js";
import { distanceM, project, View } from "./geometry.js";
import { Glide } from "./glide.js";
import { drawGround, drawRings, drawScale } from "./ground.js";
import { drawDoor, drawDriver, drawRestaurant } from "./pins.js";
import { Stage, wantsStillness } from "./stage.js";
import { describe, isCarried } from "./statuses.js";

/** How long a driver glides to a new place: about as long as until the next is told. */
const GLIDE_MS = 2_600;
/** How fast the map follows; the share of the way that is left after a second. */
const FOLLOW = 0.08;
const PADDING = { top: 84, right: 56, bottom: 64, left: 56 };
const SCALE_MOST = 256 * 2 ** 16;

export class OrderMap {
  #canvas;
  #view = new View();
  #stage;
  #order = null;
  #driver = null;
  #drawnAt = null;

  constructor(canvas) {
    this.#canvas = canvas;
    this.#stage = new Stage(canvas, this.#view, (context, now) => this.#draw(context, now));
  }

  show(order) {
    const isOther = this.#driver && this.#driver.id !== order.driver?.id;
    if (isOther || describe(order.status).ended) this.#driver = null;
    this.#order = order;
    const { driver } = order;
    if (driver?.position && !describe(order.status).ended) {
      this.move(driver.id, driver.position, driver.heading_deg);
    }
    this.#describe();
    this.#stage.refresh();
  }

  /** The driver was seen here. */
  move(id, place, headingDeg) {
    const at = project(place);
    const now = performance.now();
    if (this.#driver?.id === id) {
      this.#driver.glide.goTo(at, now, GLIDE_MS);
      Object.assign(this.#driver, { place, headingDeg });
    } else {
      this.#driver = { id, place, headingDeg, glide: new Glide(at) };
    }
    this.#describe();
    this.#stage.refresh();
  }

  #target() {
    return isCarried(this.#order.status) ? this.#order.drop_off : this.#order.pickup;
  }

  /** What the map shows, in words. */
  #describe() {
    const whereabouts = document.querySelector("#whereabouts");
    const { ended, title } = describe(this.#order.status);
    if (!this.#driver || ended) {
      whereabouts.textContent = "";
      this.#canvas.setAttribute("aria-label", `Map with the restaurant and your door. ${title}.`);
      return;
    }
    const way = distance(distanceM(this.#driver.place, this.#target()));
    const to = isCarried(this.#order.status) ? "your door" : "the restaurant";
    const isThere = this.#order.status === "at_doorstep";
    whereabouts.textContent = isThere ? "Your driver is here" : `Driver ${way} from ${to}`;
    this.#canvas.setAttribute("aria-label", `Map. ${whereabouts.textContent}.`);
  }

  #draw(context, now) {
    if (!this.#order || this.#view.width < 2) return false;
    const { pickup, drop_off: dropOff, status } = this.#order;
    const [restaurant, door] = [project(pickup), project(dropOff)];
    const driver = this.#driver?.glide.at(now);
    const isFollowing = this.#follow([restaurant, door, ...(driver ? [driver] : [])], now);

    drawGround(context, this.#view, this.#stage);
    drawRings(context, this.#view, this.#stage, this.#view.toScreen(door));
    const [from, to] = [restaurant, door].map((point) => this.#view.toScreen(point));
    const { ended } = describe(status);
    this.#line(context, from, to, "--map-ring", [2, 7]);
    if (driver && !ended) {
      const target = this.#view.toScreen(project(this.#target()));
      this.#line(context, this.#view.toScreen(driver), target, "--brand", []);
    }
    drawRestaurant(context, this.#stage, from);
    drawDoor(context, this.#stage, to, status === "delivered" || status === "at_doorstep");
    if (driver) {
      const { headingDeg } = this.#driver;
      drawDriver(context, this.#stage, this.#view.toScreen(driver), headingDeg, 15);
    }
    drawScale(context, this.#view, this.#stage, { left: 16, bottom: 14 });
    return isFollowing || Boolean(this.#driver?.glide.moves(now));
  }

  #line(context, from, to, colour, dashes) {
    context.strokeStyle = this.#stage.colour(colour);
    context.lineWidth = dashes.length ? 3 : 4;
    context.lineCap = "round";
    context.setLineDash(dashes);
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x, to.y);
    context.stroke();
    context.setLineDash([]);
  }

  /** Brings everything into view, gently; says whether there is some way to go. */
  #follow(points, now) {
    const wanted = this.#view.fitting(points, PADDING, SCALE_MOST);
    const isFirst = this.#drawnAt === null;
    const passed = isFirst ? Infinity : Math.min(now - this.#drawnAt, 100) / 1_000;
    this.#drawnAt = now;
    const { centre, scale } = this.#view;
    const off = Math.hypot(wanted.centre.x - centre.x, wanted.centre.y - centre.y) * scale;
    const isThere = off < 0.5 && Math.abs(Math.log(wanted.scale / scale)) < 0.002;
    const part = isThere || isFirst || wantsStillness() ? 1 : 1 - FOLLOW ** passed;
    this.#view.centre = {
      x: centre.x + (wanted.centre.x - centre.x) * part,
      y: centre.y + (wanted.centre.y - centre.y) * part,
    };
    this.#view.scale = scale * (wanted.scale / scale) ** part;
    return part < 1;
  }
}
