import logging
import os

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fer_core.datasets import cache
from fer_core.datasets.cache import cached, content_key

ARRAYS = {"faces": np.arange(6, dtype=np.uint8).reshape(2, 3), "names": np.array(["a", "bc"])}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _never():
    raise AssertionError("the cache should have known")


def _assert_same(arrays):
    assert set(arrays) == set(ARRAYS)
    for name, values in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], values)
        assert arrays[name].dtype == values.dtype


def test_arrays_are_computed_once(folder):
    _assert_same(cached("key", lambda: ARRAYS))
    _assert_same(cached("key", _never))


def test_no_arrays_yet(folder):
    empty = {"broken": np.array([], dtype=np.str_)}
    cached("key", lambda: empty)
    assert cached("key", _never)["broken"].tolist() == []


def test_a_compression_that_does_not_exist_is_damage(folder, monkeypatch):
    cached("key", lambda: ARRAYS)

    def strange(path):
        raise NotImplementedError("compression type 77")

    monkeypatch.setattr(np, "load", strange)
    _assert_same(cached("key", lambda: ARRAYS))


@pytest.mark.parametrize("damage", [b"", b"not a zip", None])
def test_a_damaged_file_is_made_again(folder, damage, caplog):
    cached("key", lambda: ARRAYS)
    file = folder / "key.npz"
    file.write_bytes(file.read_bytes()[:-30] if damage is None else damage)
    with caplog.at_level(logging.WARNING):
        _assert_same(cached("key", lambda: ARRAYS))
    assert "key.npz" in caplog.text
    _assert_same(cached("key", _never))


def test_an_unwritable_cache_costs_only_time(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setenv("FER_CACHE", str(tmp_path / "file" / "cache"))
    with caplog.at_level(logging.WARNING):
        _assert_same(cached("key", lambda: ARRAYS))
    assert "could not be written" in caplog.text


def test_a_failure_stores_nothing(folder):
    with pytest.raises(AssertionError):
        cached("key", _never)
    _assert_same(cached("key", lambda: ARRAYS))


pieces = st.lists(st.binary(max_size=4), max_size=4)


@given(one=pieces, other=pieces)
def test_keys_tell_contents_apart(one, other):
    assume(one != other)
    assert content_key("x", one) != content_key("x", other)


def test_keys_depend_on_kind_and_not_on_the_container():
    faces = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert content_key("x", [faces.tobytes()]) == content_key("x", [faces.data])
    assert content_key("x", [b"a"]) != content_key("y", [b"a"])


def test_what_no_longer_holds_is_made_again():
    made = []

    def compute():
        made.append(1)
        return {"n": np.array(len(made))}

    key = content_key("holds", [b"x"])
    assert cached(key, compute)["n"] == cached(key, compute, lambda arrays: True)["n"] == 1
    assert cached(key, compute, lambda arrays: arrays["n"] != 1)["n"] == 2
    assert cached(key, compute)["n"] == 2


def test_what_was_not_used_for_long_makes_room(folder, monkeypatch):
    arrays = {"x": np.zeros(1000)}
    own, newest, older, oldest = (content_key(name, []) for name in "abcd")
    for age, key in enumerate((newest, older, oldest)):
        cache.store_cached(key, arrays)
        os.utime(folder / f"{key}.npz", (1e9 - age, 1e9 - age))
    for name in (".fer-half.npz", "my-labels.npz"):  # of another process; somebody's own
        (folder / name).write_bytes(bytes(9000))
        os.utime(folder / name, (1e9 - 9, 1e9 - 9))
    assert cache.load_cached(oldest) is not None  # and so used last
    monkeypatch.setattr(cache, "KEPT_BYTES", 3 * (folder / f"{newest}.npz").stat().st_size)
    cache.store_cached(own, arrays)
    others = {".fer-half", "my-labels"}
    assert {path.stem for path in folder.glob("*.npz")} == {own, newest, oldest, *others}
    # What is larger than that is kept alone.
    large = content_key("large", [])
    cache.store_cached(large, {"x": np.zeros(9000)})
    assert {path.stem for path in folder.glob("*.npz")} == {large, *others}
