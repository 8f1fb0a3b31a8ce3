"""The frame of the HTML report: one file, no network, readable in light, dark and print."""

from __future__ import annotations

import base64
import html
from pathlib import Path

_STYLE = """
:root { color-scheme: light dark; --line: #c8c8c8; --soft: #f3f3f3; --text: #1a1a1a; --back: #fff;
  --muted: #555; }
@media (prefers-color-scheme: dark) { :root { --line: #444; --soft: #222; --text: #eaeaea;
  --back: #141414; --muted: #aaa; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back);
  max-width: 78rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.7rem; margin: 0 0 .5rem; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
p { max-width: 46rem; margin: .5rem 0; }
.note { border-left: 4px solid var(--text); background: var(--soft); padding: .6rem 1rem; }
.muted { color: var(--muted); font-size: .9rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .84rem; margin: .8rem 0;
  font-variant-numeric: tabular-nums; }
th, td { padding: .32rem .5rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
th:first-child, td:first-child, th.text, td.text { text-align: left; }
td.text { white-space: normal; max-width: 24rem; }
thead th { border-bottom: 2px solid var(--text); vertical-align: bottom; white-space: normal;
  max-width: 7.5rem; }
.tall { max-height: 34rem; overflow-y: auto; }
.tall thead th { position: sticky; top: 0; background: var(--back); }
thead button { all: unset; cursor: pointer; font-weight: 600; }
thead button:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
th[aria-sort=ascending] button::after { content: " \\25B2"; }
th[aria-sort=descending] button::after { content: " \\25BC"; }
tbody tr:hover { background: var(--soft); }
tbody th { font-weight: 600; }
figure { margin: .8rem 0; max-width: 50rem; }
img { max-width: 100%; height: auto; background: #fff; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(23rem, 1fr)); gap: 1rem; }
.grid figure { margin: 0; }
@media print { body { max-width: none; } h2 { break-after: avoid; }
  .tall { max-height: none; overflow: visible; }
  figure { break-inside: avoid; } }
"""

_SCRIPT = """
for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "descending" ||
      (column === 0 && head.getAttribute("aria-sort") !== "ascending");
    const value = (row) => {
      const cell = row.cells[column];
      if (column === 0) return cell.textContent;
      return cell.dataset.value === "" ? NaN : Number(cell.dataset.value);
    };
    const rows = [...table.tBodies[0].rows].sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      if (column === 0) return (down ? 1 : -1) * x.localeCompare(y);
      if (Number.isNaN(x) && Number.isNaN(y))
        return (down ? -1 : 1) *
          a.cells[column].textContent.localeCompare(b.cells[column].textContent);
      if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
      return down ? x - y : y - x;
    });
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "ascending" : "descending");
    table.tBodies[0].append(...rows);
  }));
}
"""


def page(title: str, body: str) -> str:
    """Return a whole HTML document."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body>\n{body}\n<script>{_SCRIPT}</script>\n</body></html>\n"
    )


def picture(path: Path, alt: str) -> str:
    """Return a figure with the PNG at `path` inside."""
    content = base64.b64encode(path.read_bytes()).decode()
    return f'<figure><img alt="{html.escape(alt)}" src="data:image/png;base64,{content}"></figure>'
