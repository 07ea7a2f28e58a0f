// What lies under a map: a grid that stands still on the ground, and a scale.

import { distance } from "./format.js";

const STEPS_M = [50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6];

/** The shortest round length that is at least so many pixels. */
function step(view, pixels) {
  const most = STEPS_M[STEPS_M.length - 1];
  return STEPS_M.find((m) => m * view.pixelsPerM >= pixels) ?? most;
}

export function drawGround(context, view, stage) {
  // Anchored to the world: its width is a whole number of cells, so the grid stays as the map moves.
  const cell = 2 ** Math.round(Math.log2(96 / view.scale));
  const begin = view.toWorld({ x: 0, y: 0 });
  const end = view.toWorld({ x: view.width, y: view.height });
  context.fillStyle = stage.colour("--map-dot");
  for (let x = Math.floor(begin.x / cell) * cell; x <= end.x; x += cell / 4) {
    for (let y = Math.floor(begin.y / cell) * cell; y <= end.y; y += cell / 4) {
      const screenX = view.width / 2 + (x - view.centre.x) * view.scale;
      const screenY = view.height / 2 + (y - view.centre.y) * view.scale;
      context.fillRect(screenX - 0.75, screenY - 0.75, 1.5, 1.5);
    }
  }
}

export function drawScale(context, view, stage, { left, bottom }) {
  const length = step(view, 60);
  const width = length * view.pixelsPerM;
  const y = view.height - bottom;
  context.strokeStyle = context.fillStyle = stage.colour("--ink-soft");
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(left, y - 5);
  context.lineTo(left, y);
  context.lineTo(left + width, y);
  context.lineTo(left + width, y - 5);
  context.stroke();
  context.font = "12px system-ui, sans-serif";
  context.textAlign = "left";
  context.textBaseline = "bottom";
  context.fillText(distance(length), left + 5, y - 4);
}

/** Circles around a place, each with its distance. */
export function drawRings(context, view, stage, centre) {
  const length = step(view, 70);
  context.strokeStyle = stage.colour("--map-ring");
  context.fillStyle = stage.colour("--ink-soft");
  context.lineWidth = 1;
  context.font = "11px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "bottom";
  for (const nth of [1, 2, 3, 4]) {
    const radius = nth * length * view.pixelsPerM;
    context.beginPath();
    context.arc(centre.x, centre.y, radius, 0, 2 * Math.PI);
    context.stroke();
    if (nth % 2 === 0) context.fillText(distance(nth * length), centre.x, centre.y - radius - 2);
  }
}
