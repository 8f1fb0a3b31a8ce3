"""Several views of each face at serving: its mirror image, or ten crops, inside the network."""

from __future__ import annotations

from typing import Any

from fer_core.datasets.dataset import FACE_SIZE
from fer_core.extras import require

#: Pixels by which crops are displaced: those of 44 of 48 pixels, after Krizhevsky et al. (2012).
DISPLACED = 2


def with_views(model: Any, views: str) -> Any:
    """Return a network that averages the probabilities of several views of a face.

    Parameters
    ----------
    model : keras.Model
        Eats uint8 (n, 48, 48).
    views : {"one", "mirror", "crops"}
        ``one``: the face. ``mirror``: the face and its mirror image. ``crops``: the face and four
        copies moved by two pixels towards the corners, and the mirror images of these. Pixels that
        come from outside repeat the edge.

    Returns
    -------
    keras.Model
        With the same input and output; its time is that of 1, 2 or 10 faces.
    """
    if views == "one":
        return model
    keras = require("keras", "train")
    faces = keras.Input((FACE_SIZE, FACE_SIZE), dtype="uint8", name="faces")
    seen = [faces]
    if views == "crops":
        steps = (-DISPLACED, DISPLACED)
        seen += [_moved(_moved(faces, dy, axis=1), dx, axis=2) for dy in steps for dx in steps]
    seen += [keras.ops.flip(view, axis=2) for view in seen]
    network = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    answers = [network(view) for view in seen]
    average = keras.layers.Average(name="average_of_views")(answers)
    return keras.Model(faces, average, name=f"{model.name}-{views}")


def _moved(faces: Any, pixels: int, axis: int) -> Any:
    """Return `faces` moved along an axis, the edge repeated."""
    ops = require("keras", "train").ops
    every = slice(None)

    def part(start: int | None, stop: int | None) -> Any:
        return faces[(every,) * axis + (slice(start, stop),)]

    if pixels > 0:
        return ops.concatenate([part(0, 1)] * pixels + [part(None, -pixels)], axis=axis)
    return ops.concatenate([part(-pixels, None)] + [part(-1, None)] * -pixels, axis=axis)
