// The page: tabs, settings, and what the three sources share.

import { Camera } from "./camera.js";
import { Clip } from "./clip.js";
import { wireTheme } from "./look.js";
import { drawOverlay } from "./overlay.js";
import { Picture } from "./picture.js";
import { Reading } from "./reading.js";
import { button, Screen, toggle, UNREACHABLE } from "./screen.js";
import { Timeline } from "./timeline.js";

const byId = (id) => document.getElementById(id);

class App {
  constructor(about) {
    this.limits = about.limits;
    this.schemes = about.schemes;
    this.scheme = about.scheme;
    this.landmarks = false;
    this.selected = null;
    this.screen = new Screen();
    this.reading = new Reading((id) => {
      this.selected = id;
      this.current.redraw();
    });
    this.timeline = new Timeline(byId("timeline"), (seconds) => this.current.seek?.(seconds));
    this.sources = { camera: new Camera(this), picture: new Picture(this), video: new Clip(this) };
    this.#wireSchemes();
    this.#wireTabs();
    this.#wireFiles();
    new ResizeObserver(() => this.current?.redraw()).observe(byId("stage"));
    this.reading.use(this.labels);
    this.#go("camera");
  }

  get labels() {
    return this.schemes[this.scheme];
  }

  /** Show a frame's faces over the picture and beside it; `outlined` where there is no picture. */
  show(answer, { mirrored = false, outlined = false, idle = "" } = {}) {
    const faces = answer?.faces ?? [];
    this.#select(faces);
    const { labels, selected } = this;
    const landmarks = this.landmarks || outlined;
    drawOverlay(byId("overlay"), answer, { labels, selected, mirrored, landmarks });
    this.reading.show(faces, selected, idle);
  }

  /** Show the selected face's timeline; `stale` where points were added since. */
  showCourse(view, note, stale = true) {
    byId("course").hidden = false;
    const several = view.course.tracks.size > 1 && this.selected !== null;
    byId("course-note").textContent = (several ? `face ${this.selected}, ` : "") + note;
    const moved = this.timelineOf !== this.selected;
    this.timelineOf = this.selected;
    this.timeline.show({ ...view, id: this.selected, labels: this.labels }, stale || moved);
  }

  /** Show nothing: another source or another run begins. */
  clear(idle = "") {
    this.selected = null;
    drawOverlay(byId("overlay"), null, {});
    this.reading.show([], null, idle);
    byId("course").hidden = true;
    this.screen.notice();
  }

  landmarksToggle() {
    return toggle("Landmarks", this.landmarks, (on) => {
      this.landmarks = on;
      this.current.redraw();
    });
  }

  /** Let somebody choose a file. */
  choose(accept, take) {
    const input = byId("file");
    input.accept = accept;
    input.value = "";
    input.onchange = () => input.files.length && take(input.files[0]);
    input.click();
  }

  recolour() {
    this.reading.recolour();
    this.timelineOf = undefined; // so that it is drawn anew
    this.current?.redraw();
  }

  /** Keep to the selected face; where it is gone, take the largest. */
  #select(faces) {
    if (!faces.length || faces.some(({ id }) => id === this.selected)) return;
    this.selected = faces.reduce((a, b) => (b.box[2] > a.box[2] ? b : a)).id;
  }

  #wireSchemes() {
    const select = byId("scheme");
    for (const [name, labels] of Object.entries(this.schemes)) {
      const option = new Option(`${labels.length} classes (${name})`, name);
      option.title = labels.join(", ");
      select.add(option);
    }
    select.value = this.scheme;
    select.disabled = select.options.length < 2;
    select.addEventListener("change", () => {
      this.scheme = select.value;
      this.reading.use(this.labels);
      this.clear();
      for (const source of Object.values(this.sources)) {
        if (source === this.current) source.schemeChanged();
        else source.outdated = true;
      }
    });
  }

  #wireTabs() {
    const tabs = Object.keys(this.sources).map((name) => byId(`tab-${name}`));
    tabs.forEach((tab, i) => {
      const name = Object.keys(this.sources)[i];
      tab.addEventListener("click", () => this.#go(name));
      tab.addEventListener("keydown", (event) => {
        const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        const to = { Home: 0, End: tabs.length - 1 }[event.key] ?? (move && (i + move + tabs.length) % tabs.length);
        if (to === undefined) return;
        event.preventDefault();
        tabs[to].focus();
        tabs[to].click();
      });
    });
  }

  #go(name) {
    const source = this.sources[name];
    if (this.current === source) return;
    this.current?.leave();
    this.current = source;
    for (const each of Object.keys(this.sources)) {
      byId(`tab-${each}`).setAttribute("aria-selected", each === name);
      byId(`tab-${each}`).tabIndex = each === name ? 0 : -1;
    }
    byId("stage").setAttribute("aria-labelledby", `tab-${name}`);
    this.clear();
    this.screen.progress(undefined);
    this.screen.banner();
    source.enter();
    if (source.outdated) source.schemeChanged();
    source.outdated = false;
  }

  /** Files that are dropped or pasted go to the tab for their kind. */
  #wireFiles() {
    const accept = (file) => {
      if (!file) return;
      const name = file.type.startsWith("video/") ? "video"
        : file.type.startsWith("image/") || this.current !== this.sources.video ? "picture" : "video";
      this.#go(name);
      this.sources[name].take(file);
    };
    const stage = byId("stage");
    const hint = (shown) => { byId("drop").hidden = !shown; };
    addEventListener("dragover", (event) => {
      event.preventDefault();
      hint(event.dataTransfer.types.includes("Files"));
    });
    addEventListener("dragleave", (event) => event.relatedTarget === null && hint(false));
    addEventListener("drop", (event) => {
      event.preventDefault();
      hint(false);
      accept(event.dataTransfer.files[0]);
      stage.focus();
    });
    addEventListener("paste", (event) => accept(event.clipboardData.files[0]));
  }
}

async function begin() {
  let app = null;
  wireTheme(byId("theme"), byId("theme-name"), () => app?.recolour());
  try {
    const response = await fetch("api/about");
    if (!response.ok) throw new TypeError(response.statusText);
    app = new App(await response.json());
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    new Screen().message({
      icon: "lost",
      problem: true,
      title: "The server doesn't answer",
      text: UNREACHABLE,
      actions: [button("Try again", () => location.reload(), "primary")],
    });
  }
}

begin();
