from argparse import Namespace
from types import SimpleNamespace

import pytest

from fer_cnn.train import main as train_network
from fer_core.datasets.demo import load_demo
from fer_core.errors import DataError
from fer_core.model_store import ModelStore
from fer_core.replacing import refuse_others
from fer_core.splits import make_split


@pytest.fixture
def stored(monkeypatch):
    """A store with a model that learnt from the demo faces."""
    fingerprint = make_split(load_demo()).fitting.fingerprint()
    entry = SimpleNamespace(
        fitted_on=lambda fitting: fitting.fingerprint() == fingerprint,
        trained_on={"pictures": 12, "dataset": "demo"},
        scheme="fer7",
    )
    monkeypatch.setattr(ModelStore, "entries", lambda self: {"tiny": entry})


def test_only_what_learnt_from_the_same_is_replaced(stored, tmp_path):
    fitting = make_split(load_demo()).fitting
    args = Namespace(out=tmp_path, replace=False)
    refuse_others(args, ["tiny", "other"], fitting)
    others = make_split(load_demo(), seed=1).fitting
    refuse_others(args, ["other"], others)
    with pytest.raises(DataError, match=r"holds a 'tiny' that learnt from 12 other .*\(demo, fer7"):
        refuse_others(args, ["other", "tiny"], others)
    refuse_others(Namespace(out=tmp_path, replace=True), ["tiny"], others)


def test_networks_are_kept_too(stored, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("fer_cnn.train.train_and_store", lambda *args, **options: 1 / 0)
    command = ["tiny", "--seed", "1", "--out", str(tmp_path)]
    assert train_network(command) == 2
    assert "replace it with --replace" in capsys.readouterr().err
    with pytest.raises(ZeroDivisionError):
        train_network([*command, "--replace"])
