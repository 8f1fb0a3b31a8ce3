import numpy as np
import pytest

from fer_cnn.architectures import ARCHITECTURES, build
from fer_cnn.architectures.ends import (
    FEATURES,
    PREPROCESSING,
    PROBABILITIES,
    probabilities,
    rgb_faces,
)
from fer_cnn.export import export_here
from fer_cnn.weights import backbone_of
from fer_core.errors import FerError
from fer_core.onnx_model import OnnxClassifier

BACKBONES = ("vgg16", "resnet50", "mobilenet-v2", "vggface-vgg16", "vggface-resnet50")


@pytest.fixture(scope="module")
def networks():
    """Every architecture, built once: a network costs more time to build than to look at."""
    # Backbones as small as they go: their sizes and widths don't change what is tested here.
    small = {name: {"size": 48, "dense": (8,)} for name in BACKBONES}
    small["mobilenet-v2"]["width"] = 0.35
    return {name: build(name, 5, **small.get(name, {})) for name in ARCHITECTURES}


@pytest.fixture(scope="module")
def faces():
    return np.random.default_rng(0).integers(0, 256, (3, 48, 48)).astype(np.uint8)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_eats_bytes_and_gives_probabilities(name, networks, faces):
    model = networks[name]
    proba = np.asarray(model(faces))
    assert proba.shape == (3, 5)
    assert proba.dtype == np.float32
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-5)
    assert model.input.dtype == "uint8"


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_has_a_head_and_no_lambda(name, networks):
    names = [layer.name for layer in networks[name].layers]
    assert names[0] == "faces"
    assert names[-1] == PROBABILITIES
    assert FEATURES in names
    assert not [layer for layer in networks[name].layers if type(layer).__name__ == "Lambda"]


@pytest.mark.parametrize("name", sorted(set(ARCHITECTURES) - {*BACKBONES, "deepfer-vgg16"}))
def test_layers_are_named(name, networks):
    again = [layer.name for layer in build(name, 5).layers]
    # Keras's own names end in a number that depends on what was built before.
    assert again == [layer.name for layer in networks[name].layers]


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_moving_statistics_keep_up_with_short_trainings(name, networks):
    momenta = {
        layer.momentum
        for layer in networks[name].layers
        if type(layer).__name__ == "BatchNormalization"
    }
    assert all(momentum <= 0.99 for momentum in momenta)
    assert bool(momenta) == (not name.endswith("vgg16"))


def test_compact_keeps_to_two_million_parameters():
    assert 1_000_000 < build("compact", 7).count_params() <= 2_000_000


def test_residual_learns_nothing_away_from_its_shortcuts_at_first(networks, faces):
    model = networks["residual"]
    last = [layer for layer in model.layers if layer.name.endswith("conv2_norm")]
    assert len(last) == 8
    for layer in last:
        np.testing.assert_array_equal(np.asarray(layer.gamma), 0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # What each network's own preprocessing does to gray levels 0 and 255.
        ("vgg16", "caffe"),
        ("resnet50", "caffe"),
        ("mobilenet-v2", "tf"),
    ],
)
def test_pixels_are_prepared_as_keras_applications_prepares_them(name, expected, networks):
    import keras

    model = networks[name]
    prepared = keras.Model(model.input, model.get_layer(PREPROCESSING).output)
    faces = np.stack([np.full((48, 48), level, dtype=np.uint8) for level in (0, 100, 255)])
    module = {"caffe": keras.applications.vgg16, "tf": keras.applications.mobilenet_v2}[expected]
    rgb = np.repeat(faces[..., None], 3, axis=-1).astype(np.float32)
    np.testing.assert_allclose(
        np.asarray(prepared(faces)), module.preprocess_input(rgb.copy()), atol=1e-4
    )


def test_vggface2_has_the_layers_of_keras_vggface(networks):
    backbone = backbone_of(networks["vggface-resnet50"])
    blocks = {2: 3, 3: 4, 4: 6, 5: 3}
    published = {"conv1/7x7_s2"}
    for stage, count in blocks.items():
        for block in range(1, count + 1):
            kinds = ["1x1_reduce", "3x3", "1x1_increase"] + ["1x1_proj"] * (block == 1)
            published |= {f"conv{stage}_{block}_{kind}" for kind in kinds}
    published |= {f"{name}/bn" for name in published}
    named = {layer.name for layer in backbone.layers if layer.weights}
    assert named == {name.replace("/", "_") for name in published}


def test_faces_are_enlarged_smoothly():
    import keras

    model = build("mobilenet-v2", 2, size=96, width=0.35)
    enlarged = keras.Model(model.input, model.get_layer("resizing").output)
    ramp = np.tile(np.arange(0, 240, 5, dtype=np.uint8), (1, 48, 1))
    row = np.asarray(enlarged(ramp))[0, 40, :, 0]
    assert row.shape == (96,)
    np.testing.assert_allclose(row[1:-1], np.arange(0, 240, 2.5)[1:-1] - 1.25, atol=0.01)


def prepared_for_a_backbone(n_classes):
    """Return a network with all that a backbone has, without the cost of exporting a real one."""
    import keras

    faces, x = rgb_faces(80, 1 / 127.5, (-1.0, -0.5, 0.0))
    x = keras.layers.Conv2D(8, 3, name="conv")(x)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.GlobalAveragePooling2D(name=FEATURES)(x)
    x = keras.layers.Dropout(0.5, name="dropout")(x)
    return keras.Model(faces, probabilities(x, n_classes))


@pytest.mark.parametrize(
    "make",
    [
        lambda n: build("residual", n, widths=(8, 8, 8, 8), blocks=(1, 1, 1, 1)),
        lambda n: build("six-class", n),
        prepared_for_a_backbone,
    ],
    ids=["residual", "six-class", "backbone"],
)
def test_exports_to_onnx(make, faces, tmp_path):
    model = make(5)
    # Statistics that were never learnt would hide a network exported in training mode.
    for variable in model.non_trainable_variables:
        if variable.path.endswith("moving_mean"):
            variable.assign(np.random.default_rng(1).normal(size=variable.shape))
    model.save(tmp_path / "model.keras")
    export_here(tmp_path / "model.keras", tmp_path / "model.onnx")
    served = OnnxClassifier(tmp_path / "model.onnx", range(5)).predict_proba(faces)
    assert np.abs(served - np.asarray(model(faces, training=False))).max() < 1e-4


@pytest.mark.parametrize("name", ["vgg16", "mobilenet-v2"])
def test_networks_that_enlarge_faces_do_not_train_when_they_answer(name, faces):
    model = build(name, 5, size=64, dense=(8,))
    alone = np.concatenate([np.asarray(model(faces[i : i + 1])) for i in range(3)])
    np.testing.assert_allclose(np.asarray(model(faces)), alone, atol=1e-5)
    np.testing.assert_allclose(alone, model.predict(faces, verbose=0), atol=1e-5)


def test_a_wrong_name_suggests_the_right_one():
    with pytest.raises(FerError, match="Did you mean 'compact'"):
        build("compcat", 7)
