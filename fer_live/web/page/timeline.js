// Probabilities over time of one face: a row for each class, and the shown labels above.

import { classColour, colour, readableOn } from "./look.js";
import { fit } from "./overlay.js";

const STRIP = 22;
const ROW = 24;
const AXIS = 20;
const NAMES = 74;
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

/** Points of one face are joined over pauses of so many seconds, or so many usual steps. */
const JOINED_SECONDS = 0.6;
const JOINED_STEPS = 3;

/** What is known of all faces over time. */
export class Course {
  /** Keep the last `keep` seconds; Infinity for all. */
  constructor(keep = Infinity) {
    this.keep = keep;
    this.tracks = new Map();
    this.first = null;
    this.latest = 0;
    this.frames = 0;
  }

  /** The longest pause that is no gap. */
  get joined() {
    const step = (this.latest - (this.first ?? 0)) / Math.max(this.frames - 1, 1);
    return Math.max(JOINED_SECONDS, JOINED_STEPS * step);
  }

  add(seconds, faces) {
    this.first ??= seconds;
    this.frames += 1;
    this.latest = Math.max(this.latest, seconds);
    for (const face of faces) {
      if (!this.tracks.has(face.id)) this.tracks.set(face.id, []);
      const { probabilities, label, sure } = face;
      this.tracks.get(face.id).push({ seconds, probabilities, label, sure });
    }
    if (this.keep === Infinity) return;
    const oldest = this.latest - this.keep;
    for (const [id, points] of this.tracks) {
      // Cut off in blocks: shifting an array at every frame would move all of it.
      if (points.length > 64 && points[64].seconds < oldest) points.splice(0, 64);
      if (points.at(-1).seconds < oldest) this.tracks.delete(id);
    }
  }
}

export class Timeline {
  /** `seek` is called with seconds when somebody picks a moment. */
  constructor(canvas, seek) {
    this.canvas = canvas;
    this.base = document.createElement("canvas");
    this.seek = seek;
    this.stale = true;
    new ResizeObserver(() => this.#redraw()).observe(canvas);
    canvas.addEventListener("pointerdown", (event) => this.#point(event));
    canvas.addEventListener("pointermove", (event) => event.buttons && this.#point(event));
    canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  /**
   * Show a course.
   *
   * `from` and `to` are the seconds at the edges; `at` is the moment that is shown, or null;
   * `ago` writes the axis as time before the right edge.
   */
  show({ course, id, labels, from, to, at = null, ago = false, seekable = false }, stale = true) {
    this.view = { course, id, labels, from, to, at, ago, seekable };
    this.stale ||= stale;
    this.canvas.style.height = `${STRIP + 6 + labels.length * ROW + AXIS}px`;
    this.canvas.setAttribute("role", seekable ? "slider" : "img");
    this.canvas.tabIndex = seekable ? 0 : -1;
    this.canvas.classList.toggle("seekable", seekable);
    if (seekable) {
      this.canvas.setAttribute("aria-valuemin", "0");
      this.canvas.setAttribute("aria-valuemax", to.toFixed(1));
      this.canvas.setAttribute("aria-valuenow", (at ?? 0).toFixed(1));
      this.canvas.setAttribute("aria-valuetext", clock(at ?? 0, true));
      this.canvas.setAttribute("aria-label", "Moment of the video");
    } else {
      this.canvas.setAttribute("aria-label", "Probabilities of the last seconds");
    }
    if (!this.waiting) {
      this.waiting = true;
      requestAnimationFrame(() => {
        this.waiting = false;
        this.#paint();
      });
    }
  }

  #redraw() {
    this.stale = true;
    if (this.view) this.#paint();
  }

  #paint() {
    const { canvas, view } = this;
    if (!canvas.clientWidth) return;
    const context = fit(canvas);
    if (this.stale || this.base.width !== canvas.width || this.base.height !== canvas.height) {
      this.base.width = canvas.width;
      this.base.height = canvas.height;
      const ratio = canvas.width / canvas.clientWidth;
      const drawing = this.base.getContext("2d");
      drawing.scale(ratio, ratio);
      this.#draw(drawing, canvas.clientWidth, view);
      this.stale = false;
    }
    context.drawImage(this.base, 0, 0, canvas.clientWidth, canvas.clientHeight);
    if (view.at !== null) {
      const x = this.#x(view.at);
      context.fillStyle = colour("text");
      context.fillRect(x - 1, 0, 2, STRIP + 6 + view.labels.length * ROW);
      context.beginPath();
      context.arc(x, 3, 4, 0, 2 * Math.PI);
      context.fill();
    }
  }

  #draw(context, width, view) {
    const { labels, course, id } = view;
    context.textBaseline = "middle";
    context.font = `500 12px ${FONT}`;
    labels.forEach((label, row) => {
      const bottom = STRIP + 6 + (row + 1) * ROW;
      context.fillStyle = colour("muted");
      context.fillText(shorten(context, label, NAMES - 8), 0, bottom - ROW / 2 + 1);
      context.fillStyle = colour("track");
      context.fillRect(NAMES, bottom - 1, width - NAMES, 1);
    });
    this.#axis(context, width, view);
    const columns = this.#columns(course.tracks.get(id) ?? [], width, course.joined);
    labels.forEach((label, row) => {
      const bottom = STRIP + 6 + (row + 1) * ROW - 1;
      context.fillStyle = classColour(label, labels);
      for (const run of columns) {
        context.beginPath();
        context.moveTo(run[0].x, bottom);
        for (const { x, mean } of run) context.lineTo(x, bottom - mean[row] * (ROW - 3));
        context.lineTo(Math.max(run.at(-1).x, run[0].x + 1), bottom);
        context.fill();
      }
    });
    this.#strip(context, columns, labels);
  }

  /** Average points that fall on the same column of pixels; return runs without pauses. */
  #columns(points, width, pause) {
    const runs = [];
    let column = null;
    let last = -Infinity;
    for (const { seconds, probabilities, label, sure } of points) {
      const x = Math.round(this.#x(seconds));
      const joined = seconds - last <= pause;
      last = seconds;
      if (x < NAMES || x > width) continue;
      if (!joined || !runs.length) runs.push([]);
      const run = runs.at(-1);
      if (run.at(-1)?.x === x) {
        column.n += 1;
        column.mean.forEach((m, i) => { column.mean[i] += (probabilities[i] - m) / column.n; });
      } else {
        column = { x, mean: [...probabilities], n: 1, label, sure };
        run.push(column);
      }
    }
    return runs.filter((run) => run.length);
  }

  #strip(context, runs, labels) {
    context.font = `600 12px ${FONT}`;
    for (const run of runs) {
      let start = 0;
      for (let i = 1; i <= run.length; i += 1) {
        const { label, sure } = run[start];
        if (i < run.length && run[i].label === label && run[i].sure === sure) continue;
        const x = run[start].x;
        const w = Math.max((run[i] ?? run[i - 1]).x - x, 1.5);
        const hue = classColour(label, labels);
        context.globalAlpha = sure ? 1 : 0.28;
        context.fillStyle = hue;
        context.fillRect(x, 0, w, STRIP - 2);
        context.globalAlpha = 1;
        const text = sure ? label : `${label}?`;
        if (context.measureText(text).width + 10 < w) {
          context.fillStyle = sure ? readableOn(hue) : colour("text");
          context.fillText(text, x + 5, STRIP / 2);
        }
        start = i;
      }
    }
  }

  #axis(context, width, { from, to, labels, ago }) {
    const y = STRIP + 6 + labels.length * ROW + AXIS / 2 + 2;
    const room = Math.max((width - NAMES) / 80, 1);
    const step = [1, 2, 5, 10, 15, 30, 60, 120, 300].find((s) => (to - from) / s <= room) ?? 600;
    context.font = `400 11px ${FONT}`;
    context.fillStyle = colour("muted");
    const first = ago ? -Math.floor((to - from) / step) * step : 0;
    const last = ago ? 0 : to;
    for (let t = first; t <= last; t += step) {
      const x = this.#x(ago ? to + t : t);
      const text = ago ? (t === 0 ? "now" : `\u2212${-t}\u202fs`) : clock(t);
      const half = context.measureText(text).width / 2;
      context.fillText(text, Math.min(Math.max(x - half, NAMES), width - 2 * half), y);
    }
  }

  #x(seconds) {
    const { from, to } = this.view;
    return NAMES + ((seconds - from) / Math.max(to - from, 1e-3)) * (this.canvas.clientWidth - NAMES);
  }

  #point(event) {
    if (!this.view?.seekable) return;
    const along = (event.offsetX - NAMES) / (this.canvas.clientWidth - NAMES);
    this.seek(Math.max(0, Math.min(along, 1)) * this.view.to);
  }

  #key(event) {
    if (!this.view?.seekable) return;
    const { at, to } = this.view;
    const step = event.shiftKey ? 5 : 0.5;
    const target = {
      ArrowLeft: at - step, ArrowDown: at - step, ArrowRight: at + step, ArrowUp: at + step,
      Home: 0, End: to, PageDown: at - 5, PageUp: at + 5,
    }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    this.seek(Math.max(0, Math.min(target, to)));
  }
}

/** Minutes and seconds; with tenths where `fine`. */
export function clock(seconds, fine = false) {
  const tenths = Math.floor(seconds * 10 + 1e-6);
  const text = `${Math.floor(tenths / 600)}:${String(Math.floor(tenths / 10) % 60).padStart(2, "0")}`;
  return fine ? `${text}.${tenths % 10}` : text;
}

function shorten(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  let kept = text;
  while (kept && context.measureText(`${kept}…`).width > room) kept = kept.slice(0, -1);
  return `${kept}…`;
}
