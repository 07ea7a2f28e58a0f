// How a map is moved: by mouse, finger, wheel and keyboard.

const STEP_PX = 80;
const ZOOM_STEP = 2 ** 0.5;
/** A press that moves less than this is a click. */
const CLICK_PX = 6;

export function steer(canvas, map, showAll) {
  const pressed = new Map();
  let travelled = 0;
  const place = (event) => ({ x: event.offsetX, y: event.offsetY });

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    if (pressed.size === 0) travelled = 0;
    pressed.set(event.pointerId, place(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = pressed.get(event.pointerId);
    if (!before) return;
    const now = place(event);
    const other = [...pressed].find(([id]) => id !== event.pointerId)?.[1];
    pressed.set(event.pointerId, now);
    travelled += Math.hypot(now.x - before.x, now.y - before.y);
    if (!other) return map.moveBy(before.x - now.x, before.y - now.y);
    const apart = (point) => Math.max(Math.hypot(point.x - other.x, point.y - other.y), 1);
    map.zoomAt({ x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 }, apart(now) / apart(before));
  });
  canvas.addEventListener("pointerup", (event) => {
    if (pressed.delete(event.pointerId) && travelled < CLICK_PX) map.open(place(event));
  });
  canvas.addEventListener("pointercancel", (event) => pressed.delete(event.pointerId));

  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      map.zoomAt(place(event), 2 ** (-event.deltaY / 300));
    },
    { passive: false },
  );

  const keys = {
    ArrowLeft: () => map.moveBy(-STEP_PX, 0),
    ArrowRight: () => map.moveBy(STEP_PX, 0),
    ArrowUp: () => map.moveBy(0, -STEP_PX),
    ArrowDown: () => map.moveBy(0, STEP_PX),
    "+": () => map.zoomBy(ZOOM_STEP),
    "=": () => map.zoomBy(ZOOM_STEP),
    "-": () => map.zoomBy(1 / ZOOM_STEP),
    0: showAll,
  };
  canvas.addEventListener("keydown", (event) => {
    const act = event.ctrlKey || event.metaKey || event.altKey ? null : keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  document.querySelector("#zoom-in").addEventListener("click", () => map.zoomBy(2));
  document.querySelector("#zoom-out").addEventListener("click", () => map.zoomBy(0.5));
  document.querySelector("#fit").addEventListener("click", showAll);
}
