from dataclasses import replace

import numpy as np
import pytest

from fer_cnn.recipes import get_recipe


@pytest.fixture(scope="session")
def quick_recipe():
    """A recipe with everything that has a state (dropout, schedule, augmentation), in seconds."""
    return replace(get_recipe("tiny"), epochs=3, batch_size=16)


@pytest.fixture(scope="session")
def striped():
    """Faces of three classes that differ in the direction of stripes: faces, y."""
    rng = np.random.default_rng(0)
    y = np.arange(72) % 3
    x = np.arange(48)
    waves = [x[None] + 0 * x[:, None], 0 * x[None] + x[:, None], x[None] + x[:, None]]
    faces = np.stack([128 + 60 * np.sin(waves[c] * 0.9 + rng.uniform(0, 6)) for c in y])
    noisy = faces + rng.normal(scale=20, size=faces.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), y
