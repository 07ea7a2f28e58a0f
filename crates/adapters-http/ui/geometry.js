// From places on the ground to points on the screen: Web Mercator, in which the world is one wide.

const EQUATOR_M = 40_075_016.686;
const LAT_MAX = 85.051;

const radians = (degrees) => (degrees * Math.PI) / 180;
const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

export function project({ lat, lng }) {
  const sine = Math.sin(radians(clamp(lat, -LAT_MAX, LAT_MAX)));
  return { x: (lng + 180) / 360, y: 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI) };
}

export function unproject({ x, y }) {
  const lat = (Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI;
  const lng = (((x % 1) + 1) % 1) * 360 - 180;
  return { lat, lng };
}

/** As the crow flies, in metres (haversine). */
export function distanceM(a, b) {
  const [dLat, dLng] = [radians(b.lat - a.lat), radians(b.lng - a.lng)];
  const h =
    Math.sin(dLat / 2) ** 2 +
    Math.cos(radians(a.lat)) * Math.cos(radians(b.lat)) * Math.sin(dLng / 2) ** 2;
  return (EQUATOR_M / Math.PI) * Math.asin(Math.sqrt(h));
}

/** Part of the world, as a screen shows it. */
export class View {
  centre = { x: 0.5, y: 0.5 };
  /** Pixels of the screen for the whole world. */
  scale = 256;
  width = 1;
  height = 1;

  static SCALE_MIN = 256;
  static SCALE_MAX = 256 * 2 ** 20;

  toScreen({ x, y }) {
    // The nearest of the many worlds side by side.
    const dx = x - this.centre.x;
    return {
      x: this.width / 2 + (dx - Math.round(dx)) * this.scale,
      y: this.height / 2 + (y - this.centre.y) * this.scale,
    };
  }

  toWorld({ x, y }) {
    return {
      x: this.centre.x + (x - this.width / 2) / this.scale,
      y: this.centre.y + (y - this.height / 2) / this.scale,
    };
  }

  /** Centre and scale that show these points of the world, none nearer to the edge than the padding. */
  fitting(points, { top, right, bottom, left }, scaleMost = View.SCALE_MAX) {
    const [xs, ys] = [points.map((point) => point.x), points.map((point) => point.y)];
    const [west, east] = [Math.min(...xs), Math.max(...xs)];
    const [north, south] = [Math.min(...ys), Math.max(...ys)];
    const room = (size, before, after) => Math.max(size - before - after, 1);
    const scale = clamp(
      Math.min(
        room(this.width, left, right) / Math.max(east - west, 1e-9),
        room(this.height, top, bottom) / Math.max(south - north, 1e-9),
      ),
      View.SCALE_MIN,
      scaleMost,
    );
    return {
      centre: {
        x: (west + east) / 2 + (right - left) / 2 / scale,
        y: (north + south) / 2 + (bottom - top) / 2 / scale,
      },
      scale,
    };
  }

  /** Zooms by a factor, so that what is under this point of the screen stays there. */
  zoomAt(point, factor) {
    const held = this.toWorld(point);
    this.scale = clamp(this.scale * factor, View.SCALE_MIN, View.SCALE_MAX);
    const moved = this.toWorld(point);
    this.moveBy(held.x - moved.x, held.y - moved.y);
  }

  moveBy(dx, dy) {
    this.centre = { x: (((this.centre.x + dx) % 1) + 1) % 1, y: clamp(this.centre.y + dy, 0, 1) };
  }

  get zoom() {
    return clamp(Math.round(Math.log2(this.scale / 256)), 0, 22);
  }

  /** `west,south,east,north`, in degrees. */
  get bbox() {
    const northWest = this.toWorld({ x: 0, y: 0 });
    const southEast = this.toWorld({ x: this.width, y: this.height });
    const north = unproject({ x: 0, y: Math.max(northWest.y, 0) }).lat;
    const south = unproject({ x: 0, y: Math.min(southEast.y, 1) }).lat;
    const isWorld = southEast.x - northWest.x >= 1;
    const west = isWorld ? -180 : unproject(northWest).lng;
    const east = isWorld ? 180 : unproject(southEast).lng;
    return [west, south, east, north].map((degrees) => degrees.toFixed(6)).join(",");
  }

  get pixelsPerM() {
    return this.scale / (EQUATOR_M * Math.cos(radians(unproject(this.centre).lat)));
  }
}
