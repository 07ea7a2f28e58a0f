// The map of the city: markers that glide, and a view that is dragged, pinched, wheeled and typed.

import { count } from "./format.js";
import { project, View } from "./geometry.js";
import { Glide } from "./glide.js";
import { drawGround, drawScale } from "./ground.js";
import { drawDriver } from "./pins.js";
import { Stage } from "./stage.js";

const GLIDE_MS = 1_000;
const PADDING = { top: 64, right: 64, bottom: 64, left: 64 };
const SCALE_MOST = 256 * 2 ** 17;

/** Radius of a group's circle. */
const radiusOf = (members) => Math.min(13 + 4.2 * Math.log2(members), 44);

export class CityMap extends EventTarget {
  view = new View();
  #stage;
  #markers = new Map();

  /** Tells `moved` when another part of the world is shown. */
  constructor(canvas) {
    super();
    this.#stage = new Stage(canvas, this.view, (context, now) => this.#draw(context, now));
  }

  /** Shows these markers and no other; one that was there before glides. */
  show(markers) {
    const now = performance.now();
    const known = this.#markers;
    this.#markers = new Map();
    for (const marker of markers) {
      const at = project(marker.position);
      const glide = known.get(marker.id)?.glide ?? new Glide(at);
      glide.goTo(at, now, GLIDE_MS);
      this.#markers.set(marker.id, { marker, glide });
    }
    this.#stage.refresh();
  }

  /** Brings these rectangles or places into view. */
  fit(markers) {
    const corners = markers.flatMap(({ bounds, position }) =>
      bounds ? [project(bounds.south_west), project(bounds.north_east)] : [project(position)],
    );
    if (corners.length > 0) Object.assign(this.view, this.view.fitting(corners, PADDING, SCALE_MOST));
    this.#moved();
  }

  moveBy(dx, dy) {
    this.view.moveBy(dx / this.view.scale, dy / this.view.scale);
    this.#moved();
  }

  zoomAt(point, factor) {
    this.view.zoomAt(point, factor);
    this.#moved();
  }

  zoomBy(factor) {
    this.zoomAt({ x: this.view.width / 2, y: this.view.height / 2 }, factor);
  }

  /** Zooms into the group under this point of the screen, if there is one. */
  open(point) {
    const now = performance.now();
    const found = [...this.#markers.values()].find(({ marker, glide }) => {
      const { x, y } = this.view.toScreen(glide.at(now));
      const isNear = Math.hypot(x - point.x, y - point.y) <= radiusOf(marker.count ?? 1);
      return marker.kind === "group" && isNear;
    });
    if (found) this.fit([found.marker]);
  }

  #moved() {
    this.#stage.refresh();
    this.dispatchEvent(new Event("moved"));
  }

  #draw(context, now) {
    drawGround(context, this.view, this.#stage);
    let moves = false;
    for (const { marker, glide } of this.#markers.values()) {
      const at = this.view.toScreen(glide.at(now));
      if (marker.kind === "group") this.#drawGroup(context, at, marker.count);
      else drawDriver(context, this.#stage, at, marker.heading_deg, 8, !marker.busy);
      moves ||= glide.moves(now);
    }
    drawScale(context, this.view, this.#stage, { left: 16, bottom: 16 });
    return moves;
  }

  #drawGroup(context, { x, y }, members) {
    const radius = radiusOf(members);
    context.globalAlpha = 0.25;
    context.fillStyle = this.#stage.colour("--map-group");
    context.beginPath();
    context.arc(x, y, radius + 5, 0, 2 * Math.PI);
    context.fill();
    context.globalAlpha = 1;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
    context.fillStyle = this.#stage.colour("--on-map-group");
    context.font = `600 ${radius < 20 ? 12 : 14}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(count(members), x, y + 0.5);
  }
}
