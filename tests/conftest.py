"""Fixtures that tests of several packages share."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import settings
from threadpoolctl import threadpool_limits

from fer_core.datasets.dataset import Dataset
from fer_core.labels import LABELS, SCHEMES

# How long an example takes says more of the machine than of the code.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Keep the user's cache, predictor and proxies out of the tests; one cache serves them all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FER_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("FER_PREDICTOR", raising=False)
        for name in ("no_proxy", "NO_PROXY"):
            patch.setenv(name, "127.0.0.1,localhost")
        yield


@pytest.fixture(scope="module", autouse=True)
def _own_threads():
    """Give back the threads of linear algebra that a module's commands bound for their process.

    Their number changes the last bits of sums, and results of an earlier module with them.
    """
    with threadpool_limits(os.cpu_count()):  # on leaving as it was before
        yield


@pytest.fixture(scope="session")
def fer2013_folder():
    """Return the real FER2013 folders, or skip the test where they are not."""
    beside = Path(__file__).parents[2] / "shared" / "data" / "fer2013"
    folder = Path(os.environ.get("FER_DATA", beside))
    if not (folder / "train").is_dir():
        pytest.skip(f"FER2013 is not in {folder}")
    return folder


@pytest.fixture(scope="session")
def uneven():
    """Made-up pictures of FER2013's classes, so many of each that dropping one changes draws."""
    y = np.repeat(np.arange(7), [5, 9, 8, 20, 7, 10, 11])
    return Dataset(
        name="uneven",
        faces=np.random.default_rng(0).integers(0, 256, (len(y), 48, 48)).astype(np.uint8),
        y=y,
        scheme=SCHEMES["fer7"],
        names=np.array([f"face{i:03d}" for i in range(len(y))]),
        parts=np.full(len(y), "training"),
        groups=np.arange(len(y)),
    )


@pytest.fixture
def make_tree():
    """Return a function that writes made-up FER2013 folders and returns the faces by name."""

    def write(root, *, per_class=3, labels=LABELS, test_part="PublicTest", seed=0):
        random = np.random.default_rng(seed)
        faces = {}
        number = 0
        for folder, part in (("train", "Training"), ("test", test_part)):
            for label in labels:
                for _ in range(per_class):
                    number += 1
                    # Lossless, so that tests can compare pixels.
                    name = f"{folder}/{label}/{part}_{number}.png"
                    faces[name] = random.integers(0, 256, (48, 48), dtype=np.uint8)
                    (root / name).parent.mkdir(parents=True, exist_ok=True)
                    assert cv2.imwrite(str(root / name), faces[name])
        return faces

    return write
