"""Draw what each descriptor sees of a face: ``python -m fer_landmarks.see [PHOTO] -o PNG``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fer_core.cli import run_command
from fer_core.crop import CROP_SIDE, MEAN_LANDMARKS
from fer_core.datasets.dataset import check_faces
from fer_core.detectors import PHOTO_WORKING_SIDE, make_detector
from fer_core.errors import DataError
from fer_core.extras import require
from fer_core.files import write_atomically
from fer_core.landmarks import LandmarkPredictor
from fer_core.pictures import read_picture
from fer_core.portraits import largest_face
from fer_landmarks.anchored import (
    INNER_POINTS,
    N_DIRECTIONS,
    SCALES,
    AnchoredFeatures,
    anchored_histograms,
)
from fer_landmarks.fisher import FisherFeatures, load_vocabulary
from fer_landmarks.geometry import GeometryFeatures, align
from fer_landmarks.hog import N_ORIENTATIONS, HogFeatures, dense_hog
from fer_landmarks.lbp import NEIGHBOURS, UNIFORM_CODES, LbpFeatures, lbp_codes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Forms that a figure is written in.
_ENDINGS = (".png", ".jpg", ".pdf", ".svg")

#: What nothing at all is divided by.
_TINY = 1e-9

#: Lines through the landmarks: jaw, brows, nose, eyes, lips.
_OUTLINES: tuple[tuple[int, ...], ...] = (
    tuple(range(17)),
    tuple(range(17, 22)),
    tuple(range(22, 27)),
    tuple(range(27, 31)),
    tuple(range(31, 36)),
    (*range(36, 42), 36),
    (*range(42, 48), 42),
    (*range(48, 60), 48),
    (*range(60, 68), 60),
)
#: Landmarks whose histograms are drawn, far enough apart to be told from each other, and the
#: one of them around which all scales are outlined.
_DRAWN_POINTS, _OUTLINED_POINT = (36, 45, 48, 54), 54
#: Which of `SCALES` is drawn.
_DRAWN_SCALE = 1

_BLUE, _ORANGE, _GRAY = "#0072B2", "#D55E00", "#9a9a9a"
_DPI = 160
_CELL = 8


def draw_descriptors(face: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> Figure:
    """Draw a face as each descriptor sees it, side by side.

    Parameters
    ----------
    face : uint8 (48, 48)
    landmarks : float32 (68, 2)
        Crop pixels, x then y.

    Returns
    -------
    matplotlib.figure.Figure
        The face, its aligned landmarks against those of the mean face, HOG, histograms around
        some landmarks, local binary patterns, the Gaussians of its Fisher vector.
    """
    check_faces(face[None])
    counts = [f.n_features for f in (GeometryFeatures(), HogFeatures(), AnchoredFeatures())]
    panels: list[tuple[str, str, Callable[..., None]]] = [
        ("the face", f"{CROP_SIDE} by {CROP_SIDE} pixels, 68 landmarks", _draw_face),
        ("landmark geometry", f"against the mean face: {counts[0]:,} numbers", _draw_geometry),
        ("dense HOG", f"edges in every cell: {counts[1]:,} numbers", _draw_hog),
        (
            "anchored histograms",
            f"51 landmarks, 3 scales: {counts[2]:,} numbers",
            _draw_anchored,
        ),
        (
            "local binary patterns",
            f"hue: the brighter side; {LbpFeatures().n_features:,} numbers",
            _draw_patterns,
        ),
        (
            "Fisher vector",
            f"how unusual, and where: {FisherFeatures().n_features:,} numbers",
            _draw_fisher,
        ),
    ]
    figure: Figure = require("matplotlib.figure").Figure(figsize=(18, 3.55), layout="constrained")
    for axes, (title, caption, draw) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        axes.set(xlim=(-0.5, CROP_SIDE - 0.5), ylim=(CROP_SIDE - 0.5, -0.5), aspect="equal")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.set_title(title, fontsize=12.5)
        axes.set_xlabel(caption, fontsize=9.5, color="#444444")
        draw(axes, face, landmarks)
    return figure


def find_face(picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return the largest face of a picture and its landmarks.

    Parameters
    ----------
    picture : uint8 (H, W, 3) BGR or (H, W) gray
        One of less than 100 pixels counts as a face crop.

    Returns
    -------
    face : uint8 (48, 48)
    landmarks : float32 (68, 2)
        Crop pixels.

    Raises
    ------
    DataError
        If no face is found.
    """
    predictor, detector = LandmarkPredictor(), make_detector(working_side=PHOTO_WORKING_SIDE)
    face, found = largest_face(picture, detector.detect, predictor)
    if not found:
        raise DataError("no face was found in the picture; take one that shows it from ahead")
    return face, predictor.predict_crops(face[None])[0]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m fer_landmarks.see",
        description="Draw what each descriptor sees of a face.",
    )
    parser.add_argument(
        "photo", nargs="?", type=Path, help="its largest face (default: scikit-image's astronaut)"
    )
    parser.add_argument(
        "-o", "--out", type=Path, default=Path("descriptors.png"), help="default: %(default)s"
    )
    return run_command(parser, _command, argv)


def _command(args: argparse.Namespace) -> None:
    if args.out.suffix.lower() not in _ENDINGS:
        raise DataError(f"{args.out}: name a figure that ends with {', '.join(_ENDINGS)}")
    if args.photo is None:
        picture = require("skimage.data").astronaut()[..., ::-1]
    else:
        picture = read_picture(args.photo)
    figure = draw_descriptors(*find_face(np.ascontiguousarray(picture)))
    with write_atomically(args.out) as temporary:
        # A PNG names the version of matplotlib otherwise, which changes its bytes.
        png = args.out.suffix.lower() == ".png"
        figure.savefig(temporary, dpi=_DPI, metadata={"Software": None} if png else None)
    print(f"Written to {args.out}")


def _draw_face(axes: Axes, face: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> None:
    axes.imshow(face, cmap="gray", vmin=0, vmax=255)
    axes.plot(*landmarks.T, "o", color="white", markersize=3.6, markeredgewidth=0)
    axes.plot(*landmarks.T, "o", color=_BLUE, markersize=2.4, markeredgewidth=0)


def _draw_geometry(axes: Axes, face: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> None:
    # Aligned shapes have mean zero and unit norm; drawn as large as they are in the crop.
    both = align(np.stack([MEAN_LANDMARKS, landmarks]))
    centre = MEAN_LANDMARKS.mean(axis=0)
    mean, own = both * np.linalg.norm(MEAN_LANDMARKS - centre) * 0.93 + (CROP_SIDE - 1) / 2
    for outline in _OUTLINES:
        axes.plot(*mean[list(outline)].T, color=_GRAY, linewidth=1.2)
        axes.plot(*own[list(outline)].T, color=_BLUE, linewidth=1.5)
    _lines(axes, zip(mean, own, strict=True), _ORANGE, 1.4)
    axes.plot(*own.T, "o", color=_BLUE, markersize=2.6, markeredgewidth=0)


def _draw_hog(axes: Axes, face: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> None:
    _backdrop(axes, face)
    blocks = dense_hog(face[None], _CELL)[0]
    cells = np.zeros((CROP_SIDE // _CELL, CROP_SIDE // _CELL, N_ORIENTATIONS))
    seen = np.zeros(cells.shape[:2])
    for row, column, y, x in np.ndindex(*blocks.shape[:4]):
        cells[row + y, column + x] += blocks[row, column, y, x]
        seen[row + y, column + x] += 1
    cells /= seen[..., None]  # a cell is in up to four blocks
    centres = (np.arange(len(cells)) + 0.5) * _CELL - 0.5
    angles = np.pi * (np.arange(N_ORIENTATIONS) + 0.5) / N_ORIENTATIONS
    # Edges run across the gradient.
    edges = np.stack([-np.sin(angles), np.cos(angles)], axis=1) * (_CELL / 2 - 0.3)
    strength = cells / max(cells.max(), _TINY)  # a picture of one gray has none
    segments = [
        ((centres[x], centres[y]) - edges[k] * share, (centres[x], centres[y]) + edges[k] * share)
        for (y, x, k), share in np.ndenumerate(strength)
    ]
    _lines(axes, segments, _BLUE, 1.9, strength.ravel() ** 1.3)
    for edge in np.arange(_CELL, CROP_SIDE, _CELL) - 0.5:
        axes.axhline(edge, color="white", linewidth=0.6)
        axes.axvline(edge, color="white", linewidth=0.6)


def _draw_anchored(axes: Axes, face: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> None:
    _backdrop(axes, face)
    drawn = landmarks[list(_DRAWN_POINTS)]
    values = anchored_histograms(face[None], drawn[None], SCALES)[0, _DRAWN_SCALE]
    unit = CROP_SIDE / 96  # scales are given for crops of 96 pixels
    spacing = SCALES[_DRAWN_SCALE][0] * unit
    angles = 2 * np.pi * np.arange(N_DIRECTIONS) / N_DIRECTIONS
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=1) * spacing * 0.8
    strength = values / max(values.max(), _TINY)
    segments = []
    for (point, row, column, k), share in np.ndenumerate(strength):
        start = drawn[point] + (np.array([column, row]) - 1.5) * spacing
        segments.append((start, start + rays[k] * share))
    _lines(axes, segments, _BLUE, 1.5, strength.ravel())
    for point, place in zip(_DRAWN_POINTS, drawn, strict=True):
        scales = SCALES if point == _OUTLINED_POINT else SCALES[_DRAWN_SCALE : _DRAWN_SCALE + 1]
        for size, _ in scales:
            _square(axes, place, 2 * size * unit, point == _OUTLINED_POINT)
    axes.plot(*landmarks[list(INNER_POINTS)].T, "o", color=_ORANGE, markersize=2.2, mew=0)


def _draw_patterns(axes: Axes, face: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> None:
    axes.imshow(_pattern_colors()[lbp_codes(face[None])[0]])
    for edge in np.arange(_CELL, CROP_SIDE, _CELL) - 0.5:
        axes.axhline(edge, color="white", linewidth=0.9)
        axes.axvline(edge, color="white", linewidth=0.9)


def _draw_fisher(axes: Axes, face: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> None:
    _backdrop(axes, face)
    vocabulary = load_vocabulary()
    gradients = vocabulary.gaussians.gradients(vocabulary.words(face[None])[0])[0]
    length = np.linalg.norm(gradients, axis=1)
    # The larger a Gaussian's circle, the more this face's histograms would move it.
    x, y = vocabulary.points().T
    axes.scatter(
        x,
        y,
        s=200 * (length / max(length.max(), _TINY)) ** 2,
        facecolors=_BLUE,
        edgecolors="white",
        linewidths=0.4,
        alpha=0.6,
    )


def _pattern_colors() -> NDArray[np.float64]:
    """Return a colour (59, 3) a pattern: its hue tells in which direction it is brighter."""
    bits = (UNIFORM_CODES[:, None] >> np.arange(len(NEIGHBOURS))) & 1
    places = np.array(NEIGHBOURS, dtype=float)
    places /= np.linalg.norm(places, axis=1, keepdims=True)
    y, x = (bits @ places).T
    size = np.hypot(x, y)
    hue = (np.arctan2(y, x) / (2 * np.pi)) % 1
    # Patterns without a brighter side are gray: darker neighbours all around, or none.
    bright = 0.35 + 0.6 * bits.sum(axis=1) / len(NEIGHBOURS)
    value = np.where(size > 1e-6, 0.88, bright)
    hsv = np.stack([hue, np.minimum(size / size.max(), 1) * 0.55, value], axis=1)
    others = np.array([[0.0, 0.0, 0.4]])
    colors: NDArray[np.float64] = require("matplotlib.colors").hsv_to_rgb(
        np.concatenate([hsv, others])
    )
    return colors


def _backdrop(axes: Axes, face: NDArray[np.uint8]) -> None:
    """Show the face faintly under what is drawn."""
    axes.imshow(face, cmap="gray", vmin=-500, vmax=255, interpolation="bicubic")


def _square(axes: Axes, centre: NDArray[np.float32], half: float, strong: bool) -> None:
    corners = centre + half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]])
    color, width = (_ORANGE, 1.2) if strong else (_BLUE, 0.6)
    axes.plot(*corners.T, color=color, linewidth=width)


def _lines(
    axes: Axes,
    segments: Iterable[Any],
    color: str,
    width: float,
    strength: NDArray[np.floating] | None = None,
) -> None:
    """Draw many lines at once, the weaker ones fainter."""
    collections = require("matplotlib.collections")
    drawn = collections.LineCollection(
        [np.asarray(segment) for segment in segments],
        colors=color,
        linewidths=width,
        alpha=None if strength is None else np.clip(strength, 0, 1),
        capstyle="round",
    )
    axes.add_collection(drawn)


if __name__ == "__main__":
    raise SystemExit(main())
