"""Faces on an HTML page: sheets of many, and single ones with words below."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.figures import drawn
from fer_core.crop import CROP_SIDE

#: Style of what this module writes; goes into the page once.
STYLE = """<style>
.faces { display: flex; flex-wrap: wrap; gap: .6rem; margin: .8rem 0; }
.faces figure { margin: 0; width: 7.2rem; max-width: none; }
.faces img { width: 7.2rem; height: 7.2rem; display: block; }
.faces figcaption { font-size: .75rem; line-height: 1.3; overflow-wrap: anywhere;
  margin-top: .2rem; }
.faces .name { color: var(--muted); font-size: .68rem; }
.sheet img { width: 100%; max-width: 62rem; image-rendering: auto; }
.sheet figcaption { font-weight: 600; font-size: .9rem; }
figure.sheet { max-width: none; }
.set { border: 1px solid var(--line); padding: .4rem; }
</style>"""


def picture_html(picture: NDArray[np.uint8], alt: str) -> str:
    """Return an ``<img>`` with a gray picture inside, uint8 (h, w)."""
    done, content = cv2.imencode(".png", picture)
    assert done  # a PNG can hold any gray picture
    data = base64.b64encode(content.tobytes()).decode()
    return f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{data}">'


def captioned(faces: Iterable[tuple[NDArray[np.uint8], str, str]]) -> str:
    """Return faces, each with words and its name below.

    Parameters
    ----------
    faces : iterable of (uint8 (48, 48), str, str)
        Face, words, name.
    """
    figures = (
        f"<figure>{picture_html(face, words)}<figcaption>{html.escape(words)}<br>"
        f'<span class="name">{_breakable(name)}</span></figcaption></figure>'
        for face, words, name in faces
    )
    return f'<div class="faces">{"".join(figures)}</div>'


def _breakable(name: str) -> str:
    """Return a file's name as HTML that may break after its separators, not within words."""
    return html.escape(name).replace("/", "/<wbr>").replace("_", "_<wbr>")


def sheet(faces: NDArray[np.uint8], caption: str, columns: int) -> str:
    """Return many faces as one picture, row by row, under a caption."""
    rows = -(-len(faces) // columns)
    grid = np.full((rows * columns, CROP_SIDE + 2, CROP_SIDE + 2), 255, dtype=np.uint8)
    grid[: len(faces), 1:-1, 1:-1] = faces
    side = CROP_SIDE + 2
    joined = grid.reshape(rows, columns, side, side).swapaxes(1, 2).reshape(rows * side, -1)
    large = cv2.resize(joined, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)
    image = picture_html(np.asarray(large, dtype=np.uint8), caption)
    return f'<figure class="sheet"><figcaption>{html.escape(caption)}</figcaption>{image}</figure>'


def figure_html(figure: Figure, alt: str) -> str:
    """Return a figure as an ``<img>``."""
    import io

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<figure><img alt="{html.escape(alt)}" src="data:image/png;base64,{data}"></figure>'


def landmark_figure(
    landmarks: NDArray[np.float32], y: NDArray[np.int64], labels: Sequence[str]
) -> Figure:
    """Draw the landmarks of many faces of each class, and where the mean face of all has them.

    Parameters
    ----------
    landmarks : float32 (n, 68, 2)
        Crop pixels.
    y : int64 (n,)
    labels : sequence of str
    """
    present = [code for code in range(len(labels)) if (y == code).any()]
    columns = min(len(present), 4)
    rows = -(-len(present) // columns)
    figure = Figure(figsize=(2.5 * columns, 2.75 * rows), layout="constrained")
    everyone = landmarks.mean(axis=0)
    panels = np.ravel(figure.subplots(rows, columns, squeeze=False))
    for axes in panels:
        axes.axis("off")
    for axes, code in zip(panels, present, strict=False):
        points = landmarks[y == code]
        axes.plot(
            *points.reshape(-1, 2).T, ".", color="#8a8a8a", markersize=1.6, alpha=0.18, zorder=1
        )
        mean = points.mean(axis=0)
        for (x0, y0), (x1, y1) in zip(everyone, mean, strict=True):
            axes.plot([x0, x1], [y0, y1], color="#0072B2", linewidth=1, zorder=2)
        axes.plot(*everyone.T, "o", color="white", markeredgecolor="#0072B2", markersize=2.4)
        axes.plot(*mean.T, "o", color="black", markersize=2.2, zorder=3)
        axes.set(xlim=(0, CROP_SIDE), ylim=(CROP_SIDE + 2, 2), aspect="equal")
        axes.set_title(f"{drawn(labels[code])} ({len(points):,})", fontsize=10)
    return figure
