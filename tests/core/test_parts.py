import numpy as np
import pytest

from fer_core.datasets.demo import load_demo
from fer_core.errors import ProtocolError
from fer_core.labels import SCHEMES
from fer_core.parts import require_role
from fer_core.splits import make_split


@pytest.fixture(scope="module")
def split():
    return make_split(load_demo())


def test_the_test_part_has_no_labels_to_fit_on(split):
    assert not hasattr(split.test, "y")
    assert len(split.test.faces) == len(split.test)
    assert split.test.reveal().names.tolist() == split.test.names.tolist()


def test_roles(split):
    assert require_role(split.fitting, "fit") is split.fitting
    assert require_role(split.validation, "validation") is split.validation
    assert require_role(split.validation, "fit", "validation") is split.validation
    for part in (split.test, split.test.reveal(), split.validation, split.test.faces, None):
        with pytest.raises(ProtocolError, match="Got "):
            require_role(part, "fit")
    for part in (split.test, split.test.reveal(), split.fitting, load_demo()):
        with pytest.raises(ProtocolError, match="only the validation part"):
            require_role(part, "validation")


def test_a_part_keeps_its_role_when_it_is_cut_down(split):
    few = split.validation.subset(np.arange(10))
    assert require_role(few, "validation") is few
    with pytest.raises(ProtocolError):
        require_role(split.validation.in_scheme(SCHEMES["valence3"]), "fit")
