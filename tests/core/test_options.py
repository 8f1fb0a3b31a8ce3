import argparse
from dataclasses import replace

import numpy as np
import pytest

from fer_core.datasets import folder
from fer_core.datasets.options import (
    add_arguments,
    add_split_arguments,
    describe,
    load_dataset,
    load_split,
)
from fer_core.errors import DataError
from fer_core.splits import make_split


def _parsed(*argv):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args([str(a) for a in argv])


def test_options_for_own_pictures_reach_the_loader(tmp_path, monkeypatch):
    passed = {}
    monkeypatch.setattr(folder, "load_folder", lambda path, **options: passed.update(options))
    load_dataset(_parsed("--dataset", "folder", "--data", tmp_path))
    assert passed == {"crop": "auto", "skip_broken": False}
    options = ["--groups", "prefix", "--detector", "haar", "--crop", "always"]
    load_dataset(_parsed("--dataset", "folder", "--data", tmp_path, *options))
    assert passed == {
        "crop": "always",
        "skip_broken": False,
        "groups": "prefix",
        "detector": "haar",
    }


def test_persons_by_prefix_are_groups(tmp_path, make_tree):
    make_tree(tmp_path)
    found = load_dataset(
        _parsed("--dataset", "folder", "--data", tmp_path, "--crop", "never", "--groups", "prefix")
    )
    prefixes = [name.rpartition("/")[2].split("_")[0] for name in found.names]
    assert len(np.unique(found.groups)) == len(set(prefixes)) == 2


@pytest.mark.parametrize("option", ["--groups", "--detector"])
@pytest.mark.parametrize("dataset", [(), ("--dataset", "fer2013", "--data", "somewhere")])
def test_options_for_own_pictures_are_refused_for_others(option, dataset):
    with pytest.raises(DataError, match=f"{option} is for pictures of your own: --dataset folder"):
        load_dataset(_parsed(*dataset, option, "prefix"))


def test_loaded_pictures_are_described_with_what_was_left_out(tmp_path, make_tree):
    make_tree(tmp_path / "faces", per_class=20)
    dataset = folder.load_folder(tmp_path / "faces", crop="never")
    notes = {"no_face": [f"{i}.jpg" for i in range(1200)], "ignored": {"contempt": 1000}}
    dataset = replace(dataset, notes=notes)
    first, second, third = describe(dataset, make_split(dataset))
    assert first.startswith("faces: 280 pictures, 126 for fitting, 14 for choosing, 140 for measur")
    assert second == "no face: 1,200: 0.jpg, 1.jpg, 2.jpg, …"
    assert third == "classes left out: contempt (1,000)"


def test_a_split_is_in_the_scheme_that_is_named(monkeypatch):
    def split(*argv, default=None):
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        add_split_arguments(parser)
        return load_split(parser.parse_args(argv), default)

    dataset, whole = split()
    assert dataset.scheme.name == whole.fitting.scheme.name == "fer7"
    dataset, four = split("--scheme", "basic4", default="active5")
    assert (dataset.scheme.name, four.fitting.scheme.name) == ("fer7", "basic4")
    assert set(four.validation.names) < set(whole.validation.names)
    assert split(default="active5")[1].fitting.scheme.name == "active5"
    _, other = split("--seed", "1")
    assert set(other.validation.names) != set(whole.validation.names)

    monkeypatch.setattr("fer_core.datasets.options.load_dataset", lambda args: pytest.fail("read"))
    with pytest.raises(DataError, match="fer8"):
        split("--scheme", "fer8")
