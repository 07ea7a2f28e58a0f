// What stands on a map: the restaurant, the door, the driver.

const TURN = 2 * Math.PI;

function disc(context, { x, y }, radius, fill, edge) {
  context.beginPath();
  context.arc(x, y, radius, 0, TURN);
  context.fillStyle = fill;
  context.fill();
  context.lineWidth = 3;
  context.strokeStyle = edge;
  context.stroke();
}

export function drawRestaurant(context, stage, at) {
  disc(context, at, 16, stage.colour("--ink"), stage.colour("--surface"));
  context.save();
  context.translate(at.x, at.y);
  context.strokeStyle = stage.colour("--surface");
  context.lineWidth = 1.8;
  context.lineCap = "round";
  context.beginPath();
  // A fork and a knife.
  context.moveTo(-4, -7);
  context.lineTo(-4, 7);
  context.moveTo(-7, -7);
  context.lineTo(-7, -3);
  context.quadraticCurveTo(-7, -0.5, -4, -0.5);
  context.quadraticCurveTo(-1, -0.5, -1, -3);
  context.lineTo(-1, -7);
  context.moveTo(5, 7);
  context.lineTo(5, -7);
  context.quadraticCurveTo(1.8, -4, 3, 1.5);
  context.lineTo(5, 1.5);
  context.stroke();
  context.restore();
}

export function drawDoor(context, stage, at, isReached) {
  const fill = stage.colour(isReached ? "--brand" : "--warm");
  disc(context, at, 16, fill, stage.colour("--surface"));
  context.save();
  context.translate(at.x, at.y);
  context.fillStyle = stage.colour("--surface");
  context.beginPath();
  // A house with its door open.
  context.moveTo(0, -8);
  context.lineTo(8, -1);
  context.lineTo(6, -1);
  context.lineTo(6, 7);
  context.lineTo(2, 7);
  context.lineTo(2, 2);
  context.lineTo(-2, 2);
  context.lineTo(-2, 7);
  context.lineTo(-6, 7);
  context.lineTo(-6, -1);
  context.lineTo(-8, -1);
  context.closePath();
  context.fill();
  context.restore();
}

/** A driver, with an arrow where the heading is known. */
export function drawDriver(context, stage, at, headingDeg, radius, isFree = false) {
  const [brand, surface] = [stage.colour("--brand"), stage.colour("--surface")];
  const [fill, ink] = isFree ? [surface, brand] : [brand, surface];
  context.save();
  context.translate(at.x, at.y);
  context.rotate(((headingDeg ?? 0) * Math.PI) / 180);
  if (headingDeg !== undefined) {
    context.beginPath();
    context.moveTo(0, -radius * 1.65);
    context.lineTo(radius * 0.62, -radius * 0.72);
    context.lineTo(-radius * 0.62, -radius * 0.72);
    context.closePath();
    context.fillStyle = brand;
    context.fill();
  }
  context.restore();
  context.beginPath();
  context.arc(at.x, at.y, radius, 0, TURN);
  context.fillStyle = fill;
  context.fill();
  context.lineWidth = radius / 6;
  context.strokeStyle = ink;
  context.stroke();
  context.beginPath();
  context.arc(at.x, at.y, radius * 0.32, 0, TURN);
  context.fillStyle = ink;
  context.fill();
}
