"""Exact and near copies among faces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fer_core.datasets.cache import cached, content_key

#: Two faces are near copies if the root mean square difference of their pixels is below this.
NEAR_COPY_RMS = 4.0

#: Side in pixels of the squares that are averaged for the first comparison.
_POOL = 4
_BLOCK = 2048


def find_copies(faces: NDArray[np.uint8], max_rms: float = NEAR_COPY_RMS) -> NDArray[np.int64]:
    """Find all pairs of faces that are copies of each other.

    The averages over 4x4 squares are compared first: by Jensen's inequality 16 times their squared
    distance is never more than that of the pixels, so no pair is missed, and all pairs of
    thumbnails are one blocked matrix product. What is left is compared pixel by pixel.

    Parameters
    ----------
    faces : uint8 (n, 48, 48)
    max_rms : float
        Root mean square pixel difference below which two faces count as copies.

    Returns
    -------
    int64 (m, 2)
        Indices i < j of the pairs.
    """
    n, height, width = faces.shape
    pooled = faces.reshape(n, height // _POOL, _POOL, width // _POOL, _POOL)
    thumbs = pooled.mean(axis=(2, 4), dtype=np.float32).reshape(n, height * width // _POOL**2)
    thumbs -= thumbs.mean(axis=0, keepdims=True) if n else 0  # small numbers, small rounding
    norms = np.einsum("ij,ij->i", thumbs, thumbs)
    limit = max_rms**2 * thumbs.shape[1]
    # Room for the rounding of float32 products, so that no true pair is lost here.
    slack = 1e-5 * (norms.max(initial=0) + limit)
    found = []
    for start in range(0, n, _BLOCK):
        rows = slice(start, min(start + _BLOCK, n))
        distance = thumbs[rows] @ thumbs[start:].T
        distance *= -2
        distance += norms[rows, None]
        distance += norms[None, start:]
        i, j = np.nonzero(distance < limit + slack)
        pairs = np.stack([i, j], axis=1)[i < j] + start
        found.append(pairs[_rms(faces, pairs) < max_rms])
    return np.concatenate(found) if found else np.empty((0, 2), dtype=np.int64)


def copy_pairs(faces: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return what `find_copies` finds, int64 (m, 2), kept in the cache by the faces' pixels."""
    key = content_key(f"copy pairs {NEAR_COPY_RMS}", [np.ascontiguousarray(faces).data])
    return cached(key, lambda: {"pairs": find_copies(faces)})["pairs"]


def copy_groups(faces: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Give each face a number that copies, and copies of copies, share.

    Parameters
    ----------
    faces : uint8 (n, 48, 48)

    Returns
    -------
    int64 (n,)
    """
    return join_pairs(copy_pairs(faces), len(faces))


def joint_groups(faces: NDArray[np.uint8], groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return groups that join copies with pictures that share a number, as those of one person.

    Parameters
    ----------
    faces : uint8 (n, 48, 48)
    groups : int64 (n,)

    Returns
    -------
    int64 (n,)
    """
    links = []
    for numbers in (copy_groups(faces), groups):
        order = np.argsort(numbers, kind="stable")
        same = numbers[order][1:] == numbers[order][:-1]
        links.append(np.stack([order[:-1][same], order[1:][same]], axis=1))
    return join_pairs(np.concatenate(links), len(faces))


def join_pairs(pairs: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Give each of n things a number that all joined by `pairs` (m, 2), directly or not, share."""
    # A fifth of a second, which everything that reads the model store would pay.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(pairs), dtype=bool), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    return connected_components(links, directed=False)[1].astype(np.int64)


def has_copy_in(groups: NDArray[np.int64], reference: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return for each picture whether one of `reference` shares its group: bool (n,)."""
    return np.isin(groups, reference)


def _rms(faces: NDArray[np.uint8], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    rms = np.empty(len(pairs))
    for start in range(0, len(pairs), _BLOCK):
        block = pairs[start : start + _BLOCK]
        difference = faces[block[:, 0]].astype(np.float32) - faces[block[:, 1]]
        rms[start : start + _BLOCK] = np.sqrt(np.mean(difference**2, axis=(1, 2)))
    return rms
