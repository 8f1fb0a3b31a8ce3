"""What every stage that takes faces must do."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from fer_core.errors import DataError
from fer_core.landmarks import mirror_landmarks
from fer_landmarks.descriptor import FaceDescriptor
from fer_landmarks.transformers import (
    AnchoredHistograms,
    DenseHog,
    FisherVectors,
    LandmarkGeometry,
    LbpHistograms,
)

STAGES = {
    "geometry": LandmarkGeometry(),
    "coordinates": LandmarkGeometry(coordinates_only=True),
    "hog": DenseHog(),
    "hog-skimage": DenseHog(engine="skimage"),
    "lbp": LbpHistograms(),
    "anchored": AnchoredHistograms(),
    "anchored-96": AnchoredHistograms(side=96, points=(36, 45, 30), scales=((6, 3),)),
    "fisher": FisherVectors(),
    "all": FaceDescriptor(("geometry", "hog", "lbp", AnchoredHistograms(scales=((6, 3),)))),
}


@pytest.fixture(params=STAGES, scope="module")
def stage(request):
    return STAGES[request.param]


@pytest.fixture(scope="module")
def features(stage, faces):
    return stage.transform(faces[:10])


def test_features_are_finite_float32_with_names(stage, features):
    names = stage.get_feature_names_out()
    assert features.dtype == np.float32
    assert features.shape == (10, len(names))
    assert len(set(names)) == len(names)
    assert np.isfinite(features).all()
    assert (features.std(axis=0) > 0).mean() > 0.3


def test_copies_give_the_same_features(stage, faces, features):
    for copy in (clone(stage), pickle.loads(pickle.dumps(stage))):
        np.testing.assert_array_equal(copy.fit_transform(faces[:10]), features)


def test_joblib_round_trip_of_a_used_stage_is_small(stage, features, faces, tmp_path):
    joblib.dump(stage, tmp_path / "stage.joblib")
    assert (tmp_path / "stage.joblib").stat().st_size < 4000
    loaded = joblib.load(tmp_path / "stage.joblib")
    np.testing.assert_array_equal(loaded.transform(faces[:10]), features)


def test_batch_equals_one_by_one(stage, faces, features):
    for i in (0, 9):
        # NumPy sums a batch in another order.
        np.testing.assert_allclose(stage.transform(faces[i : i + 1])[0], features[i], atol=1e-6)


def test_threads_change_nothing(stage, faces):
    many = np.concatenate([faces, faces, faces])
    threaded = clone(stage).set_params(n_jobs=3)
    np.testing.assert_array_equal(threaded.transform(many), stage.transform(many))


def test_no_faces_give_no_rows(stage, features):
    empty = stage.transform(np.empty((0, 48, 48), np.uint8))
    assert empty.shape == (0, features.shape[1])


@pytest.mark.parametrize(
    ("bad", "got"),
    [
        (np.zeros((2, 48, 48)), r"float64 \(2, 48, 48\)"),
        (np.zeros((48, 48), np.uint8), r"uint8 \(48, 48\)"),
        (np.zeros((2, 96, 96), np.uint8), r"uint8 \(2, 96, 96\)"),
        (np.zeros((2, 48, 48, 3), np.uint8), r"uint8 \(2, 48, 48, 3\)"),
    ],
)
def test_other_input_is_refused(stage, bad, got):
    message = rf"faces must be a uint8 array of shape \(n, 48, 48\)\. Got {got} instead\."
    for method in (stage.fit, stage.transform):
        with pytest.raises(DataError, match=message):
            method(bad)


def test_pandas_output_has_the_names(stage, faces, features):
    frame = clone(stage).set_output(transform="pandas").fit_transform(faces[:2])
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == list(stage.get_feature_names_out())
    np.testing.assert_array_equal(frame.to_numpy(), features[:2])


def test_symmetry_tells_the_features_of_the_mirrored_face(stage, faces, landmarks):
    mirrored = np.ascontiguousarray(faces[:10, :, ::-1])
    found = stage.features().describe(mirrored, mirror_landmarks(landmarks[:10], 48))
    told = stage.symmetry().mirror(stage.features().describe(faces[:10], landmarks[:10]))
    # Vertical gradients lie on an edge between scikit-image's bins and fall to one side of it.
    assert np.abs(found - told).mean() < 0.15 * np.abs(told - told.mean(axis=0)).mean()


def test_symmetry_is_its_own_inverse(stage):
    symmetry = stage.symmetry()
    np.testing.assert_array_equal(symmetry.order[symmetry.order], np.arange(len(symmetry.order)))
    np.testing.assert_array_equal(symmetry.sign, symmetry.sign[symmetry.order])
    assert sum(symmetry.blocks) == len(symmetry.order)


def test_landmarks_from_the_cache_are_the_same(faces, features, tmp_path, monkeypatch):
    monkeypatch.setenv("FER_CACHE", str(tmp_path))
    stage = LandmarkGeometry(cache=True)
    first = stage.transform(faces)
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr(
        "fer_core.landmarks.LandmarkPredictor.predict_crops",
        lambda self, faces: pytest.fail("landmarks were found anew"),
    )
    np.testing.assert_array_equal(stage.transform(faces), first)


def test_descriptor_puts_its_parts_side_by_side(faces):
    both = FaceDescriptor(("geometry", "hog")).transform(faces[:3])
    parts = [LandmarkGeometry().transform(faces[:3]), DenseHog().transform(faces[:3])]
    np.testing.assert_array_equal(both, np.concatenate(parts, axis=1))


def test_unknown_part_gets_a_suggestion(faces):
    with pytest.raises(ValueError, match=r"Got 'hogs' instead\. Did you mean 'hog'\?"):
        FaceDescriptor(("hogs",)).transform(faces)
    with pytest.raises(ValueError, match="non-empty tuple"):
        FaceDescriptor("hog").transform(faces)


def test_stages_of_older_versions_get_the_defaults_of_newer_parameters(faces):
    new = AnchoredHistograms(scales=((6, 3),))
    state = dict(new.__getstate__())
    for added_since in ("looks", "side"):
        del state[added_since]
    old = AnchoredHistograms.__new__(AnchoredHistograms)
    old.__setstate__(state)
    np.testing.assert_array_equal(old.transform(faces[:2]), new.transform(faces[:2]))


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        (AnchoredHistograms(points=(36, 48)), "points must be landmarks, 0 to 67, with the mirror"),
        (AnchoredHistograms(points=(36, 45, 99)), "points must be landmarks"),
        (AnchoredHistograms(points=()), "points must be landmarks"),
        (AnchoredHistograms(scales=((6, 3), (4, 2))), "sigma rising"),
        (AnchoredHistograms(scales=()), "scales must be pairs"),
        (AnchoredHistograms(scales=((0, 2),)), "above 0"),
        (LbpHistograms(cell=5), "cell must divide 48 pixels. Got 5"),
        (LbpHistograms(cell=0), "cell must divide 48 pixels. Got 0"),
    ],
)
def test_parameters_that_describe_nothing_are_refused(stage, words, faces):
    with pytest.raises(ValueError, match=words):
        stage.fit(faces)


@pytest.mark.parametrize("cell", [0, -8, 7])
def test_cells_that_do_not_fit_are_refused(cell, faces):
    with pytest.raises(ValueError, match="cell must divide"):
        DenseHog(cell=cell).fit(faces).transform(faces)
