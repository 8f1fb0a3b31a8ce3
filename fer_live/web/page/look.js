// Light or dark, and the colours of classes in either: style.css has the values.

const THEMES = ["system", "light", "dark"];
const KEY = "fer-ensemble theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

const known = new Map();

function stored() {
  try {
    return THEMES.includes(localStorage.getItem(KEY)) ? localStorage.getItem(KEY) : "system";
  } catch {
    return "system"; // a browser that keeps nothing
  }
}

function apply(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  known.clear();
}

/** Make a button go through the themes; `changed` is called after each change. */
export function wireTheme(button, name, changed) {
  let theme = stored();
  const show = () => {
    apply(theme);
    name.textContent = theme === "system" ? "auto" : theme;
    button.setAttribute("aria-label", `Colours: ${theme}. Change`);
    button.title = `Colours: ${theme}`;
    changed();
  };
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    try {
      localStorage.setItem(KEY, theme);
    } catch { /* then it lasts until the page is closed */ }
    show();
  });
  dark.addEventListener("change", show);
  show();
}

/** The value of one of style.css's colours, for drawing. */
export function colour(name) {
  if (!known.has(name)) {
    known.set(name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
  }
  return known.get(name);
}

const OTHERS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"];

/** The colour of a class: its own, or one by position for classes of people's own models. */
export function classColour(label, labels) {
  return colour(`class-${label}`) || colour(`class-${OTHERS[labels.indexOf(label) % OTHERS.length]}`);
}

/** Black or white, whichever reads better on a colour "#rrggbb". */
export function readableOn(hex) {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  return 0.299 * r + 0.587 * g + 0.114 * b > 140 ? "#111111" : "#ffffff";
}

export function percent(p) {
  return `${Math.round(100 * p)}\u202f%`;
}
