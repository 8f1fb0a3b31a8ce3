"""Ask the PyPI package ``fer``; runs in its environment: ``python peer_fer.py IN.npz OUT.npz``.

IN holds ``crops`` uint8 (n, 48, 48) and ``frames`` uint8 (m, H, W), gray. OUT holds the
probabilities of the crops by each of the package's two networks (``default``: quantised TensorFlow
Lite; ``float``: the Keras file that it was made from), and what the package by default finds in the
frames by itself; labels, milliseconds and the version are there too.
"""

import logging
import sys
import time
from importlib.metadata import version
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def main(source: str, target: str) -> None:
    """Read IN, write OUT."""
    from fer.fer import FER  # type: ignore[import-not-found]  # only in its own environment

    logging.getLogger("fer").setLevel(logging.ERROR)
    with np.load(source) as given:
        crops, frames = given["crops"], given["frames"]
    default = FER()
    answers = {
        "labels": np.array([default._get_labels()[i] for i in range(7)]),
        "version": np.array(version("fer")),
    }
    for name, recognizer in (("default", default), ("float", FER(use_tflite=False))):
        proba, ms = ask_crops(recognizer, crops)
        answers[f"{name}_proba"], answers[f"{name}_ms"] = proba, ms
    answers.update(ask_frames(default, frames))
    np.savez(target, allow_pickle=False, **answers)


def ask_crops(recognizer: Any, crops: NDArray[np.uint8]) -> tuple[NDArray, NDArray]:
    """Return probabilities (n, 7) and milliseconds (n,) of crops, one by one.

    The network alone: the package's own way to a face in a frame pads it, which ready crops need
    not be. Scaled as `FER.detect_emotions` scales.
    """
    probabilities, times = [], []
    for i, crop in enumerate([crops[0], *crops]):  # the first once more, to warm up
        start = time.perf_counter()
        face = cv2.resize(crop, (64, 64)).astype("float32")
        answer = recognizer._classify_emotions(((face / 255 - 0.5) * 2)[None])
        if i:
            times.append(1000 * (time.perf_counter() - start))
            probabilities.append(np.asarray(answer).reshape(-1))
    return np.array(probabilities, np.float32).reshape(-1, 7), np.array(times)


def ask_frames(recognizer: Any, frames: NDArray[np.uint8]) -> dict[str, NDArray]:
    """Return what `FER.detect_emotions` finds: frame numbers, boxes, probabilities, times."""
    index, boxes, probabilities, times = [], [], [], []
    for i, gray in enumerate(frames):
        frame = np.ascontiguousarray(np.repeat(gray[:, :, None], 3, axis=2))
        if i == 0:
            recognizer.detect_emotions(frame)
        start = time.perf_counter()
        faces = recognizer.detect_emotions(frame)
        times.append(1000 * (time.perf_counter() - start))
        for face in faces:
            index.append(i)
            boxes.append([float(v) for v in face["box"]])
            probabilities.append(list(face["emotions"].values()))
    return {
        "frame_index": np.array(index, np.int64),
        "frame_boxes": np.array(boxes, np.float32).reshape(-1, 4),
        "frame_proba": np.array(probabilities, np.float32).reshape(-1, 7),
        "frame_ms": np.array(times),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
