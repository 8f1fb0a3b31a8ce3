import numpy as np
import pytest

from fer_cnn.architectures import ARCHITECTURES, build
from fer_core.errors import FerError


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_eats_bytes_and_gives_probabilities(name):
    model = build(name, 5)
    faces = np.random.default_rng(0).integers(0, 256, (3, 48, 48)).astype(np.uint8)
    proba = np.asarray(model(faces))
    assert proba.shape == (3, 5)
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-5)
    assert model.input.dtype == "uint8"


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_layers_are_named_and_none_is_a_lambda(name):
    for layer in build(name, 7).layers:
        assert type(layer).__name__ != "Lambda"
        # Keras's own names end in a number that depends on what was built before.
        assert layer.name == build(name, 7).get_layer(layer.name).name


def test_compact_keeps_to_two_million_parameters():
    assert 1_000_000 < build("compact", 7).count_params() <= 2_000_000


def test_a_wrong_name_suggests_the_right_one():
    with pytest.raises(FerError, match="Did you mean 'compact'"):
        build("compcat", 7)
