import cv2
import numpy as np
import pytest
import skimage.data


@pytest.fixture(scope="session")
def faces():
    """Sixty different real faces, uint8 (60, 48, 48)."""
    small = np.round(skimage.data.lfw_subset()[:60] * 255).astype(np.uint8)
    return np.stack([cv2.resize(s, (48, 48), interpolation=cv2.INTER_CUBIC) for s in small])


@pytest.fixture(scope="session")
def labels(faces):
    """Three classes with a gap, so that codes can't be mistaken for columns."""
    return np.arange(len(faces)) % 3 * 2


@pytest.fixture(scope="session")
def landmarks(faces):
    from fer_core.landmarks import LandmarkPredictor

    return LandmarkPredictor().predict_crops(faces)
