// The stage and what is around it: messages in place of a picture, notices, controls, timings.

import { part } from "./reading.js";

const byId = (id) => document.getElementById(id);

const ICONS = {
  camera: "M6 15h8l3-4h14l3 4h8v22H6z M24 19a7 7 0 1 0 0 14a7 7 0 1 0 0-14",
  picture: "M6 9h36v30H6z M6 34l11-11 8 8 6-6 11 11 M32 14a3 3 0 1 0 0 6a3 3 0 1 0 0-6",
  video: "M6 12h25v24H6z M31 21l11-6v18l-11-6",
  problem: "M24 6l20 35H4z M24 19v10 M24 34v1",
  lost: "M8 20c9-8 23-8 32 0 M14 27c6-5 14-5 20 0 M20 34c2-2 6-2 8 0 M8 8l32 34",
  wait: "M24 6a18 18 0 1 0 0 36a18 18 0 1 0 0-36 M24 14v11l7 5",
};

const MEDIA = ["camera", "picture", "clip"];

export class Screen {
  /** Show one of the media, or none. */
  media(id) {
    for (const each of MEDIA) byId(each).hidden = each !== id;
    if (id) this.message(null);
  }

  /** Show a message in place of the picture: {icon, title, text, actions, problem}; null removes it. */
  message(what) {
    if (!what && byId("message").contains(document.activeElement)) focusStage();
    byId("message").hidden = !what;
    byId("stage").classList.toggle("vacant", Boolean(what));
    if (!what) return;
    byId("message-icon").firstElementChild.setAttribute("d", ICONS[what.icon]);
    byId("message").classList.toggle("problem", Boolean(what.problem));
    byId("message-title").textContent = what.title;
    byId("message-text").textContent = what.text;
    replace(byId("message-actions"), what.actions ?? []);
    byId("message").setAttribute("role", what.problem ? "alert" : "status");
  }

  /** Show a message and nothing else: no picture, controls or timings. */
  only(what) {
    this.media(null);
    this.controls();
    this.timings([]);
    this.message(what);
  }

  /** Show a line over the picture; an empty text removes it. */
  notice(text = "") {
    const notice = byId("notice");
    if (notice.textContent !== text) notice.textContent = text;
    notice.hidden = !text;
  }

  /** Show a line at the top of the page: tone "bad" or "good"; an empty text removes it. */
  banner(text = "", tone = "bad") {
    clearTimeout(this.fading);
    const banner = byId("banner");
    banner.hidden = !text;
    banner.textContent = text;
    banner.dataset.tone = tone;
    if (tone === "good") this.fading = setTimeout(() => this.banner(), 3000);
  }

  controls(...elements) {
    replace(byId("controls"), elements.filter(Boolean));
  }

  /** Show pairs of name and value. */
  timings(pairs) {
    byId("timings").replaceChildren(
      ...pairs.map(([name, value]) => {
        const pair = part("div");
        pair.append(part("dt", "", name), part("dd", "", value));
        return pair;
      }),
    );
  }

  /** Show how much is done, 0 to 1; null where that is unknown, undefined to hide it. */
  progress(done) {
    const bar = byId("progress");
    bar.hidden = done === undefined;
    if (done === null || done === undefined) bar.removeAttribute("value");
    else bar.value = Math.min(done, 1);
  }
}

function focusStage() {
  byId("stage").focus({ preventScroll: true });
}

/** Replace what is in a box; the keyboard's focus, if it was there, goes to the first of the new. */
function replace(box, elements) {
  const focused = box.contains(document.activeElement);
  box.replaceChildren(...elements);
  if (!focused) return;
  const first = box.querySelector("button, input");
  if (first) first.focus();
  else focusStage();
}

export function button(text, action, className = "") {
  const made = part("button", className, text);
  made.type = "button";
  made.addEventListener("click", action);
  return made;
}

export function toggle(text, checked, changed) {
  const box = part("input");
  box.type = "checkbox";
  box.checked = checked;
  box.addEventListener("change", () => changed(box.checked));
  const label = part("label", "toggle");
  label.append(box, part("span", "", text));
  return label;
}

const STAGES = { decode: "decode", detect: "find faces", landmarks: "landmarks", classify: "classify", analyse: "analyse" };

/** What the server said of its stages for some frames: their means, as pairs for `timings`. */
export function stagePairs(frames) {
  return Object.entries(STAGES)
    .filter(([stage]) => frames.length && stage in frames[0])
    .map(([stage, name]) => {
      const mean = frames.reduce((sum, frame) => sum + frame[stage], 0) / frames.length;
      return [name, `${mean.toFixed(mean < 10 ? 1 : 0)}\u202fms`];
    });
}

/** Why a file was not analysed, where the server gave no answer: it may be the file's fault. */
export async function unanswered(file) {
  const readable = await file.slice(0, 1).arrayBuffer().then(() => true, () => false);
  return readable ? UNREACHABLE : "The file was changed, moved, or is a folder; choose it again.";
}

/** The sentence of an answer that is an error. */
export async function errorOf(response) {
  const answer = await response.json().catch((error) => {
    if (error.name === "AbortError") throw error; // nobody waits for it any more
    return {};
  });
  return answer.error ?? `The server failed (${response.status}); its terminal says why.`;
}

export const UNREACHABLE =
  "The server doesn't answer. If fer-live web was stopped, start it again; then try once more.";
