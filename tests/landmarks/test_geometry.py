import numpy as np

from fer_landmarks.geometry import align, feature_names, landmark_geometry


def turned(points, degrees, scale, shift):
    a = np.deg2rad(degrees)
    rotation = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    return (points @ rotation * scale + shift).astype(np.float32)


def test_geometry_ignores_place_size_and_rotation(landmarks):
    before = landmark_geometry(landmarks[:5])
    after = landmark_geometry(turned(landmarks[:5], 25, 3.0, (100, -7)))
    np.testing.assert_allclose(after, before, atol=2e-4)


def test_aligned_faces_are_centred_unit_and_best_turned(landmarks):
    aligned = align(landmarks[:5])
    np.testing.assert_allclose(aligned.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose((aligned**2).sum(axis=(1, 2)), 1, atol=1e-5)
    # Turned from there by hand, no angle brings it closer to the mean of upright faces.
    shape = align(landmarks).mean(axis=0)
    distance = [((turned(aligned[0], d, 1, 0) - shape) ** 2).sum() for d in range(-20, 21, 1)]
    assert abs(int(np.argmin(distance)) - 20) <= 3


def test_distances_and_angles_by_hand(landmarks):
    points = align(landmarks[:1])[0].astype(np.float64)
    values = dict(zip(feature_names(), landmark_geometry(landmarks[:1])[0], strict=True))
    np.testing.assert_allclose(
        values["distance_48_54"], np.linalg.norm(points[48] - points[54]), rtol=1e-5
    )
    u, v = points[48] - points[51], points[54] - points[51]
    angle = np.arccos(u @ v / np.linalg.norm(u) / np.linalg.norm(v))
    np.testing.assert_allclose(values["angle_48_51_54"], angle, rtol=1e-4)
    assert values["x_36"] == np.float32(points[36, 0])


def test_points_in_one_place_give_finite_numbers():
    assert np.isfinite(landmark_geometry(np.zeros((1, 68, 2)))).all()
