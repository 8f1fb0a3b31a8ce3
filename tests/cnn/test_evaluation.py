import numpy as np
import pytest

from fer_cnn.evaluation import measure


def test_agrees_with_keras_metrics():
    import keras

    rng = np.random.default_rng(0)
    y = rng.integers(0, 7, 300)
    proba = rng.dirichlet(np.full(7, 3.0), 300) * 0.45 + 0.55 * np.eye(7)[rng.integers(0, 7, 300)]
    figures = measure(proba, y)
    truth = np.eye(7)[y]
    for name, metric, tolerance in (
        ("accuracy", keras.metrics.CategoricalAccuracy(), 1e-6),
        ("precision", keras.metrics.Precision(), 1e-6),
        ("recall", keras.metrics.Recall(), 1e-6),
        ("binary_accuracy", keras.metrics.BinaryAccuracy(), 1e-6),
        # Keras adds up trapezes between 200 thresholds.
        ("auc", keras.metrics.AUC(), 2e-3),
    ):
        metric.update_state(truth, proba)
        assert figures[name] == pytest.approx(float(metric.result()), abs=tolerance)
    loss = keras.losses.CategoricalCrossentropy()(truth, proba)
    assert figures["loss"] == pytest.approx(float(loss), rel=1e-3)


def test_the_published_accuracy_of_0_903_is_per_label():
    # Recall 0.579 and F1 0.630 over yes-or-no questions of seven classes leave no other accuracy.
    recall, f1, n = 0.579, 0.630, 100_000
    precision = f1 * recall / (2 * recall - f1)
    right, wrong = round(recall * n), round(recall * n * (1 / precision - 1))
    proba = np.full((n, 7), 1 / 7)
    proba[:right, 0], proba[:right, 1:] = 0.94, 0.01
    proba[right : right + wrong, 1] = 0.94
    proba[right : right + wrong, [0, 2, 3, 4, 5, 6]] = 0.01
    figures = measure(proba, np.zeros(n, dtype=np.int64))
    assert figures["recall"] == pytest.approx(recall, abs=1e-3)
    assert figures["f1"] == pytest.approx(f1, abs=1e-3)
    assert figures["binary_accuracy"] == pytest.approx(0.903, abs=5e-4)


def test_nothing_said_is_no_division_by_zero():
    figures = measure(np.full((4, 3), 1 / 3), np.array([0, 1, 2, 0]))
    assert figures["precision"] == figures["recall"] == figures["f1"] == 0
    assert figures["binary_accuracy"] == pytest.approx(2 / 3)
