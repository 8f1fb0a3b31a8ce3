import importlib.util
import json
import os
import pkgutil
import platform
import subprocess
import sys

import pytest

HEAVY = {"tensorflow", "keras", "xgboost", "matplotlib", "onnx", "onnxruntime", "kagglehub"}

#: Modules that are only imported by what needs their library.
EXEMPT = {"fer_landmarks.boosted_trees"}

PACKAGES = ("fer_core", "fer_landmarks", "fer_live", "fer_cnn")

#: Imports what it is told and prints the top-level names of all that is loaded.
PROGRAM = """
import importlib, json, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def _modules(package):
    """Return the package and all modules in it, but programs, which run when imported."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    found = pkgutil.walk_packages(spec.submodule_search_locations, f"{package}.")
    names = [module.name for module in found if not module.name.endswith("__main__")]
    return [package, *(name for name in names if name not in EXEMPT)]


def _loaded(names):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *names], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_loads_what_it_may_not_need(package):
    assert _loaded(_modules(package)) & HEAVY == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_by_itself_is_light(package):
    assert _loaded([package]) & (HEAVY | {"sklearn", "dlib", "skimage"}) == set()


def test_families_do_not_load_each_other():
    assert "fer_cnn" not in _loaded(_modules("fer_landmarks"))
    assert "fer_landmarks" not in _loaded(_modules("fer_cnn"))
    assert _loaded(_modules("fer_core")) & {"fer_landmarks", "fer_cnn", "fer_live"} == set()


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        ("foo", "set KERAS_BACKEND to tensorflow, jax or torch"),
        ("torch", "KERAS_BACKEND=torch, and"),
    ],
)
def test_a_backend_that_is_not_there_is_named(backend, words):
    pytest.importorskip("keras")
    if backend == "torch" and importlib.util.find_spec("torch"):
        pytest.skip("PyTorch is installed")
    code = "from fer_core.extras import require; require('keras', 'train')"
    environment = {**os.environ, "KERAS_BACKEND": backend}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert words in run.stderr.splitlines()[-1]
    assert "MissingExtraError" in run.stderr


def _errors(code, **environment):
    """Return what a program that requires Keras writes to its error stream."""
    inherited = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    code = f"import sys; from fer_core.extras import require\n{code}"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**inherited, "KERAS_BACKEND": "tensorflow", **environment},
        capture_output=True,
        text=True,
    )
    return run.stderr


def test_tensorflow_greets_only_who_asks_for_it():
    pytest.importorskip("tensorflow")
    code = "require('keras', 'train').ops.zeros(1); print('heard', file=sys.stderr)"
    assert _errors(code) == "heard\n"
    if "TF_ENABLE_ONEDNN_OPTS" not in os.environ and platform.machine() == "x86_64":
        assert "oneDNN" in _errors(code, TF_CPP_MIN_LOG_LEVEL="0")


def test_what_was_held_back_is_written_if_an_import_fails(tmp_path):
    (tmp_path / "keras.py").write_text("import os; os.write(2, b'native words'); import nowhere")
    code = f"sys.path.insert(0, {str(tmp_path)!r}); require('keras', 'train')"
    errors = _errors(code)
    assert errors.startswith("native words")
    assert "nowhere" in errors.splitlines()[-1]


def test_a_program_without_an_error_stream_gets_its_library(tmp_path):
    (tmp_path / "keras.py").write_text("answer = 42")
    code = (
        "import os, sys; from fer_core.extras import require\n"
        f"os.close(2); sys.path.insert(0, {str(tmp_path)!r})\n"
        "print(require('keras', 'train').answer)"
    )
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE)
    assert run.stdout.strip() == b"42"
