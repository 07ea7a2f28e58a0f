// A canvas that keeps its size and colours, and is drawn anew only when there is reason to.

const stillness = matchMedia("(prefers-reduced-motion: reduce)");
const darkness = matchMedia("(prefers-color-scheme: dark)");

/** Whether the reader wants nothing to move by itself. */
export const wantsStillness = () => stillness.matches;

export class Stage {
  #canvas;
  #draw;
  #asked = false;
  #colours = new Map();

  /** `draw(context, now)` returns whether something still moves. */
  constructor(canvas, view, draw) {
    this.#canvas = canvas;
    this.#draw = draw;
    new ResizeObserver(([entry]) => {
      const { width, height } = entry.contentRect;
      const density = window.devicePixelRatio || 1;
      [canvas.width, canvas.height] = [Math.round(width * density), Math.round(height * density)];
      [view.width, view.height] = [width, height];
      this.refresh();
    }).observe(canvas);
    darkness.addEventListener("change", () => {
      this.#colours.clear();
      this.refresh();
    });
  }

  /** A colour of the style sheet, by the name of its property. */
  colour(name) {
    if (!this.#colours.has(name)) {
      this.#colours.set(name, getComputedStyle(this.#canvas).getPropertyValue(name).trim());
    }
    return this.#colours.get(name);
  }

  refresh() {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame((now) => {
      this.#asked = false;
      const density = window.devicePixelRatio || 1;
      const context = this.#canvas.getContext("2d");
      context.setTransform(density, 0, 0, density, 0, 0);
      context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
      if (this.#draw(context, now)) this.refresh();
    });
  }
}
