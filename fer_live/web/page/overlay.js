// What is drawn over the picture: boxes, labels, second choices, landmarks.

import { classColour, percent, readableOn } from "./look.js";

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

/** Make the canvas as large as it is shown, in the screen's own pixels. */
export function fit(canvas) {
  const ratio = devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * ratio);
  const height = Math.round(canvas.clientHeight * ratio);
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  return context;
}

/**
 * Draw the faces of an answer.
 *
 * The canvas covers the stage, in which the picture lies centred and whole (object-fit: contain).
 */
export function drawOverlay(canvas, answer, { labels, selected, mirrored, landmarks }) {
  const context = fit(canvas);
  if (!answer || !answer.faces.length) return;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const scale = Math.min(width / answer.width, height / answer.height);
  const left = (width - scale * answer.width) / 2;
  const top = (height - scale * answer.height) / 2;
  const place = (x, y) => [left + scale * (mirrored ? answer.width - x : x), top + scale * y];
  const area = { left, top, right: width - left, bottom: height - top };
  for (const face of answer.faces) {
    const hue = classColour(face.label, labels);
    const [x, y, w, h] = face.box;
    const [a, b] = [place(mirrored ? x + w : x, y), place(mirrored ? x : x + w, y + h)];
    const box = { x: a[0], y: a[1], w: b[0] - a[0], h: b[1] - a[1] };
    if (landmarks) drawLandmarks(context, face.landmarks, place);
    drawBox(context, box, hue, face, answer.faces.length > 1 && face.id === selected);
    drawTag(context, box, hue, face, labels, area, answer.faces.length > 1);
  }
}

function drawBox(context, { x, y, w, h }, hue, face, chosen) {
  const dashes = face.sure ? [] : [8, 6];
  for (const [style, line] of [["rgba(0,0,0,.45)", chosen ? 7 : 5], [hue, chosen ? 4.5 : 2.5]]) {
    context.strokeStyle = style;
    context.lineWidth = line;
    context.setLineDash(dashes);
    context.beginPath();
    context.roundRect(x, y, w, h, 8);
    context.stroke();
  }
  context.setLineDash([]);
}

function drawLandmarks(context, points, place) {
  context.fillStyle = "rgba(255,255,255,.95)";
  context.strokeStyle = "rgba(0,0,0,.55)";
  context.lineWidth = 1;
  for (let i = 0; i < points.length; i += 2) {
    const [x, y] = place(points[i], points[i + 1]);
    context.beginPath();
    context.arc(x, y, 1.9, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }
}

function drawTag(context, box, hue, face, labels, area, numbered) {
  const p = (label) => face.probabilities[labels.indexOf(label)];
  const first = `${numbered ? `${face.id}  ` : ""}${face.label}${face.sure ? "" : "?"} ${percent(p(face.label))}`;
  const second = `or ${face.second} ${percent(p(face.second))}`;
  const size = Math.max(12, Math.min(17, box.w / 9));
  const small = Math.round(size * 0.8);
  const pad = size * 0.45;
  context.font = `650 ${size}px ${FONT}`;
  const wide = context.measureText(first).width;
  context.font = `450 ${small}px ${FONT}`;
  const w = Math.max(wide, context.measureText(second).width) + 2 * pad;
  const h = size + small + 2.2 * pad;
  const x = clamp(box.x - 1, area.left, area.right - w);
  // Above the box; where there is no room, below it, or at last inside.
  let y = box.y - h - 5;
  if (y < area.top) y = box.y + box.h + 5 + h <= area.bottom ? box.y + box.h + 5 : box.y + 5;
  y = clamp(y, area.top, area.bottom - h);
  context.fillStyle = hue;
  context.beginPath();
  context.roundRect(x, y, w, h, 7);
  context.fill();
  context.fillStyle = readableOn(hue);
  context.textBaseline = "top";
  context.font = `650 ${size}px ${FONT}`;
  context.fillText(first, x + pad, y + pad);
  context.font = `450 ${small}px ${FONT}`;
  context.fillText(second, x + pad, y + pad + size * 1.12);
}

function clamp(value, low, high) {
  return Math.max(low, Math.min(value, high));
}
