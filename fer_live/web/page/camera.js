// The camera: asks for it, sends frames as fast as they are answered, keeps the last minute.

import { Connection } from "./connection.js";
import { part } from "./reading.js";
import { button, stagePairs, toggle } from "./screen.js";
import { Course } from "./timeline.js";

/** Longer side of what is sent, in pixels: faces are searched in pictures of that size. */
const SENT_SIDE = 640;
const JPEG_QUALITY = 0.9;

const SHOWN_SECONDS = 60;

/** How long no face must be found before the page says so. */
const MISSING_MS = 1200;

const LOOKING = "looking for a face";

export class Camera {
  constructor(app) {
    this.app = app;
    this.video = document.getElementById("camera");
    this.canvas = document.createElement("canvas");
    this.mirrored = true;
    this.video.classList.add("mirrored");
  }

  /** The tab is shown. */
  enter() {
    this.#invite();
  }

  /** The tab is left: the camera goes off. */
  leave() {
    this.#stop();
  }

  schemeChanged() {
    if (!this.connection) return;
    this.connection.close();
    this.#connect();
  }

  redraw() {
    if (this.stream) this.#show();
  }

  #invite() {
    const { screen } = this.app;
    screen.only({
      icon: "camera",
      title: "See your expressions live",
      text: "The camera's pictures go to the fer-ensemble server on this machine and nowhere else.",
      actions: [button("Start camera", () => this.#start(), "primary")],
    });
  }

  async #start(deviceId) {
    const { screen } = this.app;
    if (!navigator.mediaDevices?.getUserMedia) {
      this.#fail(...INSECURE);
      return;
    }
    this.#stop();
    const turn = Symbol("start");
    this.turn = turn;
    screen.message({
      icon: "wait",
      title: "Waiting for the camera",
      text: "If the browser asks, allow this page to use it.",
      actions: [button("Cancel", () => { this.#stop(); this.#invite(); })],
    });
    let stream;
    try {
      const which = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "user" };
      stream = await navigator.mediaDevices.getUserMedia({
        video: { ...which, width: { ideal: 1280 }, height: { ideal: 720 } },
        audio: false,
      });
    } catch (error) {
      if (this.turn === turn) this.#fail(...(PROBLEMS[error.name] ?? unknown(error)));
      return;
    }
    if (this.turn !== turn) {
      // Another tab was chosen meanwhile.
      stream.getTracks().forEach((track) => track.stop());
      return;
    }
    this.stream = stream;
    stream.getVideoTracks()[0].addEventListener("ended", () => {
      if (this.stream === stream) this.#fail(...UNPLUGGED);
    });
    this.video.srcObject = stream;
    await this.video.play().catch(() => {});
    if (this.stream !== stream) return;
    screen.media("camera");
    const cameras = await videoInputs();
    if (this.stream !== stream) return;
    this.#offerControls(stream, cameras);
    this.#connect();
    this.#loop(stream);
  }

  #stop() {
    this.turn = null;
    this.connection?.close();
    this.connection = null;
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.video.srcObject = null;
    this.app.clear();
    this.app.screen.banner();
  }

  #fail(title, text) {
    this.#stop();
    this.app.screen.only({
      icon: "problem",
      problem: true,
      title,
      text,
      actions: [button("Try again", () => this.#start(), "primary")],
    });
  }

  #offerControls(stream, cameras) {
    const { app } = this;
    let choice = null;
    if (cameras.length > 1) {
      choice = part("select");
      choice.setAttribute("aria-label", "Camera");
      for (const { deviceId, label } of cameras) choice.add(new Option(label || "camera", deviceId));
      choice.value = stream.getVideoTracks()[0].getSettings().deviceId;
      choice.addEventListener("change", () => this.#start(choice.value));
    }
    app.screen.controls(
      button("Stop camera", () => { this.#stop(); this.#invite(); }),
      choice,
      toggle("Mirror", this.mirrored, (on) => {
        this.mirrored = on;
        this.video.classList.toggle("mirrored", on);
        this.#show();
      }),
      app.landmarksToggle(),
    );
  }

  #connect() {
    const { screen, scheme } = this.app;
    let interrupted = false;
    this.#begin();
    this.connection = new Connection(scheme, {
      answer: (answer, took) => this.#take(answer, took),
      up: () => {
        if (!interrupted) return;
        interrupted = false;
        this.#begin(); // the server numbers faces anew
        screen.banner("Connected again.", "good");
      },
      lost: () => {
        interrupted = true;
        this.answer = null;
        this.#show("no connection");
        screen.notice();
        screen.timings([]);
        screen.banner("The connection to fer-live was lost. Trying again… If it was stopped, start it again.");
      },
      refused: (reason) => this.#fail("The server ended the connection", `It said: ${reason || "nothing"}.`),
    });
  }

  #begin() {
    this.course = new Course(SHOWN_SECONDS);
    this.answer = null;
    this.times = [];
    this.seen = performance.now();
    this.app.clear(LOOKING);
  }

  /** Send each new picture of the camera, unless the last one is still being looked at. */
  #loop(stream) {
    const next = () => {
      if (this.stream !== stream) return;
      if (this.connection.free && !this.encoding) this.#send();
      again();
    };
    const again = () => {
      if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(next);
      else requestAnimationFrame(next);
    };
    again();
  }

  #send() {
    const { videoWidth, videoHeight } = this.video;
    if (!videoWidth) return;
    const scale = Math.min(SENT_SIDE / Math.max(videoWidth, videoHeight), 1);
    this.canvas.width = Math.round(videoWidth * scale);
    this.canvas.height = Math.round(videoHeight * scale);
    this.canvas.getContext("2d", { alpha: false })
      .drawImage(this.video, 0, 0, this.canvas.width, this.canvas.height);
    this.encoding = true;
    const { connection } = this;
    this.canvas.toBlob((jpeg) => {
      this.encoding = false;
      if (jpeg && connection === this.connection && connection?.free) connection.send(jpeg);
    }, "image/jpeg", JPEG_QUALITY);
  }

  #take(answer, took) {
    const now = performance.now();
    this.answer = answer;
    this.course.add(answer.seconds, answer.faces);
    if (answer.faces.length) this.seen = now;
    this.app.screen.notice(
      now - this.seen > MISSING_MS
        ? "No face found. Look at the camera; come closer; light from the front helps."
        : "",
    );
    this.#show();
    this.times.push({ now, took, stages: answer.timings });
    while (now - this.times[0].now > 2000) this.times.shift();
    if (now - (this.told ?? 0) < 400) return;
    this.told = now;
    const span = now - this.times[0].now;
    const middle = this.times.map((each) => each.took).sort((a, b) => a - b)[this.times.length >> 1];
    this.app.screen.timings([
      ["frames a second", span ? ((1000 * (this.times.length - 1)) / span).toFixed(0) : "…"],
      ["there and back", `${middle.toFixed(0)}\u202fms`],
      ...stagePairs(this.times.map(({ stages }) => stages)),
    ]);
  }

  #show(idle = LOOKING) {
    const { app, course, answer } = this;
    app.show(answer, { mirrored: this.mirrored, idle });
    if (!course) return;
    const to = course.latest;
    app.showCourse({ course, from: to - SHOWN_SECONDS, to, ago: true }, "the last minute");
  }
}

async function videoInputs() {
  const devices = await navigator.mediaDevices.enumerateDevices().catch(() => []);
  return devices.filter(({ kind }) => kind === "videoinput");
}

const INSECURE = [
  "The browser gives no camera to this address",
  "Pages get the camera only on their own machine or over HTTPS. Open http://127.0.0.1 with this port on the machine that runs fer-live, or reach it through an SSH tunnel. Pictures and videos work here.",
];

const UNPLUGGED = [
  "The camera is gone",
  "It was unplugged, or the browser or another program took it. Connect it and try again.",
];

const PROBLEMS = {
  NotAllowedError: [
    "The camera was not allowed",
    "Allow it for this page: click the icon left of the address (or in the system's privacy settings), then try again.",
  ],
  NotFoundError: [
    "No camera was found",
    "Connect one and try again, or look at a picture or a video instead.",
  ],
  NotReadableError: [
    "The camera can't be used right now",
    "Another program may be using it: close that program and try again.",
  ],
};
PROBLEMS.OverconstrainedError = PROBLEMS.NotFoundError;
PROBLEMS.AbortError = PROBLEMS.NotReadableError;

function unknown(error) {
  return ["The camera did not start", `The browser said: ${error.message || error.name}.`];
}
