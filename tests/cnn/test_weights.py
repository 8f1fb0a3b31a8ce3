import h5py
import numpy as np
import pytest

from fer_cnn import weights as weights_module
from fer_cnn.architectures import build
from fer_cnn.architectures.ends import probabilities, rgb_faces
from fer_cnn.weights import (
    backbone_of,
    body_of,
    freeze_body,
    load_weights,
    with_new_head,
)
from fer_core.errors import DataError, FerError


def small(seed=0, width=4, name="small"):
    """Return a network with a backbone of two convolutions, built like the real ones."""
    import keras

    keras.utils.set_random_seed(seed)
    layers = keras.layers
    faces, x = rgb_faces(32, 1.0, (0, 0, 0))
    x = layers.Conv2D(width, 3, name="conv1_7x7_s2")(x)
    x = layers.BatchNormalization(name="conv1_7x7_s2_bn")(x)
    x = layers.ReLU(name="relu")(x)
    x = layers.Conv2D(8, 3, name="conv2")(x)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    x = layers.Dense(5, name="dense1")(x)
    return keras.Model(faces, probabilities(x, 3), name=name)


def kernels(model):
    layers = backbone_of(model).layers
    return {layer.name: layer.get_weights() for layer in layers if layer.weights}


def equal(a, b):
    return (
        all(np.array_equal(x, y) for name in a for x, y in zip(a[name], b[name], strict=True))
        and a.keys() == b.keys()
    )


def write_h5(path, layers, *, renamed=lambda name: name, inside=None):
    """Write weights as Keras 2 did; layers without weights are listed too."""
    with h5py.File(path, "w") as file:
        group = file.create_group(inside) if inside else file
        group.attrs["layer_names"] = [renamed(layer.name).encode() for layer in layers]
        for layer in layers:
            part = group.require_group(renamed(layer.name))
            names = [f"{renamed(layer.name)}/{w.name}:0" for w in layer.weights]
            part.attrs["weight_names"] = [name.encode() for name in names]
            for name, array in zip(names, layer.get_weights(), strict=True):
                part[name] = array


@pytest.mark.parametrize("inside", [None, "model_weights"])
def test_reads_published_files_by_name(tmp_path, inside):
    donor, model = small(1), small(2)
    assert not equal(kernels(donor), kernels(model))
    # In another order than the network's, with a classifier on top.
    layers = [*backbone_of(donor).layers[::-1], donor.get_layer("dense1")]
    write_h5(tmp_path / "published.h5", layers, inside=inside)
    head = model.get_layer("dense1").get_weights()
    load_weights(model, str(tmp_path / "published.h5"))
    assert equal(kernels(donor), kernels(model))
    np.testing.assert_array_equal(model.get_layer("dense1").get_weights()[0], head[0])


def test_reads_names_with_slashes_as_keras_vggface_has_them(tmp_path):
    published = {"conv1_7x7_s2": "conv1/7x7_s2", "conv1_7x7_s2_bn": "conv1/7x7_s2/bn"}
    donor, model = small(1), small(2)
    layers = backbone_of(donor).layers[::-1]
    write_h5(tmp_path / "vggface.h5", layers, renamed=lambda name: published.get(name, name))
    load_weights(model, str(tmp_path / "vggface.h5"))
    assert equal(kernels(donor), kernels(model))


def test_reads_other_names_in_order_and_checks_shapes(tmp_path):
    donor, model = small(1), small(2)
    layers = backbone_of(donor).layers
    numbers = {layer.name: f"layer_{i:03d}" for i, layer in enumerate(layers)}
    write_h5(tmp_path / "o.h5", layers, renamed=lambda name: numbers[name])
    load_weights(model, str(tmp_path / "o.h5"))
    assert equal(kernels(donor), kernels(model))
    wider = small(width=6)
    before = kernels(wider)
    with pytest.raises(
        DataError, match=r"o\.h5: doesn't fit the backbone; for its layer 'conv1_7x7"
    ):
        load_weights(wider, str(tmp_path / "o.h5"))
    assert equal(before, kernels(wider))


def test_a_file_with_too_few_layers_is_refused(tmp_path):
    model = small()
    write_h5(tmp_path / "few.h5", backbone_of(model).layers[:3])
    with pytest.raises(DataError, match="which has 3 layers with weights; it holds 2"):
        load_weights(model, str(tmp_path / "few.h5"))


def test_reads_what_keras_3_saves(tmp_path):
    donor = small(1)
    donor.save(tmp_path / "whole.keras")
    backbone_of(donor).save_weights(tmp_path / "b.weights.h5")
    for file in ("whole.keras", "b.weights.h5"):
        model = small(2)
        load_weights(model, str(tmp_path / file))
        assert equal(kernels(donor), kernels(model))


@pytest.mark.parametrize("file", ["damaged.h5", "damaged.keras", "damaged.weights.h5"])
def test_damaged_files_are_one_sentence(tmp_path, file):
    (tmp_path / file).write_bytes(b"not weights")
    with pytest.raises(DataError, match=f"{file}: no weights of this backbone can be read"):
        load_weights(small(), str(tmp_path / file))


def test_a_published_name_with_another_content_is_refused(tmp_path):
    path = tmp_path / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    write_h5(path, backbone_of(small()).layers)
    with pytest.raises(DataError, match="not what was published under this name"):
        load_weights(small(), str(path))


def test_a_published_name_with_its_content_is_taken(tmp_path, monkeypatch):
    path = tmp_path / "published.h5"
    write_h5(path, backbone_of(small(1)).layers)
    known = {"published.h5": weights_module._md5_of(path)}
    monkeypatch.setattr(weights_module, "KNOWN_MD5", known)
    model = small(2)
    load_weights(model, str(path))
    assert equal(kernels(small(1)), kernels(model))


@pytest.mark.parametrize(
    ("weights", "name"), [("imagenet", "mobilenet-v2"), ("vggface", "vggface-vgg16")]
)
def test_without_a_network_one_sentence_says_what_to_do(weights, name, monkeypatch):
    import keras

    def no_network(*args, **kwargs):
        raise Exception("URL fetch failure on https://...: None -- Network is unreachable")

    monkeypatch.setattr(keras.utils, "get_file", no_network)
    monkeypatch.setattr(keras.applications, "MobileNetV2", no_network)
    with pytest.raises(FerError, match=r"could not be downloaded.*unreachable.*--weights FILE"):
        load_weights(small(name=name), weights)


def test_keras_s_own_weights_are_taken_when_they_come(monkeypatch):
    import keras

    asked = {}

    def download(**options):
        asked.update(options)
        return backbone_of(small(9))

    monkeypatch.setattr(keras.applications, "MobileNetV2", download)
    model = small(2, name="mobilenet-v2")
    load_weights(model, "imagenet", width=0.35)
    assert asked == {
        "include_top": False,
        "weights": "imagenet",
        "input_shape": (32, 32, 3),
        "alpha": 0.35,
    }
    assert equal(kernels(small(9)), kernels(model))


def test_vggface_weights_are_taken_when_they_come(tmp_path, monkeypatch):
    import keras

    write_h5(tmp_path / "v.h5", backbone_of(small(9)).layers)
    monkeypatch.setattr(keras.utils, "get_file", lambda *args, **kwargs: str(tmp_path / "v.h5"))
    model = small(2, name="vggface-vgg16")
    load_weights(model, "vggface")
    assert equal(kernels(small(9)), kernels(model))


@pytest.mark.parametrize(
    ("make", "weights", "words"),
    [
        (lambda: build("tiny", 3), "imagenet", "'tiny' has no backbone"),
        (small, "imagenet", "no ImageNet weights for architecture 'small'"),
        (small, "vggface", "no VGGFace weights for architecture 'small'"),
        (small, "imagnet", "Did you mean 'imagenet'"),
        (small, "nowhere/weights.h5", "there is no such file"),
    ],
)
def test_weights_that_dont_belong_are_refused(make, weights, words):
    with pytest.raises(DataError, match=words):
        load_weights(make(), weights)


def test_no_weights_change_nothing():
    model = small(1)
    load_weights(model, "none")
    assert equal(kernels(model), kernels(small(1)))


@pytest.mark.parametrize("name", ["tiny", "residual", "six-class"])
def test_freezing_leaves_only_the_head(name):
    model = build(name, 3)
    freeze_body(model, True)
    trained = {variable.path.split("/")[0] for variable in model.trainable_variables}
    body = {layer.name for layer in body_of(model).layers}
    assert "probabilities" in trained
    assert not trained & body
    freeze_body(model, False)
    assert len(model.trainable_variables) == len(build(name, 3).trainable_variables)


def test_a_new_head_keeps_the_body(striped):
    import keras

    model = build("tiny", 7)
    changed = with_new_head(model, 2)
    assert changed.output.shape == (None, 2)
    features = [keras.Model(m.input, m.get_layer("features").output) for m in (model, changed)]
    np.testing.assert_array_equal(*(np.asarray(f(striped[0][:4])) for f in features))
