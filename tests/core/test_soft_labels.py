import numpy as np
import pytest

from fer_core.errors import DataError
from fer_core.soft_labels import read_soft_labels, write_soft_labels


@pytest.fixture
def stored(tmp_path):
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 256, (5, 48, 48)).astype(np.uint8)
    proba = rng.dirichlet(np.ones(3), 5)
    write_soft_labels(tmp_path / "soft.npz", faces, proba, "a teacher")
    return tmp_path / "soft.npz", faces, proba


def test_round_trip(stored):
    path, faces, proba = stored
    read, source = read_soft_labels(path, faces)
    np.testing.assert_allclose(read, proba, atol=1e-6)
    assert read.dtype == np.float32
    assert source == "a teacher"


def test_other_faces_or_another_order_are_refused(stored):
    path, faces, _ = stored
    for others in (faces[::-1], faces[:4], np.bitwise_xor(faces, 1)):
        with pytest.raises(DataError, match=r"\(a teacher\) are of other pictures"):
            read_soft_labels(path, others)


def test_files_that_are_none_are_refused(stored, tmp_path):
    path, faces, _ = stored
    with pytest.raises(DataError, match="no such file"):
        read_soft_labels(tmp_path / "none.npz", faces)
    for content in (b"", b"something", path.read_bytes()[:200]):
        path.write_bytes(content)
        with pytest.raises(DataError, match="is no file of soft labels"):
            read_soft_labels(path, faces)


def test_what_are_no_probabilities_is_not_written(stored, tmp_path):
    _, faces, proba = stored
    with pytest.raises(DataError):
        write_soft_labels(tmp_path / "bad.npz", faces, 2 * proba, "a teacher")
    assert not (tmp_path / "bad.npz").exists()
