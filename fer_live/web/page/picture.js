// An uploaded picture.

import { button, errorOf, stagePairs, unanswered } from "./screen.js";

const ACCEPTED = "image/*,.jp2,.tif,.tiff,.ppm,.pgm,.webp";

const ANIMATED = ["image/gif", "image/webp", "image/apng"];

export class Picture {
  constructor(app) {
    this.app = app;
    this.image = document.getElementById("picture");
  }

  enter() {
    if (this.answer) this.#present();
    else this.#invite();
  }

  leave() {
    this.request?.abort();
  }

  schemeChanged() {
    if (this.file) this.take(this.file);
  }

  redraw() {
    if (this.answer) this.#show();
  }

  #invite() {
    const { screen } = this.app;
    this.app.clear();
    screen.only({
      icon: "picture",
      title: "Look at a picture",
      text: "Choose a photograph, drop it here, or paste it. It is analysed on this machine and not kept.",
      actions: [this.#chooser("primary")],
    });
  }

  #chooser(className) {
    const text = this.file ? "Choose another picture" : "Choose a picture";
    return button(text, () => this.app.choose(ACCEPTED, (file) => this.take(file)), className);
  }

  async take(file) {
    const { screen, limits, scheme } = this.app;
    this.request?.abort();
    this.file = file;
    this.answer = null;
    this.app.clear();
    if (file.size > limits.picture) {
      this.#fail(`The file has ${mega(file.size)} MB; at most ${mega(limits.picture)} MB are read. Make it smaller first.`);
      return;
    }
    screen.only({ icon: "wait", title: "Analysing…", text: file.name });
    screen.progress(null);
    const request = new AbortController();
    this.request = request;
    const url = URL.createObjectURL(file);
    try {
      this.image.src = url;
      const decoded = await this.image.decode().then(() => true, () => false);
      const shown = decoded && !ANIMATED.includes(file.type); // boxes are of the first frame
      const response = await fetch(
        `api/picture?scheme=${encodeURIComponent(scheme)}${shown ? "" : "&preview"}`,
        { method: "POST", body: file, signal: request.signal },
      );
      const error = response.ok ? null : await errorOf(response);
      const answer = response.ok ? await response.json() : null;
      if (request.signal.aborted) return;
      if (error) {
        this.#fail(error);
        return;
      }
      if (answer.preview) {
        this.image.src = answer.preview;
        await this.image.decode();
      }
      this.answer = answer;
      this.#present();
    } catch (error) {
      if (error.name !== "AbortError") this.#fail(await unanswered(file));
    } finally {
      URL.revokeObjectURL(url); // the picture stays shown: it is decoded
      if (this.request === request) screen.progress(undefined);
    }
  }

  #fail(text) {
    const { screen } = this.app;
    screen.progress(undefined);
    screen.only({
      icon: "problem",
      problem: true,
      title: "This picture can't be analysed",
      text,
      actions: [this.#chooser("primary")],
    });
  }

  #present() {
    const { screen } = this.app;
    const { answer } = this;
    screen.media("picture");
    screen.controls(this.#chooser(), this.app.landmarksToggle());
    screen.timings([
      ["picture", `${answer.width} × ${answer.height}`],
      ["faces", String(answer.faces.length)],
      ...stagePairs([answer.timings]),
    ]);
    this.#show();
  }

  #show() {
    const { faces } = this.answer;
    this.app.show(this.answer, { idle: "no face found" });
    this.app.screen.notice(
      faces.length ? "" : "No face found. A larger, more frontal or better lit face is found more easily.",
    );
  }
}

export function mega(bytes) {
  return Math.ceil(bytes / 2 ** 20);
}
