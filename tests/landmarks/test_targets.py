"""Tests for fer_landmarks.targets."""

import numpy as np
import pytest

from fer_landmarks.targets import encode_labels, mixed_targets


def test_labels_are_places_among_sorted_classes():
    classes, codes = encode_labels(["sad", "happy", "sad"])
    assert classes.tolist() == ["happy", "sad"]
    assert codes.tolist() == [1, 0, 1]


def test_one_class_is_refused():
    with pytest.raises(ValueError, match=r"at least 2 classes\. Got one class, .*3"):
        encode_labels([3, 3])


def test_soft_labels_are_mixed_in_by_their_share():
    soft = [[0.5, 0.5], [1.0, 0.0]]
    targets = mixed_targets(np.array([0, 1]), 2, soft, 0.4, np.float32)
    assert targets.dtype == np.float32
    np.testing.assert_allclose(targets, [[0.8, 0.2], [0.4, 0.6]], atol=1e-6)
    np.testing.assert_array_equal(mixed_targets(np.array([0, 1]), 2, None, 0.4), np.eye(2))


def test_soft_labels_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"soft_labels must have shape \(2, 2\)"):
        mixed_targets(np.array([0, 1]), 2, [[1.0, 0.0]], 0.4)
    with pytest.raises(ValueError, match="soft_weight must be from 0 to 1"):
        mixed_targets(np.array([0, 1]), 2, None, 5)
