import pytest

from fer_core.errors import DataError, ModelStoreError
from fer_core.lookup import did_you_mean, look_up

TABLE = {"hog-svm": 1, "hog-kernel": 2, "geometry-svm": 3}


def test_what_is_there_is_found():
    assert look_up(TABLE, "hog-kernel", "pipeline") == 2


def test_what_is_not_lists_names_and_suggests_one():
    with pytest.raises(DataError, match=r"no pipeline 'hog-svn'.*mean 'hog-svm'\?.*geometry-svm"):
        look_up(TABLE, "hog-svn", "pipeline")


def test_nothing_is_suggested_for_what_is_like_nothing():
    assert did_you_mean("zzz", TABLE) == ""


def test_the_error_can_be_chosen():
    with pytest.raises(ModelStoreError):
        look_up(TABLE, "x", "model", ModelStoreError)
