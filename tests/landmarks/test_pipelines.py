"""What every named pipeline, and every stage after the descriptor, must do."""

import pickle
import subprocess
import sys
import warnings

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from fer_core import model_store
from fer_core.errors import DataError
from fer_core.model_entry import LANDMARKS_LICENCE, LICENCE
from fer_core.pipeline_files import read_skops, save_skops
from fer_landmarks import (
    KernelLeastSquares,
    MirroredClassifier,
    SymmetricPCA,
    list_pipelines,
    make_pipeline,
)
from fer_landmarks.boosted_trees import BoostedTrees
from fer_landmarks.perceptron import DropoutPerceptron
from fer_landmarks.pipelines import DEFAULT_PIPELINE, licence_of
from fer_landmarks.probabilities import Probabilities, SoftmaxScores

#: Settings under which the slower classifiers finish at once.
QUICK = {
    "fusion-xgb": {"classifier__estimator__n_estimators": 5},
    "fusion-forest": {"classifier__estimator__n_estimators": 5},
    "geometry-mlp": {"copies": 1, "classifier__hidden": (32,)},
    "anchored-mlp": {"copies": 1, "classifier__hidden": (32,)},
    "anchored-fisher-mlp": {"copies": 1, "classifier__hidden": (32,)},
    "anchored-small-fisher-mlp": {"copies": 1, "classifier__hidden": (32,)},
}


@parametrize_with_checks(
    [
        SymmetricPCA(),
        SymmetricPCA(bits=8),
        KernelLeastSquares(),
        KernelLeastSquares(n_centers=15, random_state=0),
        KernelLeastSquares(bits=8),
        DropoutPerceptron((16,), 20, batch_size=16, learning_rate=0.03, random_state=0),
        DropoutPerceptron((16,), 20, batch_size=16, bits=8, learning_rate=0.03, random_state=0),
        SoftmaxScores(LinearSVC(random_state=0)),
        Probabilities(LogisticRegression()),
        Probabilities(BoostedTrees(n_estimators=5)),
    ]
)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


def test_the_default_is_the_one_that_is_shipped():
    assert model_store.ModelStore().entry("landmarks").name == DEFAULT_PIPELINE


@pytest.fixture(params=list_pipelines(), scope="module")
def name(request):
    return request.param


@pytest.fixture(scope="module")
def fitted(name, faces, labels):
    return make_pipeline(name, random_state=0, **QUICK.get(name, {})).fit(faces, labels)


def test_what_is_stored_without_a_pickle_is_read_back(fitted, faces, tmp_path):
    again = read_skops(save_skops(fitted, tmp_path))
    np.testing.assert_allclose(again.predict_proba(faces), fitted.predict_proba(faces), atol=1e-6)


def test_probabilities_are_float32_rows_in_class_order(fitted, faces):
    proba = fitted.predict_proba(faces)
    assert fitted.classes_.tolist() == [0, 2, 4]
    assert proba.dtype == np.float32
    assert proba.shape == (len(faces), 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-5)
    assert (proba >= 0).all()
    best = fitted.classes_[proba.argmax(axis=1)]
    assert (fitted.predict(faces) == best).mean() > 0.95


def test_pickle_and_joblib_keep_the_answers(fitted, faces, tmp_path):
    before = fitted.predict_proba(faces)
    joblib.dump(fitted, tmp_path / "model.joblib")
    for copy in (pickle.loads(pickle.dumps(fitted)), joblib.load(tmp_path / "model.joblib")):
        np.testing.assert_array_equal(copy.predict_proba(faces), before)


def test_batch_equals_one_by_one(fitted, faces):
    # New faces: trees cut at values of those they were fitted on, where a rounding error counts.
    new = faces[:5] // 2 + faces[5:10] // 2
    batch = fitted.predict_proba(new)
    for i in (0, 4):
        np.testing.assert_allclose(fitted.predict_proba(new[i : i + 1])[0], batch[i], atol=1e-4)


def test_no_faces_give_no_rows(fitted):
    empty = fitted.predict_proba(np.empty((0, 48, 48), np.uint8))
    assert empty.shape == (0, 3)
    assert empty.dtype == np.float32


def test_other_input_is_refused(fitted):
    with pytest.raises(DataError, match="faces must be a uint8 array"):
        fitted.predict_proba(np.zeros((2, 48, 48)))


def test_clones_with_the_same_seed_agree(fitted, faces, labels):
    again = clone(fitted).fit(faces, labels)
    np.testing.assert_allclose(again.predict_proba(faces), fitted.predict_proba(faces), atol=1e-5)


def test_pipelines_learn_what_is_in_a_face(faces):
    """Upside-down faces are told from upright ones that were not fitted on."""
    turned = np.concatenate([faces, faces[:, ::-1]])
    y = np.repeat([0, 1], len(faces))
    fit = np.arange(len(y)) % 3 > 0
    for name in ("hog-svm", "geometry-svm", "anchored-kernel"):
        model = make_pipeline(name, random_state=0).fit(turned[fit], y[fit])
        assert (model.predict(turned[~fit]) == y[~fit]).mean() > 0.85, name


def test_grid_search_reaches_parameters(faces, labels):
    grid = {"descriptor__parts": [("hog",), ("lbp",)], "classifier__estimator__C": [0.1, 1.0]}
    search = GridSearchCV(make_pipeline("hog-svm", random_state=0, compress__n_odd=0), grid, cv=2)
    search.set_params(estimator__compress__symmetry=None)
    search.fit(faces, labels)
    assert len(search.cv_results_["params"]) == 4
    assert search.best_estimator_.predict_proba(faces).shape == (60, 3)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_several_jobs_find_what_one_finds(faces, labels, backend):
    def scores(n_jobs):
        model = make_pipeline("hog-svm", random_state=0, n_jobs=2)
        search = GridSearchCV(model, {"classifier__estimator__C": [0.1, 10.0]}, cv=2, n_jobs=n_jobs)
        with joblib.parallel_config(backend):
            return search.fit(faces[:40], labels[:40]).cv_results_["mean_test_score"]

    np.testing.assert_allclose(scores(2), scores(1))


def test_pandas_output_goes_through_all_steps(faces, labels):
    # Fewer features than its own, so that pandas has fewer columns to make.
    quick = {"descriptor__parts": ("geometry", "hog"), "classifier__n_centers": 20}
    model = make_pipeline("anchored-nystroem", random_state=0, **quick)
    plain = clone(model).fit(faces, labels)
    model.set_output(transform="pandas").fit(faces, labels)
    frame = model[:-1].transform(faces[:3])
    assert list(frame.columns) == list(model[:-1].get_feature_names_out())
    assert list(model[-1].feature_names_in_) == list(frame.columns)
    np.testing.assert_allclose(
        model.predict_proba(faces[:3]), plain.predict_proba(faces[:3]), atol=1e-5
    )


@pytest.mark.parametrize(
    ("name", "mirror", "quick"),
    [
        ("hog-svm", True, {}),
        ("anchored-mlp", False, {"copies": 1, "classifier__epochs": 1}),
        ("anchored-small-fisher-mlp", False, {"copies": 1, "classifier__epochs": 1}),
    ],
)
def test_pandas_output_reaches_the_classifier(faces, labels, name, mirror, quick):
    model = make_pipeline(name, random_state=0, mirror=mirror)
    inner = model.estimator if mirror else model
    inner.set_params(**quick)
    plain = clone(model).fit(faces[:40], labels[:40])
    model.set_output(transform="pandas").fit(faces[:40], labels[:40])
    fitted = model.estimator_ if mirror else model
    assert list(fitted[-1].feature_names_in_) == list(fitted[:-1].get_feature_names_out())
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # of names that are missing
        answers = model.predict_proba(faces[:3])
    np.testing.assert_allclose(answers, plain.predict_proba(faces[:3]), atol=1e-5)


def test_grid_search_over_mirroring(faces, labels):
    model = make_pipeline("hog-svm", random_state=0, mirror=True)
    search = GridSearchCV(model, {"training": [True, False]}, cv=2).fit(faces, labels)
    assert search.best_estimator_.classes_.tolist() == [0, 2, 4]


def test_mirrored_prediction_is_the_same_for_both_sides(faces, labels):
    model = MirroredClassifier(make_pipeline("hog-svm", random_state=0)).fit(faces, labels)
    there, back = model.predict_proba(faces), model.predict_proba(faces[:, :, ::-1])
    np.testing.assert_allclose(there, back, atol=1e-6)
    one_sided = clone(model).set_params(training=False, prediction=False).fit(faces, labels)
    there, back = one_sided.predict_proba(faces), one_sided.predict_proba(faces[:, :, ::-1])
    assert np.abs(there - back).max() > 1e-3


def test_kernel_pipeline_needs_no_mirroring(faces, labels):
    model = make_pipeline("hog-kernel", random_state=0).fit(faces[:40], labels[:40])
    there, back = model.predict_proba(faces), model.predict_proba(faces[:, :, ::-1])
    np.testing.assert_allclose(there, back, atol=0.02)


def test_class_weight_reaches_the_classifier():
    model = make_pipeline("hog-svm", class_weight="balanced")
    assert model.get_params()["classifier__estimator__class_weight"] == "balanced"
    default = make_pipeline(class_weight="balanced")
    assert default.get_params()["classifier__class_weight"] == "balanced"
    with pytest.raises(DataError, match="'fusion-knn' takes no class_weight"):
        make_pipeline("fusion-knn", class_weight="balanced")


def test_support_vector_machines_calibrate_on_validation_faces():
    """``SVC(probability=True)`` is deprecated and fits five times over."""
    for name in list_pipelines():
        params = make_pipeline(name).get_params()
        assert not [key for key in params if key.endswith("probability") and params[key] is True]


def test_slow_classifiers_get_few_components():
    for name in ("fusion-svm", "geometry-svm", "fusion-xgb"):
        compress = make_pipeline(name).named_steps["compress"]
        assert len(compress.symmetry_out().order) < 600, name


def test_forest_stays_small(tmp_path):
    """On labels that nothing explains, trees grow as far as they may."""
    x, y = np.random.default_rng(0).normal(size=(8000, 20)), np.arange(8000) % 7
    forest = make_pipeline("fusion-forest", random_state=0)[-1]
    n_trees = forest.estimator.n_estimators
    forest.set_params(estimator__n_estimators=4).fit(x, y)
    joblib.dump(forest, tmp_path / "forest.joblib")
    assert (tmp_path / "forest.joblib").stat().st_size / 4 * n_trees < 30e6


def test_wrong_name_gets_a_suggestion():
    with pytest.raises(DataError, match=r"no pipeline 'hog-svn'.*Did you mean 'hog-svm'\?"):
        make_pipeline("hog-svn")


def test_every_pipeline_is_described():
    assert {"geometry-svm", "hog-svm", "fusion-svm", "fusion-xgb"} <= set(list_pipelines())
    assert all(list_pipelines().values())


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import fer_landmarks", "sklearn cv2 dlib xgboost tensorflow matplotlib"),
        (
            "from fer_landmarks import make_pipeline; make_pipeline('fusion-svm')",
            "dlib xgboost tensorflow matplotlib skimage",
        ),
    ],
)
def test_imports_load_no_more_than_needed(code, absent):
    check = f"import sys; {code}; print([m for m in {absent.split()!r} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("weight", ["balanced", {0: 1, 3: 30}])
@pytest.mark.parametrize(
    "make",
    [
        lambda weight: DropoutPerceptron(
            (16,), epochs=20, batch_size=20, noise=0, class_weight=weight, random_state=0
        ),
        lambda weight: Probabilities(
            BoostedTrees(n_estimators=20, max_depth=2, class_weight=weight, random_state=0)
        ),
    ],
)
def test_rare_classes_count_as_much_as_is_asked(make, weight):
    x = np.random.default_rng(0).normal(size=(310, 3))
    y = np.repeat([0, 3], [300, 10])
    x[y == 3] += 1
    rare = y == 3
    plain, weighted = (make(w).fit(x, y).predict_proba(x)[rare, 1] for w in (None, weight))
    assert weighted.mean() > plain.mean() + 0.2


def test_class_weights_reach_a_classifier_inside_another():
    x = np.random.default_rng(0).normal(size=(60, 3))
    y = np.array([0, 3, 6] * 20)
    inner = Pipeline([("scale", StandardScaler()), ("fit", LogisticRegression())])
    inner.set_params(fit__class_weight={0: 50, 3: 1, 6: 1})
    weighted = Probabilities(inner).fit(x, y).predict_proba(x).mean(axis=0)
    assert weighted.argmax() == 0
    assert weighted[0] > 0.8


@pytest.mark.parametrize("names", [(1, 2, 4), ("a", "b", "c")])
def test_class_weights_are_of_the_labels(names):
    x = np.random.default_rng(0).normal(size=(90, 3))
    y = np.array(names)[np.arange(90) % 3]
    weighted = LogisticRegression(class_weight={names[0]: 50})
    expected = weighted.fit(x, y).predict_proba(x)
    found = Probabilities(LogisticRegression(class_weight={names[0]: 50})).fit(x, y)
    np.testing.assert_allclose(found.predict_proba(x), expected, atol=1e-5)


def test_steps_know_the_symmetry_whatever_is_set(faces, labels):
    pipeline = make_pipeline("hog-kernel", random_state=0).set_params(compress__n_odd=16)
    assert pipeline[-1].n_odd == clone(pipeline)[-1].n_odd == 16
    search = GridSearchCV(pipeline, {"compress__n_odd": [8, 24]}, cv=2).fit(faces, labels)
    best = search.best_estimator_
    assert best[-1].n_odd == best[-2].n_odd_ == search.best_params_["compress__n_odd"]
    both = [best.predict_proba(faces[..., ::step]) for step in (1, -1)]
    np.testing.assert_allclose(*both, atol=1e-5)
    merged = make_pipeline("anchored-kernel", compress__n_odd=12, merge__n_odd=9)
    assert merged[-1].n_odd == 9
    assert (merged[-2].symmetry.sign < 0).sum() == (merged[1].symmetry_out().sign < 0).sum() > 12
    member = "classifier__estimator__kernel__n_odd"
    known = [make_pipeline("fusion-stack", compress__n_odd=n).get_params()[member] for n in (4, 5)]
    assert known[1] - known[0] == 2  # of shape and HOG
    some = pipeline[1:].set_params(compress__n_odd=4)  # without faces nothing is known
    assert some[-1].n_odd == 16
    with pytest.raises(ValueError, match="classifier__n_odd follows from the steps before it"):
        make_pipeline("hog-kernel", classifier__n_odd=0)


def test_steps_can_be_left_out(faces, labels):
    pipeline = make_pipeline("hog-kernel", random_state=0).set_params(compress="passthrough")
    assert pipeline[-1].n_odd == 0  # features as described are in no such order
    assert pipeline.fit(faces, labels).predict_proba(faces).shape == (
        len(faces),
        len(np.unique(labels)),
    )
    assert make_pipeline("hog-svm").set_params(classifier=None).steps[-1][1] is None


def test_a_licence_names_the_predictor_only_where_there_are_landmarks():
    assert licence_of(make_pipeline("hog-svm")) == LICENCE
    assert licence_of(make_pipeline("geometry-svm", mirror=True)) == LANDMARKS_LICENCE
    assert licence_of(make_pipeline(DEFAULT_PIPELINE)) == LANDMARKS_LICENCE
