"""Made-up expressions on real portraits: everything can be shown working without a download.

The portraits that ship inside scikit-image, the astronaut and the first hundred of the LFW subset
(Huang et al., "Labeled Faces in the Wild", 2007), are given seven expressions by moving their
landmarks along the action units of Ekman & Friesen, "Facial Action Coding System", 1978, and
warping the picture after them. Figures measured on these faces say nothing of real ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.crop import crop_faces
from fer_core.datasets.cache import Arrays, cached, content_key
from fer_core.datasets.dataset import FACE_SIZE, Dataset
from fer_core.labels import LABELS, SCHEMES
from fer_core.landmarks import MIRROR_ORDER, LandmarkPredictor, predictor_hash

#: Where landmarks go when an action unit acts fully: landmark (iBUG 68 order) to displacement
#: (outwards from the face's middle, up), in distances between the eyes' centres. Only the half on
#: the picture's left and the middle are listed, the other half mirrors them.
# fmt: off
ACTION_UNITS: Mapping[str, Mapping[int, tuple[float, float]]] = MappingProxyType({
    # Brows: inner part raised; outer part raised; lowered and drawn together.
    "AU1": {19: (0, .06), 20: (0, .13), 21: (-.01, .17)},
    "AU2": {17: (0, .09), 18: (0, .16), 19: (0, .13), 20: (0, .04)},
    "AU4": {17: (0, -.01), 18: (-.01, -.04), 19: (-.04, -.08), 20: (-.07, -.12), 21: (-.08, -.14),
            27: (0, -.03)},
    # Eyes: upper lid raised; cheek and lower lid raised; lids tightened.
    "AU5": {37: (0, .06), 38: (0, .06), 40: (0, -.02), 41: (0, -.02)},
    "AU6": {1: (.01, .02), 2: (.03, .04), 36: (0, -.01), 40: (0, .05), 41: (0, .06)},
    "AU7": {37: (0, -.03), 38: (0, -.03), 40: (0, .03), 41: (0, .03)},
    # Nose wrinkled, upper lip raised.
    "AU9": {20: (-.03, -.09), 21: (-.05, -.11), 28: (0, .03), 29: (0, .04), 30: (0, .07),
            31: (.03, .10), 32: (.02, .09), 33: (0, .08), 40: (0, .03), 41: (0, .02),
            50: (0, .04), 51: (0, .03)},
    "AU10": {31: (.03, .04), 49: (.02, .07), 50: (.01, .11), 51: (0, .09), 61: (.01, .08),
             62: (0, .07)},
    # Mouth's corners: pulled up and out; pulled down; stretched sideways.
    "AU12": {3: (.03, .02), 4: (.03, .03), 31: (.03, .01), 48: (.16, .15), 49: (.10, .09),
             50: (.03, .03), 59: (.09, .05), 60: (.14, .14), 61: (.06, .05), 67: (.05, .02)},
    "AU15": {48: (.03, -.16), 49: (.01, -.06), 59: (.02, -.07), 60: (.03, -.14), 51: (0, .01),
             58: (0, .01), 57: (0, .02)},
    "AU20": {4: (.02, 0), 5: (.02, 0), 48: (.17, -.04), 49: (.10, 0), 50: (.04, 0),
             58: (.05, -.02), 59: (.11, -.05), 60: (.15, -.04), 61: (.06, 0), 67: (.06, -.02)},
    # Chin raised; lips tightened; lips parted; jaw dropped.
    "AU17": {6: (0, .03), 7: (0, .06), 8: (0, .07), 57: (0, .06), 58: (0, .05), 59: (0, .02),
             66: (0, .04), 67: (0, .03)},
    "AU23": {48: (-.06, 0), 49: (-.04, -.02), 50: (-.02, -.05), 51: (0, -.05), 57: (0, .06),
             58: (-.02, .06), 59: (-.04, .03), 60: (-.05, 0)},
    "AU25": {57: (0, -.05), 58: (0, -.05), 59: (0, -.02), 61: (0, .02), 62: (0, .02),
             66: (0, -.05), 67: (0, -.05)},
    "AU26": {4: (-.02, -.06), 5: (-.02, -.14), 6: (0, -.20), 7: (0, -.23), 8: (0, -.24),
             48: (-.06, -.07), 49: (-.04, 0), 57: (0, -.26), 58: (-.02, -.25), 59: (-.04, -.18),
             60: (-.05, -.07), 61: (0, .02), 62: (0, .03), 66: (0, -.25), 67: (-.02, -.23)},
})

#: How much of each unit an expression has: the prototypes of Ekman & Friesen's investigator's
#: guide (1978), a little less of what would hide the rest on a picture of 48 pixels.
EXPRESSIONS: Mapping[str, Mapping[str, float]] = MappingProxyType({
    "angry": {"AU4": 1, "AU5": .4, "AU7": 1, "AU17": .3, "AU23": 1},
    "disgust": {"AU7": .5, "AU9": 1, "AU10": 1, "AU15": .4, "AU17": .4},
    "fear": {"AU1": 1, "AU2": .5, "AU4": .5, "AU5": 1, "AU20": 1, "AU25": 1},
    "happy": {"AU6": 1, "AU12": 1},
    "sad": {"AU1": 1, "AU4": .5, "AU15": 1, "AU17": .5},
    "surprise": {"AU1": 1, "AU2": 1, "AU5": 1, "AU26": 1},
    "neutral": {},
})
# fmt: on

#: Pictures of each person in each expression.
VARIANTS = 2

#: Raised whenever the same seed would give other faces.
_VERSION = 1

_N_LFW = 100  # the first hundred pictures are faces, the others are not
_LFW_SIDE = 96  # LFW's 25 pixels are enlarged to this before landmarks are searched
_Box = tuple[int, int, int, int]  # left, top, width, height
_ASTRONAUT_BOX: _Box = (173, 71, 104, 104)

_LEFT_EYE, _RIGHT_EYE = slice(36, 42), slice(42, 48)  # as the picture shows them
_INNER_LIPS = slice(60, 68)


def load_demo(seed: int = 0) -> Dataset:
    """Make the demo faces: 101 people, seven expressions, two pictures of each.

    Parameters
    ----------
    seed : int
        Chooses how strong each expression is, and how each picture is turned, placed and lit.

    Returns
    -------
    Dataset
        1,414 faces, scheme ``fer7``, `groups` the person, no given parts.
    """
    pictures, boxes = _pictures()
    kind = f"demo {_VERSION} {VARIANTS} {seed} {predictor_hash()}"
    key = content_key(kind, [p.data for p in pictures])
    persons, codes, variants = np.indices((len(pictures), len(LABELS), VARIANTS)).reshape(3, -1)

    def compute() -> Arrays:
        portraits, landmarks = _portraits(pictures, boxes)
        faces = [
            _picture(portraits[p], landmarks[p], LABELS[c], np.random.default_rng([seed, p, c, v]))
            for p, c, v in zip(persons, codes, variants, strict=True)
        ]
        return {"faces": np.stack(faces)}

    return Dataset(
        name="demo",
        faces=cached(key, compute)["faces"],
        y=codes.astype(np.int64),
        scheme=SCHEMES["fer7"],
        names=np.array(
            [
                f"person{p:03d}_{LABELS[c]}_{v}"
                for p, c, v in zip(persons, codes, variants, strict=True)
            ]
        ),
        parts=np.full(len(codes), ""),
        groups=persons.astype(np.int64),
        notes={
            "made_up": "Expressions are painted on portraits by a warp: figures measured on the "
            "demo faces show that everything works and say nothing of real faces."
        },
    )


def expression_shift(expression: str) -> NDArray[np.float64]:
    """Return how an expression moves the landmarks of an upright face.

    Parameters
    ----------
    expression : str
        One of FER2013's labels.

    Returns
    -------
    float64 (68, 2)
        Right and down in the picture, in distances between the eyes' centres.
    """
    shift = np.zeros((len(MIRROR_ORDER), 2))
    for unit, amount in EXPRESSIONS[expression].items():
        for point, (outwards, up) in ACTION_UNITS[unit].items():
            mirrored = MIRROR_ORDER[point]
            shift[point] += amount * np.array([-outwards, -up])
            if mirrored != point:
                shift[mirrored] += amount * np.array([outwards, -up])
    return shift


def _pictures() -> tuple[list[NDArray[np.uint8]], list[_Box]]:
    """Return scikit-image's pictures of faces, BGR or gray, and the box of each face."""
    import skimage.data

    pictures, boxes = [skimage.data.astronaut()[..., ::-1].copy()], [_ASTRONAUT_BOX]
    for face in skimage.data.lfw_subset()[:_N_LFW]:
        large = cv2.resize(face, (_LFW_SIDE, _LFW_SIDE), interpolation=cv2.INTER_CUBIC)
        pictures.append(np.clip(large * 255, 0, 255).astype(np.uint8))
        boxes.append((0, 0, _LFW_SIDE, _LFW_SIDE))
    return pictures, boxes


def _portraits(
    pictures: list[NDArray[np.uint8]], boxes: list[_Box]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return uint8 (n, 48, 48) portraits in FER2013 framing and their landmarks (n, 68, 2)."""
    predictor = LandmarkPredictor()
    crops = [
        crop_faces(picture, [box], predictor.predict_boxes(picture, [box]))
        for picture, box in zip(pictures, boxes, strict=True)
    ]
    portraits = np.concatenate(crops)
    return portraits, predictor.predict_crops(portraits)


def _picture(
    portrait: NDArray[np.uint8],
    landmarks: NDArray[np.float32],
    expression: str,
    random: np.random.Generator,
) -> NDArray[np.uint8]:
    """Give a portrait an expression, and place and light it a little differently."""
    strength = random.uniform(0.55, 1.2)
    moved = landmarks + strength * _in_picture(expression_shift(expression), landmarks, random)
    warped = _warp(portrait, landmarks, moved)
    if EXPRESSIONS[expression].keys() & {"AU25", "AU26"}:
        warped = _darken_mouth(warped, moved[_INNER_LIPS], min(strength, 1.0))
    return _photograph(warped, random)


def _in_picture(
    shift: NDArray[np.float64], landmarks: NDArray[np.float32], random: np.random.Generator
) -> NDArray[np.float64]:
    """Turn a shift in units of the face into pixels of this picture, no two alike."""
    axis = landmarks[_RIGHT_EYE].mean(axis=0) - landmarks[_LEFT_EYE].mean(axis=0)
    own = shift * random.normal(1, 0.15, size=(len(shift), 1)) + random.normal(
        0, 0.008, shift.shape
    )
    return own @ np.array([axis, [-axis[1], axis[0]]])


def _warp(
    picture: NDArray[np.uint8], source: NDArray[np.float32], target: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Move the points `source` of a picture to `target`, smoothly and with fixed borders.

    A thin-plate spline (Bookstein, "Principal Warps", 1989) through the points, at every other
    pixel: it is smooth enough for the rest to be interpolated.
    """
    from scipy.interpolate import RBFInterpolator

    edge = np.linspace(-4, FACE_SIZE + 3, 6)
    border = [(x, y) for x in edge for y in edge if {x, y} & {edge[0], edge[-1]}]
    grid = np.arange(FACE_SIZE // 2) * 2 + 0.5
    y, x = np.meshgrid(grid, grid, indexing="ij")
    # Backwards: where each pixel of the result comes from. Some smoothing, as landmarks that lie
    # on each other (closed lips) may be sent apart.
    back = RBFInterpolator(
        np.concatenate([target, border]),
        np.concatenate([source - target, np.zeros((len(border), 2))]),
        kernel="thin_plate_spline",
        smoothing=0.5,
    )(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(*x.shape, 2)
    field = cv2.resize(back.astype(np.float32), (FACE_SIZE, FACE_SIZE))
    rows, columns = np.indices(picture.shape, dtype=np.float32)
    return np.asarray(
        cv2.remap(
            picture,
            columns + field[..., 0],
            rows + field[..., 1],
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        dtype=np.uint8,
    )


def _darken_mouth(
    picture: NDArray[np.uint8], lips: NDArray[np.float64], amount: float
) -> NDArray[np.uint8]:
    """Paint the inside of an opened mouth, which no warp of a closed one can show."""
    mask = np.zeros(picture.shape, dtype=np.uint8)
    corners = np.rint(lips * 16).astype(np.int32)  # 4 fractional bits
    cv2.fillPoly(mask, [corners], 255, lineType=cv2.LINE_AA, shift=4)
    weight = cv2.GaussianBlur(mask, (3, 3), 0.6).astype(np.float32) / 255 * (0.85 * amount)
    dark = 0.2 * np.median(picture)
    return np.rint(picture * (1 - weight) + dark * weight).astype(np.uint8)


def _photograph(picture: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """Turn, place and light a picture a little differently, with a camera's noise."""
    centre = (FACE_SIZE / 2 - 0.5, FACE_SIZE / 2 - 0.5)
    turned = cv2.getRotationMatrix2D(centre, random.normal(0, 4), random.normal(1, 0.03))
    matrix = np.asarray(turned, dtype=np.float64)
    matrix[:, 2] += random.normal(0, 0.8, size=2)
    size = (FACE_SIZE, FACE_SIZE)
    placed = cv2.warpAffine(
        picture, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    contrast, brightness = random.normal(1, 0.1), random.normal(0, 10)
    lit = placed * contrast + (brightness + random.normal(0, 3, size=placed.shape))
    return np.clip(np.rint(lit), 0, 255).astype(np.uint8)
