// The map of the city: markers that glide, and a view that is dragged, pinched, wheeled and typed.

import { count } from "./format.js";
import { project, View } from "./geometry.js";
import { Glide } from "./glide.js";
import { drawGround, drawScale } from "./ground.js";
import { drawDriver } from "./pins.js";
import { Stage } from "./stage.js";

const GLIDE_MS = 1_000;
const PADDING = { top: 60, right: 64, bottom: 60, left: 44 };
const SCALE_MOST = 256 * 2 ** 17;

const RADIUS_LEAST = 10;

/** Radius of a group's circle, where there is room; of one driver's, none. */
const radiusOf = ({ count: members }) => (members ? Math.min(12 + 4.2 * Math.log2(members), 44) : 0);

/** By how much all circles are shrunk so that few lie on each other: at most to 45 %. */
function shrinking(circles) {
  let share = 1;
  circles.forEach((one, nth) => {
    for (const other of circles.slice(nth + 1)) {
      const apart = Math.hypot(one.at.x - other.at.x, one.at.y - other.at.y);
      share = Math.min(share, apart / (one.radius + other.radius + 4));
    }
  });
  return Math.max(share, 0.45);
}

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
    const placed = this.#placed(performance.now());
    const found = placed.find(({ marker, at, radius }) => {
      return marker.kind === "group" && Math.hypot(at.x - point.x, at.y - point.y) <= radius;
    });
    if (found) this.fit([found.marker]);
  }

  /** The markers with their places on the screen. There are at most 100: each looks at each. */
  #placed(now) {
    const placed = [...this.#markers.values()].map(({ marker, glide }) => {
      return { marker, at: this.view.toScreen(glide.at(now)), radius: radiusOf(marker) };
    });
    const share = shrinking(placed.filter(({ radius }) => radius > 0));
    return placed.map(({ marker, at, radius }) => {
      return { marker, at, radius: Math.max(radius * share, RADIUS_LEAST) };
    });
  }

  #moved() {
    this.#stage.refresh();
    this.dispatchEvent(new Event("moved"));
  }

  #draw(context, now) {
    drawGround(context, this.view, this.#stage);
    for (const { marker, at, radius } of this.#placed(now)) {
      if (marker.kind === "group") this.#drawGroup(context, at, radius, marker.count);
      else drawDriver(context, this.#stage, at, marker.heading_deg, 8, !marker.busy);
    }
    // Above the legend where that takes the whole width.
    const bottom = this.view.width < 480 ? 60 : 16;
    drawScale(context, this.view, this.#stage, { left: 16, bottom });
    return [...this.#markers.values()].some(({ glide }) => glide.moves(now));
  }

  #drawGroup(context, { x, y }, radius, members) {
    context.globalAlpha = 0.25;
    context.fillStyle = this.#stage.colour("--map-group");
    context.beginPath();
    context.arc(x, y, radius + Math.min(5, radius / 5), 0, 2 * Math.PI);
    context.fill();
    context.globalAlpha = 1;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
    context.fillStyle = this.#stage.colour("--on-map-group");
    context.font = `600 ${radius < 14 ? 11 : radius < 20 ? 12 : 14}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(count(members), x, y + 0.5);
  }
}
