"""Landmarks of face crops kept on disk, one entry a face.

Of all that pipelines compute before they learn, landmarks alone are worth a file. Measured on
FER2013, a face takes 1.06 ms for dlib's landmarks, 0.54 ms for anchored histograms and 0.04 ms for
HOG, LBP or geometry; read back, landmarks take 0.008 ms and 0.6 kB a face, anchored histograms
0.2 ms and 78 kB, 2.2 GB in all. As each face has an entry of its own, all pipelines, splits, folds,
schemes and subsets of a dataset share them.
"""

from __future__ import annotations

import os
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from fer_core.datasets.cache import content_key, load_cached, store_cached
from fer_core.landmarks import N_LANDMARKS, LandmarkPredictor, find_predictor, predictor_hash

#: Faces kept of each predictor, those used last: 112 MB.
KEPT_FACES = 200_000

_DIGEST_BYTES = 16


def cached_landmarks(
    faces: NDArray[np.uint8],
    predictor: str | os.PathLike[str] | None = None,
    looks: int = 1,
) -> NDArray[np.float32]:
    """Return the landmarks of face crops, found by dlib where they are not on disk yet.

    Parameters
    ----------
    faces : uint8 (n, 48, 48)
    predictor : path or None
        See `fer_core.landmarks.find_predictor`.
    looks : int
        See `fer_core.landmarks.LandmarkPredictor`.

    Returns
    -------
    float32 (n, 68, 2)
    """
    file = find_predictor(predictor)
    key = content_key(f"landmarks by face 2 {predictor_hash(file)} {looks}", [])
    stored = load_cached(key) or {
        "digests": np.empty((0, _DIGEST_BYTES), dtype=np.uint8),
        "landmarks": np.empty((0, N_LANDMARKS, 2), dtype=np.float32),
    }
    place = {digest.tobytes(): i for i, digest in enumerate(stored["digests"])}
    digests = [blake2b(face, digest_size=_DIGEST_BYTES).digest() for face in faces]
    first = {digest: i for i, digest in enumerate(digests)}  # one of each face
    missing = [i for digest, i in first.items() if digest not in place]
    if not missing:
        return stored["landmarks"][[place[digest] for digest in digests]]
    found = LandmarkPredictor(file, looks).predict_crops(faces[missing])
    # Those used now go to the end, and the oldest ones make room.
    older = [i for digest, i in place.items() if digest not in first]
    reused = [i for digest, i in place.items() if digest in first]
    landmarks = np.concatenate(
        [stored["landmarks"][older], stored["landmarks"][reused], found], axis=0
    )
    new = np.frombuffer(b"".join(digests[i] for i in missing), dtype=np.uint8)
    kept = np.concatenate(
        [stored["digests"][older], stored["digests"][reused], new.reshape(-1, _DIGEST_BYTES)]
    )
    store_cached(key, {"digests": kept[-KEPT_FACES:], "landmarks": landmarks[-KEPT_FACES:]})
    place = {digest.tobytes(): i for i, digest in enumerate(kept)}
    return landmarks[[place[digest] for digest in digests]]
