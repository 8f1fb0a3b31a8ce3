import shutil
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from fer_cnn.architectures import build
from fer_cnn.recipes import get_recipe
from fer_cnn.start import (
    entry_of,
    find_network,
    load_network,
    require_same_classes,
    require_same_fitting,
)
from fer_cnn.training import train
from fer_core.cleaning import Cleaning, clean_split
from fer_core.datasets.demo import load_demo
from fer_core.errors import DataError, ProtocolError
from fer_core.labels import SCHEMES
from fer_core.model_store import ModelStore
from fer_core.splits import make_split


def test_shipped_networks_are_found_by_name():
    entry = ModelStore().entry("cnn")
    assert find_network("cnn") == ModelStore().folder(entry) / "model.keras"
    assert load_network("cnn").outputs[0].shape == (None, 7)


def test_files_and_folders_are_found(tmp_path):
    build("tiny", 4).save(tmp_path / "model.keras")
    for name in (tmp_path, tmp_path / "model.keras"):
        assert load_network(str(name)).output.shape == (None, 4)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cnnn", "no network 'cnnn'.*Did you mean 'cnn'"),
        ("hog-svm", "no network 'hog-svm'.*or name a .keras file"),
        ("nowhere/model.keras", "there is no such network"),
    ],
)
def test_networks_that_dont_exist_are_one_sentence(name, words):
    with pytest.raises(DataError, match=words):
        find_network(name)


def test_other_files_are_one_sentence(tmp_path):
    import keras

    (tmp_path / "damaged.keras").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"damaged\.keras: Keras can't load this network"):
        load_network(str(tmp_path / "damaged.keras"))
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="features")])
    other.save(tmp_path / "other.keras")
    with pytest.raises(DataError, match="has no layer 'probabilities'"):
        load_network(str(tmp_path / "other.keras"))


def test_a_training_goes_on_from_a_network_with_a_new_head(striped, quick_recipe, tmp_path):
    faces, y = striped
    taught = train(replace(quick_recipe, epochs=6), faces, y, 3)
    taught.model.save(tmp_path / "model.keras")
    recipe = replace(
        get_recipe("fine-tune"),
        init=str(tmp_path),
        epochs=6,
        head_epochs=6,
        learning_rate=0.05,
        augmentation=quick_recipe.augmentation,
    )
    # Two classes of other meaning: whether the stripes are level. Eight pictures each.
    level = (y == 1).astype(np.int64)
    few = np.concatenate([np.flatnonzero(level == c)[:8] for c in (0, 1)])
    tuned = train(recipe, faces[few], level[few], 2)
    proba = tuned.model.predict(faces, verbose=0)
    assert proba.shape == (len(faces), 2)
    # The body stayed as it was taught.
    for layer in ("stage1_conv1", "stage4_conv1"):
        np.testing.assert_array_equal(
            np.asarray(tuned.model.get_layer(layer).kernel),
            np.asarray(taught.model.get_layer(layer).kernel),
        )
    assert (proba.argmax(axis=1) == level).mean() > 0.9


def test_a_network_of_another_keras_says_which(tmp_path, monkeypatch):
    import keras

    build("tiny", 4).save(tmp_path / "model.keras")
    with (
        zipfile.ZipFile(tmp_path / "model.keras") as whole,
        zipfile.ZipFile(tmp_path / "new.keras", "w") as changed,
    ):
        for name in whole.namelist():
            content = whole.read(name)
            if name == "config.json":
                content = content.replace(b'"Conv2D"', b'"Conv2DOfTomorrow"')
            changed.writestr(name, content)
    with pytest.raises(DataError, match="can't load this network") as told:
        load_network(str(tmp_path / "new.keras"))
    assert "pip install" not in str(told.value)
    saved = keras.__version__
    monkeypatch.setattr(keras, "__version__", "3.0")
    with pytest.raises(DataError, match=f"Keras {saved} saved it, this is 3.0; pip install -U"):
        load_network(str(tmp_path / "new.keras"))


@pytest.fixture
def own_store(tmp_path):
    """A store of one's own with the shipped network in it, as if fitted on the demo faces."""
    shipped, split = ModelStore(), make_split(load_demo())
    entry = shipped.entry("cnn-compact")
    told = {**entry.trained_on, "dataset": "demo", "fingerprint": split.fitting.fingerprint()}
    files = {file.path: shipped.folder(entry) / file.path for file in entry.files}
    ModelStore(tmp_path).add(
        replace(entry, name="mine", trained_on=told), files, shipped.load("cnn-compact")
    )
    return tmp_path


def test_what_a_store_of_ones_own_says_of_a_network_counts(own_store):
    for name in (own_store / "mine", own_store / "mine" / "model.keras"):
        assert entry_of(str(name)).name == "mine"
        require_same_fitting(str(name), make_split(load_demo()).fitting)
        with pytest.raises(ProtocolError, match="other pictures of 'demo'"):
            require_same_fitting(str(name), make_split(load_demo(), seed=1).fitting)
    shutil.copyfile(own_store / "mine" / "model.keras", own_store / "alone.keras")
    assert entry_of(str(own_store / "alone.keras")) is None


def test_weights_of_other_classes_are_not_averaged(own_store):
    mine = replace(get_recipe("robust"), init=str(own_store / "mine"))
    labels = SCHEMES["fer7"].labels
    for classes in (labels, range(7)):
        require_same_classes(mine, classes)
    swapped = ["sad", *labels[1:4], "angry", *labels[5:]]
    for classes in (swapped, sorted(labels), list("abcdefg")):
        with pytest.raises(DataError, match=r"tells angry, disgust.* apart; train on the classes"):
            require_same_classes(mine, classes)
        require_same_classes(replace(mine, blend=0.0), classes)
    shutil.copyfile(own_store / "mine" / "model.keras", own_store / "alone.keras")
    with pytest.raises(DataError, match="averages its weights"):
        require_same_classes(replace(mine, init=str(own_store / "alone.keras")), labels)


def test_a_stored_network_goes_on_only_from_the_pictures_it_was_fitted_on(monkeypatch):
    split = make_split(load_demo())
    fitting = split.fitting
    entry = ModelStore().entry("cnn")

    def told(**changes):
        changed = replace(entry, trained_on={**entry.trained_on, **changes})
        monkeypatch.setattr(ModelStore, "entry", lambda self, name: changed)

    require_same_fitting("cnn", fitting)  # of another dataset
    told(dataset=fitting.name)
    with pytest.raises(ProtocolError, match=r"other pictures of 'demo'.*fitted with \(0\)"):
        require_same_fitting("cnn", fitting)
    told(dataset=fitting.name, fingerprint=fitting.fingerprint())
    require_same_fitting("cnn", fitting)
    require_same_fitting("cnn", split.in_scheme(SCHEMES["basic4"]).fitting)
    cleaning = Cleaning(dropped={fitting.names[0]: "left.csv"})
    require_same_fitting("cnn", clean_split(split, cleaning, load_demo()).fitting)
    for unknown in ("", "somewhere/model.keras"):
        require_same_fitting(unknown, fitting)
