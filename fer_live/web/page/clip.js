// An uploaded video: analysed frame by frame, then played with what was found.

import { mega } from "./picture.js";
import { button, errorOf, stagePairs, unanswered, UNREACHABLE } from "./screen.js";
import { clock, Course } from "./timeline.js";

const ACCEPTED = "video/*,.mkv,.avi,.mov,.m4v,.ts,.ogv,.flv";

export class Clip {
  constructor(app) {
    this.app = app;
    this.video = document.getElementById("clip");
    this.frames = [];
    this.play = button("Play", () => this.#toggle());
    this.time = document.createElement("span");
    this.time.className = "time";
    this.video.addEventListener("play", () => this.#playing(true));
    this.video.addEventListener("pause", () => this.#playing(false));
    this.video.addEventListener("seeked", () => this.#show());
    this.video.addEventListener("timeupdate", () => this.#show());
    this.video.addEventListener("error", () => {
      if (this.url) this.unplayable = true;
    });
  }

  enter() {
    if (this.file && (this.frames.length || this.request)) this.#present();
    else if (this.problem) this.#explain();
    else this.#invite();
  }

  leave() {
    this.#run(false);
    this.video.pause();
  }

  schemeChanged() {
    if (this.file) this.take(this.file);
  }

  redraw() {
    if (this.frames.length) this.#show(true);
  }

  /** Go to a moment, in seconds. */
  seek(seconds) {
    this.following = false;
    this.moment = seconds;
    if (this.unplayable) this.#show();
    else this.video.currentTime = seconds;
  }

  #invite() {
    const { screen } = this.app;
    this.app.clear();
    screen.only({
      icon: "video",
      title: "Look at a video",
      text: "Choose a video or drop it here. It is analysed on this machine, up to ten minutes of it, and not kept.",
      actions: [this.#chooser("primary")],
    });
  }

  #chooser(className) {
    const text = this.file ? "Choose another video" : "Choose a video";
    return button(text, () => this.app.choose(ACCEPTED, (file) => this.take(file)), className);
  }

  async take(file) {
    const { screen, limits, scheme } = this.app;
    this.#drop();
    this.problem = "";
    this.file = file;
    this.app.clear();
    if (file.size > limits.video) {
      this.#fail(`The file has ${mega(file.size)} MB; at most ${mega(limits.video)} MB are read. Cut it into parts first.`);
      return;
    }
    screen.media(null);
    screen.controls(this.#canceller());
    screen.timings([]);
    screen.message({ icon: "wait", title: "Reading the video…", text: file.name });
    screen.progress(null);
    this.url = URL.createObjectURL(file);
    this.video.src = this.url;
    this.following = true;
    const request = new AbortController();
    this.request = request;
    try {
      const response = await fetch(`api/video?scheme=${encodeURIComponent(scheme)}`, {
        method: "POST", body: file, signal: request.signal,
      });
      if (!response.ok) {
        this.#fail(await errorOf(response));
        return;
      }
      for await (const line of lines(response.body)) this.#take(line);
      if (!this.ended) throw new TypeError("cut off");
    } catch (error) {
      if (request !== this.request || error.name === "AbortError") return;
      if (this.frames.length) {
        this.#finish("the analysis broke off here");
        screen.banner(UNREACHABLE);
      } else this.#fail(await unanswered(file));
    }
  }

  #take(line) {
    if (line.type === "video") {
      this.length = line.seconds;
      this.#present();
    } else if (line.type === "frame") {
      for (const face of line.faces) face.landmarks = Int16Array.from(face.landmarks);
      this.frames.push(line);
      this.course.add(line.seconds, line.faces);
      const now = performance.now();
      if (now - (this.shownAt ?? 0) < 150 || this.app.current !== this) return;
      this.shownAt = now;
      this.app.screen.progress(this.length ? line.seconds / this.length : null);
      this.app.screen.timings([["analysed", clock(line.seconds)], ...stagePairs(this.frames.slice(-50).map(({ timings }) => timings))]);
      if (this.following && !this.unplayable && !this.video.seeking) this.video.currentTime = line.seconds;
      if (this.unplayable && this.following) this.moment = line.seconds;
      this.#show(true);
    } else {
      this.ended = line;
      this.#finish(line.remark);
    }
  }

  #finish(remark) {
    this.request = null;
    this.remark = remark;
    this.length = this.frames.at(-1).seconds;
    if (this.app.current === this) this.#present();
    if (this.following && this.app.current === this) {
      this.seek(0);
      if (this.unplayable) this.#run(true);
      else this.video.play().catch(() => {});
    }
  }

  #canceller() {
    return button("Cancel", () => {
      this.#drop();
      this.file = null;
      this.#invite();
    });
  }

  /** Give up what is being done and forget what was found. */
  #drop() {
    this.request?.abort();
    this.request = null;
    this.app.screen.progress(undefined);
    this.app.screen.banner();
    this.#run(false);
    this.video.pause();
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = null;
    this.video.removeAttribute("src");
    this.video.load();
    this.unplayable = false;
    this.frames = [];
    this.course = new Course();
    this.ended = null;
    this.remark = "";
    this.moment = 0;
    this.length = 0;
  }

  #fail(text) {
    this.#drop();
    this.problem = text;
    if (this.app.current === this) this.#explain();
  }

  #explain() {
    this.app.clear();
    this.app.screen.only({
      icon: "problem",
      problem: true,
      title: "This video can't be analysed",
      text: this.problem,
      actions: [this.#chooser("primary")],
    });
  }

  #present() {
    if (this.app.current !== this) return;
    const { screen } = this.app;
    screen.media("clip");
    if (this.request) {
      screen.controls(this.play, this.time, this.#canceller(), this.app.landmarksToggle());
    } else {
      screen.progress(undefined);
      screen.controls(this.play, this.time, this.#chooser(), this.app.landmarksToggle());
      const { frames } = this;
      const found = frames.filter(({ faces }) => faces.length).length;
      screen.timings([
        ["frames", String(frames.length)],
        ["with a face", `${Math.round((100 * found) / frames.length)}\u202f%`],
        ...(this.ended ? [["analysed in", `${this.ended.took.toFixed(1)}\u202fs`], ["frames a second", (frames.length / this.ended.took).toFixed(0)]] : []),
      ]);
    }
    this.#show(true);
  }

  #toggle() {
    this.following = false;
    if (this.unplayable) this.#run(!this.running);
    else if (this.video.paused) this.video.play().catch(() => {});
    else this.video.pause();
  }

  #playing(on) {
    this.play.textContent = on ? "Pause" : "Play";
    if (!on || !this.video.requestVideoFrameCallback) return;
    const next = () => {
      if (this.video.paused) return;
      this.#show();
      this.video.requestVideoFrameCallback(next);
    };
    this.video.requestVideoFrameCallback(next);
  }

  /** Let time pass without the browser's player, for codings that it can't play. */
  #run(on) {
    this.running = on;
    this.play.textContent = on ? "Pause" : "Play";
    let last = performance.now();
    if (this.moment >= this.length) this.moment = 0;
    const next = (now) => {
      if (!this.running) return;
      this.moment = Math.min(this.moment + (now - last) / 1000, this.length);
      last = now;
      this.#show();
      if (this.moment < this.length) requestAnimationFrame(next);
      else this.#run(false);
    };
    if (on) requestAnimationFrame(next);
  }

  #show(stale = false) {
    if (this.app.current !== this || !this.frames.length) return;
    const at = this.unplayable ? this.moment : this.video.currentTime;
    const end = this.frames.at(-1).seconds;
    const frame = this.#frameAt(at);
    const idle = frame ? "no face found" : "not analysed yet";
    this.app.show(frame, { idle, outlined: this.unplayable });
    const to = Math.max(this.length, end, 0.1);
    this.app.showCourse(
      { course: this.course, from: 0, to, at: Math.min(at, to), seekable: true },
      this.remark || "click or use the arrow keys to go to a moment",
      stale,
    );
    this.time.textContent = `${clock(Math.min(at, to), true)} / ${clock(to, true)}`;
    let notice = "";
    if (this.unplayable) notice = "The browser can't play this coding; what was found is shown without the picture.";
    else if (frame && !frame.faces.length) notice = "No face found at this moment.";
    this.app.screen.notice(notice);
  }

  /** The last analysed frame that began before a moment. */
  #frameAt(seconds) {
    let [low, high] = [0, this.frames.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.frames[middle].seconds <= seconds + 0.005) low = middle + 1;
      else high = middle;
    }
    const frame = this.frames[Math.max(low - 1, 0)];
    return seconds - frame.seconds <= this.course.joined ? frame : null;
  }
}

/** The values of a stream of JSON, one a line. */
async function* lines(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const each of parts) yield JSON.parse(each);
  }
}
