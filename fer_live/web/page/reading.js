// The panel beside the picture: which face, its label and second choice, a bar for every class.

import { classColour, percent } from "./look.js";

/** Milliseconds that an announcement is left to be listened to. */
const PAUSE = 4000;

export class Reading {
  /** `choose` is called with a face's number when somebody picks it. */
  constructor(choose) {
    this.faces = document.getElementById("faces");
    this.label = document.getElementById("label");
    this.second = document.getElementById("second");
    this.bars = document.getElementById("bars");
    this.spoken = document.getElementById("spoken");
    this.choose = choose;
    this.labels = [];
    this.saidAt = -PAUSE;
    this.faces.addEventListener("keydown", (event) => this.#step(event));
  }

  /** Take a scheme's classes: one bar each. */
  use(labels) {
    this.labels = labels;
    this.rows = labels.map((label) => {
      const row = part("div", "bar");
      row.setAttribute("role", "listitem");
      const fill = part("div", "fill");
      const track = part("div", "track");
      track.append(fill);
      const value = part("span", "value");
      row.append(part("span", "name", label), track, value);
      return { row, fill, value };
    });
    this.bars.replaceChildren(...this.rows.map(({ row }) => row));
    this.recolour();
    this.show([], null);
  }

  recolour() {
    this.rows?.forEach(({ fill }, i) => {
      fill.style.backgroundColor = classColour(this.labels[i], this.labels);
    });
  }

  /** Show the face numbered `selected` of a frame's faces; `idle` says what to write where none is. */
  show(faces, selected, idle = "") {
    const face = faces.find(({ id }) => id === selected);
    this.#showFaces(faces, selected);
    this.bars.classList.toggle("empty", !face);
    this.label.classList.toggle("idle", !face);
    this.label.replaceChildren(face ? face.label : idle || "no face yet");
    if (face && !face.sure) this.label.append(part("span", "unsure", "unsure"));
    this.second.textContent = "";
    if (face) {
      const q = face.probabilities[this.labels.indexOf(face.second)];
      this.second.append("second choice: ", part("strong", "", face.second), ` ${percent(q)}`);
    }
    this.rows.forEach(({ row, fill, value }, i) => {
      const p = face ? face.probabilities[i] : 0;
      fill.style.transform = `scaleX(${p})`;
      value.textContent = face ? percent(p) : "";
      row.classList.toggle("strong", Boolean(face) && this.labels[i] === face.label);
      row.setAttribute("aria-label", face ? `${this.labels[i]} ${percent(p)}` : this.labels[i]);
    });
    this.say(face ? `${face.sure ? "" : "unsure, perhaps "}${face.label}` : "");
  }

  /** Tell screen readers the latest, but not more often than can be listened to. */
  say(text) {
    this.toSay = text;
    if (!text) this.spoken.textContent = ""; // what comes next is news, even if it is the same
    if (!text || this.waiting) return;
    const left = this.saidAt + PAUSE - performance.now();
    this.waiting = setTimeout(() => {
      this.waiting = null;
      if (this.toSay === this.spoken.textContent) return;
      this.saidAt = performance.now();
      this.spoken.textContent = this.toSay;
    }, Math.max(left, 0));
  }

  #showFaces(faces, selected) {
    this.faces.hidden = faces.length < 2;
    const ids = faces.map(({ id }) => id);
    if (this.shownIds !== ids.join()) {
      this.shownIds = ids.join();
      const hadFocus = this.faces.contains(document.activeElement);
      this.faces.replaceChildren(
        ...ids.map((id) => {
          const chip = part("button", "chip", `Face ${id}`);
          chip.type = "button";
          chip.dataset.id = id;
          chip.setAttribute("role", "radio");
          chip.addEventListener("click", () => this.choose(id));
          return chip;
        }),
      );
      if (hadFocus) this.focusSelected = true;
    }
    for (const chip of this.faces.children) {
      const chosen = Number(chip.dataset.id) === selected;
      chip.setAttribute("aria-checked", chosen);
      chip.tabIndex = chosen ? 0 : -1;
      if (chosen && this.focusSelected) chip.focus();
    }
    this.focusSelected = false;
  }

  #step(event) {
    const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const chips = [...this.faces.children];
    const at = chips.indexOf(document.activeElement);
    if (!move || at < 0) return;
    event.preventDefault();
    const next = chips[(at + move + chips.length) % chips.length];
    next.focus();
    this.choose(Number(next.dataset.id));
  }
}

/** Make an element with a class and a text. */
export function part(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}
