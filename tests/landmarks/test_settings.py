import json

import pytest

from fer_core.errors import DataError
from fer_landmarks import list_pipelines, make_pipeline
from fer_landmarks.settings import Settings, load_settings, save_settings


def test_every_pipeline_has_settings_and_they_name_their_source():
    settings = load_settings()
    assert set(settings) == set(list_pipelines())
    for name, entry in settings.items():
        assert entry.source["method"], name


def test_pipelines_use_their_settings():
    for name, entry in load_settings().items():
        params = make_pipeline(name).get_params()
        assert {key: params[key] for key in entry.params} == dict(entry.params), name


def test_parameters_take_the_place_of_settings():
    model = make_pipeline("hog-kernel", classifier__gamma=0.125, compress__n_odd=7)
    assert model.get_params()["classifier__gamma"] == 0.125
    assert model.get_params()["classifier__n_odd"] == 7  # what follows from settings follows


def test_files_keep_settings(tmp_path):
    path = tmp_path / "settings.json"
    settings = {"hog-svm": Settings({"classifier__estimator__C": 2.0}, {"method": "by hand"})}
    save_settings(settings, path)
    assert load_settings(path) == settings


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        *(json.dumps({"hog-svm": e}) for e in ({"parameters": {}}, {"params": [1]}, 1, {"C": 1})),
    ],
)
def test_another_file_is_refused_in_a_sentence(tmp_path, text):
    path = tmp_path / "settings.json"
    path.write_text(text)
    with pytest.raises(DataError, match="this is not a file of settings"):
        load_settings(path)
