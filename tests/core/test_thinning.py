import numpy as np
import pytest

from fer_core.datasets.dataset import Dataset
from fer_core.datasets.thinning import thinned
from fer_core.labels import SCHEMES


@pytest.fixture
def dataset():
    n = 1400
    return Dataset(
        name="made",
        faces=np.zeros((n, 48, 48), np.uint8),
        y=np.arange(n) % 7,
        scheme=SCHEMES["fer7"],
        names=np.array([f"face{i}" for i in range(n)]),
        parts=np.repeat(["training", "test"], n // 2),
        groups=np.arange(n),
    )


def test_the_share_of_each_class_and_part_is_kept(dataset):
    thin = thinned(dataset, 280, seed=0)
    assert set(thin.counts().values()) == {40}
    assert (thin.parts == "test").mean() == pytest.approx(0.5)
    assert "280 of 1400" in thin.notes["thinned"]


def test_few_pictures_stay_as_they_are(dataset):
    assert thinned(dataset, 1400, seed=0) is dataset


def test_two_of_each_class_and_part_stay(dataset):
    assert set(thinned(dataset, 1, seed=0).counts().values()) == {4}
