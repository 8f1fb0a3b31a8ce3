"""A dataset that a linear model learns in milliseconds, and models to fit on it."""

from functools import partial

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from benchmarks.budget import Budget
from benchmarks.candidates import Classical
from benchmarks.measuring import Job, combine_and_measure, fit_and_measure
from benchmarks.report import write_report
from benchmarks.results import RunFolder
from benchmarks.runs import describe_run
from benchmarks.studies import write_studies
from fer_core.datasets.dataset import Dataset
from fer_core.labels import SCHEMES
from fer_core.splits import make_split
from fer_landmarks import DenseHog, LbpHistograms


def made_dataset(n=140, seed=0, noise=60.0, scheme=SCHEMES["fer7"], parts=("training", "test")):
    """Each class has a bright row of its own under noise."""
    rng = np.random.default_rng(seed)
    k = len(scheme.labels)
    y = np.arange(n) % k
    faces = rng.normal(100, noise, size=(n, 48, 48))
    faces[np.arange(n), 6 * y] += 60
    faces[np.arange(n), 6 * y + 1] += 60
    return Dataset(
        name="made",
        faces=np.clip(faces, 0, 255).astype(np.uint8),
        y=y.astype(np.int64),
        scheme=scheme,
        names=np.array([f"face{i:03d}" for i in range(n)]),
        parts=np.array([parts[i * len(parts) // n] for i in range(n)]),
        groups=np.arange(n),
    )


def linear(name, C=1.0, features=DenseHog):
    """A small pipeline; made of what processes of their own can unpickle and skops knows."""
    pipeline = make_pipeline(features(), LogisticRegression(C=C, max_iter=50))
    return Classical(name, partial(clone, pipeline), "a linear model for tests")


def made_job(root, dataset=None, **changes):
    dataset = dataset or made_dataset()
    split = make_split(dataset)
    run = describe_run(dataset, split, seed=0, quick=False)
    folder = RunFolder(root)
    folder.open(run)
    return Job(run, split, folder)


@pytest.fixture
def job(tmp_path):
    return made_job(tmp_path / "run")


@pytest.fixture(autouse=True, scope="session")
def _coarse_and_quick():
    with pytest.MonkeyPatch.context() as patch:
        # One round of every time is enough here, and coarse figures.
        patch.setattr("benchmarks.timing._PATIENCE", 1e-9)
        patch.setattr("benchmarks.figures._DPI", 30)
        yield


@pytest.fixture(scope="session")
def measured_job(tmp_path_factory):
    """A job with two models and their ensemble; don't change its folder."""
    job = made_job(tmp_path_factory.mktemp("measured") / "run")
    for name, features in (("left", LbpHistograms), ("right", DenseHog)):
        fit_and_measure(job, linear(name, features=features), lambda text: None)
    combine_and_measure(job, "ensemble", ["left", "right"], Budget(), lambda text: None)
    write_studies(job.folder)
    write_report(job.folder)
    return job


@pytest.fixture
def in_process(monkeypatch):
    """Run tasks here: spawned processes are tested in test_worker."""
    monkeypatch.setattr("benchmarks.running.run_task", lambda task, log, notify: task(notify))


@pytest.fixture
def undrawn(monkeypatch):
    """Write figures without drawing them, which takes longest: that is tested in test_report."""
    monkeypatch.setattr(Figure, "savefig", lambda self, path, **options: path.write_bytes(b"PNG"))


@pytest.fixture(name="made_dataset")
def _made_dataset():
    return made_dataset


@pytest.fixture(name="made_job")
def _made_job():
    return made_job


@pytest.fixture(name="linear")
def _linear():
    return linear
