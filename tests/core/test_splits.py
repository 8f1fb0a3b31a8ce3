import hashlib
from dataclasses import replace

import numpy as np
import pytest

from fer_core.datasets.dataset import Dataset
from fer_core.datasets.fer2013 import load_fer2013
from fer_core.errors import DataError, ProtocolError
from fer_core.labels import SCHEMES
from fer_core.parts import LabelledPart
from fer_core.splits import k_fold_splits, make_split


def _dataset(n=700, parts=None, **fields):
    random = np.random.default_rng(0)
    given = {
        "faces": random.integers(0, 256, (n, 48, 48), dtype=np.uint8),
        "y": np.arange(n) % 7,
        "parts": np.full(n, "") if parts is None else np.array(parts),
        "groups": np.arange(n),
    }
    return Dataset(
        name="made up",
        scheme=SCHEMES["fer7"],
        names=np.array([f"{i}.png" for i in range(n)]),
        **(given | fields),
    )


def _sides(split):
    return [set(part.names) for part in (split.fitting, split.validation, split.test)]


def _assert_disjoint(*sets):
    assert len(set.union(*sets)) == sum(map(len, sets))


def _parts(*shares):
    return [part for part, n in shares for _ in range(n)]


PROTOCOLS = {
    "official": _parts(("training", 560), ("public_test", 70), ("private_test", 70)),
    "development": _parts(("training", 560), ("public_test", 140)),
    "given": _parts(("training", 560), ("validation", 70), ("test", 70)),
    "holdout": None,
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_protocols(protocol):
    dataset = _dataset(parts=PROTOCOLS[protocol])
    split = make_split(dataset)
    assert split.protocol == protocol
    fitting, validation, test = _sides(split)
    _assert_disjoint(fitting, validation, test)
    assert fitting | validation | test == set(dataset.names)
    sizes = {
        "official": (560, 70, 70),
        "development": (504, 56, 140),
        "given": (560, 70, 70),
        "holdout": (504, 56, 140),
    }[protocol]
    assert (len(fitting), len(validation), len(test)) == sizes
    # Stratified: a hundred of each class were dealt out.
    assert len(set(split.fitting.counts().values())) == 1


def test_folders_without_validation_hold_out_a_tenth():
    split = make_split(_dataset(parts=_parts(("training", 560), ("test", 140))))
    assert split.protocol == "given"
    assert (len(split.fitting), len(split.validation), len(split.test)) == (504, 56, 140)


def test_no_picture_is_lost_where_folders_divide_fer2013_otherwise():
    names = ("training", 420), ("validation", 70), ("public_test", 70), ("private_test", 70)
    dataset = _dataset(parts=_parts(*names, ("test", 70)))
    split = make_split(dataset)
    assert split.protocol == "given"
    assert [len(side) for side in _sides(split)] == [420, 70, 210]


def test_folders_with_validation_and_no_test_choose_on_it():
    parts = _parts(("training", 560), ("validation", 140))
    dataset = _dataset(parts=parts)
    split = make_split(dataset)
    assert split.protocol == "holdout"
    assert "chosen on validation" in split.description
    assert set(split.validation.names) == set(dataset.names[560:])
    assert (len(split.fitting), len(split.test)) == (448, 112)
    assert len(set(split.test.reveal().counts().values())) == 1


@pytest.mark.parametrize("other", ["test", "validation", "public_test"])
def test_pictures_outside_the_parts_are_training_and_it_is_said(other):
    parts = _parts(("training", 420), ("", 140), (other, 140))
    dataset = _dataset(parts=parts)
    split = make_split(dataset)
    assert set.union(*_sides(split)) == set(dataset.names)
    assert not set(split.fitting.names).isdisjoint(dataset.names[420:560])
    assert "140 pictures outside its parts count as training" in split.description


def test_pictures_of_one_person_are_not_copies():
    parts = PROTOCOLS["given"]
    assert not make_split(_dataset(parts=parts, groups=np.arange(700) % 7)).test.copied.any()


def test_private_test_alone_is_the_test_part():
    split = make_split(_dataset(parts=_parts(("training", 560), ("private_test", 140))))
    assert split.protocol == "given"
    assert len(split.test) == 140


@pytest.mark.parametrize("parts", [PROTOCOLS["development"], None])
def test_the_seed_decides_what_is_chosen_here_and_nothing_else(parts):
    dataset = _dataset(parts=parts)
    one, same, other = (_sides(make_split(dataset, seed)) for seed in (0, 0, 1))
    assert one == same
    assert one[1] != other[1]
    assert (one[2] == other[2]) == (parts is not None)


def test_persons_stay_on_one_side():
    groups = np.arange(700) // 14
    split = make_split(_dataset(groups=groups))
    persons = [{int(name.split(".")[0]) // 14 for name in side} for side in _sides(split)]
    _assert_disjoint(*persons)
    assert [len(p) for p in persons] == [36, 4, 10]


def test_a_given_choice_and_what_is_held_out_share_no_person():
    dataset = _dataset(700, _parts(("", 600), ("validation", 100)), groups=np.arange(700) % 350)
    split = make_split(dataset)
    person = dict(zip(dataset.names, dataset.groups, strict=True))
    sides = [{person[name] for name in names} for names in _sides(split)]
    assert not sides[2] & (sides[0] | sides[1])
    assert len(split.validation) == 100
    everybody = replace(dataset, groups=np.arange(700) % 70)
    with pytest.raises(DataError, match="everybody is in the validation part, too"):
        make_split(everybody)


def test_copies_stay_on_one_side_of_what_is_divided_here():
    dataset = _dataset()
    dataset.faces[350:] = dataset.faces[:350]  # every picture twice, in the same class
    for side in _sides(make_split(dataset)):
        assert {f"{(int(name.split('.')[0]) + 350) % 700}.png" for name in side} == side


def test_copies_across_a_given_split_are_marked():
    dataset = _dataset(parts=PROTOCOLS["official"])
    dataset.faces[631] = dataset.faces[3] ^ 1  # of a fitting picture
    dataset.faces[640] = dataset.faces[600]  # of a validation picture
    dataset.faces[651] = dataset.faces[650]  # within the test part
    test = make_split(dataset).test
    assert set(test.names[test.copied]) == {"631.png", "640.png"}


@pytest.mark.parametrize("cheat", ["fitting", "validation"])
def test_a_split_cannot_hold_a_test_picture_in_another_part(cheat):
    split = make_split(_dataset())
    part = getattr(split, cheat)
    revealed = split.test.reveal().subset(np.arange(3))
    fields = {name: getattr(revealed, name) for name in Dataset.__dataclass_fields__}
    posing = LabelledPart(**fields, role=part.role)
    with pytest.raises(ProtocolError, match="in two parts"):
        replace(split, **{cheat: posing})
    with pytest.raises(ProtocolError):
        replace(split, **{cheat: split.test})


def test_a_split_in_another_scheme_divides_the_same_pictures():
    dataset = _dataset(found=np.arange(700) % 9 != 0, parts=PROTOCOLS["given"])
    split = make_split(dataset)
    few = split.in_scheme(SCHEMES["active5"])
    kept = set(dataset.names[~np.isin(dataset.y, [1, 6])])
    for before, after in zip(_sides(split), _sides(few), strict=True):
        assert after == before & kept
    assert few.test.n_missed == sum(~dataset.found[630:] & ~np.isin(dataset.y[630:], [1, 6]))
    assert (few.fitting.role, few.validation.role) == ("fit", "validation")
    assert few.test.reveal().counts() == {
        label: n
        for label, n in split.test.reveal().counts().items()
        if label in few.fitting.scheme.labels
    }
    with pytest.raises(DataError, match="can't be made"):
        few.in_scheme(SCHEMES["valence3"])


def test_copies_stay_marked_in_another_scheme():
    dataset = _dataset(parts=PROTOCOLS["given"])
    dataset.faces[[637, 644]] = dataset.faces[[0, 0]] ^ 1
    dataset.faces[638] = dataset.faces[1]  # disgust, which the scheme drops
    test = make_split(dataset).in_scheme(SCHEMES["active5"]).test
    assert set(test.names[test.copied]) == {"637.png", "644.png"}


def test_pictures_without_a_face_are_counted_and_never_fitted_on():
    found = np.arange(700) % 5 != 0
    dataset = _dataset(found=found, parts=PROTOCOLS["development"])
    split = make_split(dataset)
    missing = set(dataset.names[~found])
    for side in _sides(split):
        assert side.isdisjoint(missing)
    assert len(split.test) == 112
    assert split.test.n_missed == 28


def test_pictures_without_a_face_are_dealt_out_like_the_rest():
    dataset = _dataset(found=np.arange(700) % 5 != 0)
    split = make_split(dataset)
    assert len(split.test) + split.test.n_missed == 140
    assert 15 <= split.test.n_missed <= 41  # 28 expected, three standard deviations


def test_all_pictures_are_faces_unless_said():
    assert make_split(_dataset()).test.n_missed == 0


def test_folds_cover_everything_once():
    dataset = _dataset(140, groups=np.arange(140) // 2)
    tested = []
    for i, split in enumerate(k_fold_splits(dataset, 4), start=1):
        assert split.protocol == f"fold {i} of 4"
        fitting, validation, test = _sides(split)
        assert len(fitting) + len(validation) + len(test) == 140
        persons = [{int(name.split(".")[0]) // 2 for name in side} for side in _sides(split)]
        assert persons[0].isdisjoint(persons[2])
        assert persons[1].isdisjoint(persons[2])
        assert persons[0].isdisjoint(persons[1])
        assert set(split.test.reveal().counts().values()) <= {4, 5, 6}  # stratified: 20 of each
        tested += test
    assert sorted(tested) == sorted(dataset.names)


def test_folds_leave_given_test_parts_alone():
    dataset = _dataset(parts=PROTOCOLS["official"])
    splits = list(k_fold_splits(dataset, 3))
    tested = [name for split in splits for name in _sides(split)[2]]
    assert sorted(tested) == sorted(dataset.names[:560])
    assert all(set.union(*_sides(split)) == set(tested) for split in splits)
    assert "the 140 pictures of given test parts stay untouched" in splits[0].description


@pytest.mark.parametrize(
    ("k", "words"), [(1, "at least 2 folds"), (11, "class 'angry' has 10 persons or pictures")]
)
def test_folds_that_the_pictures_do_not_allow(k, words):
    with pytest.raises(DataError, match=words):
        next(
            k_fold_splits(
                _dataset(140, groups=np.arange(140) // 2 // 7 * 7 + np.arange(140) % 7), k
            )
        )


def test_a_class_missing_from_the_fitting_part():
    parts = ["test" if i % 7 == 2 else "training" for i in range(70)]
    with pytest.raises(DataError, match="no picture of class 'fear' is left to fit on"):
        make_split(_dataset(70, parts=parts))


@pytest.mark.parametrize(("n", "sizes"), [(35, (21, 7, 7)), (28, (14, 7, 7)), (21, (7, 7, 7))])
def test_few_pictures_hold_out_more_than_a_tenth_and_say_so(n, sizes):
    split = make_split(_dataset(n))
    assert (len(split.fitting), len(split.validation), len(split.test)) == sizes
    assert f"{sizes[1] / (n - 7):.0%} of the rest for choices" in split.description


def test_too_few_pictures():
    with pytest.raises(DataError, match=r"too few|left to fit on"):
        make_split(_dataset(7))


@pytest.mark.slow
@pytest.mark.fer2013
def test_the_development_split_stays_what_published_figures_were_measured_on(fer2013_folder):
    split = make_split(load_fer2013(fer2013_folder), seed=0)
    digests = [
        hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
        for names in (split.fitting.names, split.validation.names, split.test.names)
    ]
    assert digests == ["9f59063ab5182bf1", "b85a9485499960b3", "38b1f737717659ae"]
    assert split.test.copied.sum() == 290


def test_persons_on_both_sides_of_a_given_split_are_counted():
    parts = _parts(("training", 560), ("validation", 70), ("test", 70))
    groups = np.arange(700)
    assert "persons" not in make_split(_dataset(parts=parts)).description
    groups[-5:] = groups[:5]  # five people of the test part are fitted on
    groups[-6] = groups[600]  # and one is chosen on
    split = make_split(_dataset(parts=parts, groups=groups))
    assert "; 6 test pictures show persons who are fitted or chosen on, too" in split.description


@pytest.mark.parametrize("n_persons", [1, 2])
def test_too_few_persons_are_named_as_the_reason(n_persons):
    groups = np.arange(700) // 7 % n_persons
    with pytest.raises(DataError, match=r"of so few persons .* leave --groups out"):
        make_split(_dataset(groups=groups))
