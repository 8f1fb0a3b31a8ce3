import numpy as np
import pytest

from fer_cnn.architectures import build
from fer_cnn.export import export_here
from fer_cnn.views import with_views
from fer_core.onnx_model import OnnxClassifier


@pytest.fixture(scope="module")
def network():
    return build("tiny", 3)


@pytest.fixture(scope="module")
def faces():
    return np.random.default_rng(0).integers(0, 256, (5, 48, 48)).astype(np.uint8)


def crops(faces):
    padded = np.pad(faces, ((0, 0), (2, 2), (2, 2)), mode="edge")
    corners = [padded[:, y : y + 48, x : x + 48] for y in (0, 4) for x in (0, 4)]
    return [faces, *corners]


def expected(network, views):
    both = [seen for view in views for seen in (view, view[:, :, ::-1])]
    return np.mean([np.asarray(network(np.ascontiguousarray(seen))) for seen in both], axis=0)


def test_one_view_is_the_network_itself(network):
    assert with_views(network, "one") is network


@pytest.mark.parametrize("views", ["mirror", "crops"])
def test_probabilities_are_averages_over_views(network, faces, views):
    seen = [faces] if views == "mirror" else crops(faces)
    proba = np.asarray(with_views(network, views)(faces))
    np.testing.assert_allclose(proba, expected(network, seen), atol=1e-6)


def test_views_are_inside_the_exported_file(network, faces, tmp_path):
    network.save(tmp_path / "model.keras")
    sizes = []
    for views in ("one", "crops"):
        export_here(tmp_path / "model.keras", tmp_path / "model.onnx", views)
        sizes.append((tmp_path / "model.onnx").stat().st_size)
    served = OnnxClassifier(tmp_path / "model.onnx", range(3))
    np.testing.assert_allclose(
        served.predict_proba(faces), expected(network, crops(faces)), atol=1e-5
    )
    # Mirroring a face changes nothing any more.
    np.testing.assert_allclose(
        served.predict_proba(np.ascontiguousarray(faces[:, :, ::-1])),
        served.predict_proba(faces),
        atol=1e-5,
    )
    assert sizes[1] < 1.3 * sizes[0]
