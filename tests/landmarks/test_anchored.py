import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from fer_landmarks.anchored import anchored_histograms, orientation_maps


def slow_maps(picture):
    height, width = picture.shape
    at = lambda y, x: picture[min(max(y, 0), height - 1), min(max(x, 0), width - 1)]  # noqa: E731
    maps = np.zeros((height, width, 8))
    for y, x in np.ndindex(height, width):
        gx = (at(y, x + 1) - at(y, x - 1)) / 2
        gy = (at(y + 1, x) - at(y - 1, x)) / 2
        for direction in range(8):
            away = abs((np.rad2deg(np.arctan2(gy, gx)) - 45 * direction + 180) % 360 - 180)
            maps[y, x, direction] = np.hypot(gx, gy) * max(0, 1 - away / 45)
    return maps


def slow_histogram(face, point, spacing, sigma, side):
    """One landmark's histogram at one scale, written from the definition."""
    scale = side / len(face)
    picture = cv2.resize(face, (side, side)).astype(np.float64)
    unit = side / 96
    maps = slow_maps(picture)
    maps = gaussian_filter(maps, (sigma * unit, sigma * unit, 0), mode="nearest", truncate=6)
    out = np.zeros((4, 4, 8))
    for row, column in np.ndindex(4, 4):
        y = (point[1] + 0.5) * scale - 0.5 + (row - 1.5) * spacing * unit
        x = (point[0] + 0.5) * scale - 0.5 + (column - 1.5) * spacing * unit
        for j in (int(np.floor(y)), int(np.floor(y)) + 1):
            for i in (int(np.floor(x)), int(np.floor(x)) + 1):
                share = (1 - abs(y - j)) * (1 - abs(x - i))
                out[row, column] += share * maps[np.clip(j, 0, side - 1), np.clip(i, 0, side - 1)]
    return np.sqrt(out / (out.sum() + 1e-3))


@pytest.mark.parametrize("side", [48, 96])
def test_histograms_follow_the_definition(faces, landmarks, side):
    scales = ((4.0, 2.0), (6.0, 3.0), (9.0, 4.5))
    found = anchored_histograms(faces[:1], landmarks[:1], scales, side)
    assert found.shape == (1, 3, 68, 4, 4, 8)
    for s, (spacing, sigma) in enumerate(scales):
        for point in (8, 30, 36, 54):
            expected = slow_histogram(faces[0], landmarks[0, point], spacing, sigma, side)
            np.testing.assert_allclose(found[0, s, point], expected, atol=0.02)


def test_maps_follow_the_definition(faces):
    picture = faces[0].astype(np.float32)
    np.testing.assert_allclose(orientation_maps(picture), slow_maps(picture), atol=0.02)


def test_directions_are_where_they_are_said_to_be():
    ramp = np.tile(np.arange(48, dtype=np.float32), (48, 1))
    assert orientation_maps(ramp)[24, 24].tolist() == [1, 0, 0, 0, 0, 0, 0, 0]
    np.testing.assert_allclose(
        orientation_maps(ramp.T)[24, 24], [0, 0, 1, 0, 0, 0, 0, 0], atol=1e-4
    )


def test_histograms_sum_to_one_and_ignore_contrast(faces, landmarks):
    low = (faces[:3] // 2).astype(np.uint8)
    found = anchored_histograms(faces[:3] // 2 * 2, landmarks[:3])
    np.testing.assert_allclose((found**2).sum(axis=(3, 4, 5)), 1, atol=0.02)
    np.testing.assert_allclose(anchored_histograms(low, landmarks[:3]), found, atol=0.01)


def test_flat_faces_and_points_outside_give_finite_numbers():
    flat = np.full((1, 48, 48), 90, np.uint8)
    assert not anchored_histograms(flat, np.full((1, 1, 2), 20, np.float32)).any()
    outside = np.array([[[-30, 70]]], np.float32)
    assert np.isfinite(anchored_histograms(flat, outside)).all()
