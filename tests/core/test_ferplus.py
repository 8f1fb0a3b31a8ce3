import numpy as np
import pytest

from fer_core.datasets.dataset import Dataset
from fer_core.datasets.ferplus import VOTE_COLUMNS, join_votes, label_distribution, majority
from fer_core.errors import DataError
from fer_core.labels import LABELS, SCHEMES

MICROSOFT = ("Usage", "Image name", *VOTE_COLUMNS)


def _dataset(names):
    n = len(names)
    return Dataset(
        name="fer2013",
        faces=np.zeros((n, 48, 48), np.uint8),
        y=np.arange(n) % 7,
        scheme=SCHEMES["fer7"],
        names=np.array(names),
        parts=np.full(n, "training"),
        groups=np.arange(n),
    )


def _votes(**counts):
    return [counts.get(column, 0) for column in VOTE_COLUMNS]


def _table(path, header, rows):
    path.write_text("\n".join(",".join(map(str, row)) for row in (header, *rows)) + "\n")
    return path


def test_microsofts_rows_are_aligned_by_position_not_by_number(tmp_path):
    table = _table(
        tmp_path / "fer2013new.csv",
        MICROSOFT,
        [
            ("Training", "fer0000000.png", *_votes(anger=10)),
            ("Training", "", *_votes(happiness=10)),  # taken out by FER+: no votes
            ("Training", "fer0000001.png", *_votes(fear=10)),
            ("Training", "fer0000002.png", *_votes(sadness=10)),
        ],
    )
    # The second row of fer2013.csv was broken and skipped, the names still tell the rows.
    dataset = join_votes(_dataset(["row00003", "row00000", "row00002", "row00001"]), table)
    assert majority(dataset.votes).tolist() == [4, 0, 2, -1]
    assert dataset.votes[3].sum() == 0


def test_rows_of_another_part_are_of_other_pictures(tmp_path):
    rows = [("PrivateTest", "fer0.png", *_votes(anger=10)), ("", "fer1.png", *_votes(fear=10))]
    table = _table(tmp_path / "fer2013new.csv", MICROSOFT, rows)
    with pytest.raises(DataError, match="row 1 is of private_test, and the picture"):
        join_votes(_dataset(["row00001", "row00000"]), table)
    assert join_votes(_dataset(["row00001"]), table).votes.sum() == 10  # says nothing of a part
    # A division of one's own may be another: names tell which picture is meant.
    named = _table(
        tmp_path / "named.csv",
        ("file", "Usage", *VOTE_COLUMNS),
        [("row00000", "PublicTest", *_votes(anger=10))],
    )
    assert join_votes(_dataset(["row00000"]), named).votes.sum() == 10


def test_a_table_by_file_name_fits_folders_in_any_order(tmp_path):
    table = _table(
        tmp_path / "votes.csv",
        ("file", *VOTE_COLUMNS),
        [
            ("train/sad/Training_2.jpg", *_votes(sadness=9, neutral=1)),
            ("train/angry/Training_1.jpg", *_votes(anger=6, NF=4)),
        ],
    )
    names = ["train/angry/Training_1.jpg", "train/fear/Training_3.jpg", "train/sad/Training_2.jpg"]
    dataset = join_votes(_dataset(names), table)
    assert majority(dataset.votes).tolist() == [0, -1, 4]
    assert dataset.votes.dtype == np.float32


def test_columns_are_found_by_name(tmp_path):
    shuffled = ("file", *VOTE_COLUMNS[::-1])
    table = _table(tmp_path / "v.csv", shuffled, [("1.jpg", *_votes(disgust=10)[::-1])])
    assert majority(join_votes(_dataset(["disgust/1.jpg"]), table).votes).tolist() == [1]


@pytest.mark.parametrize(
    ("column", "code"),
    [
        ("anger", 0),
        ("disgust", 1),
        ("fear", 2),
        ("happiness", 3),
        ("sadness", 4),
        ("surprise", 5),
        ("neutral", 6),
    ],
)
def test_each_column_is_its_label(column, code):
    votes = np.array([_votes(**{column: 10})], np.float32)
    assert majority(votes).tolist() == [code]
    np.testing.assert_array_equal(label_distribution(votes), np.eye(7)[[code]])


@pytest.mark.parametrize(
    "votes",
    [
        _votes(contempt=6, happiness=4),
        _votes(unknown=6, fear=4),
        _votes(NF=10),
        _votes(sadness=5, neutral=5),
        _votes(),
    ],
)
def test_no_majority_over_the_seven(votes):
    assert majority(np.array([votes], np.float32)).tolist() == [-1]


def test_distribution_is_over_the_seven_labels_only():
    votes = np.array([_votes(anger=3, happiness=1, contempt=6), _votes(unknown=10)], np.float32)
    distribution = label_distribution(votes)
    assert distribution.shape == (2, len(LABELS))
    np.testing.assert_allclose(distribution[0], [0.75, 0, 0, 0.25, 0, 0, 0])
    np.testing.assert_array_equal(distribution[1], 0)


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        (("a", "b"), [], "no column 'neutral'"),
        (MICROSOFT, [("Training", "fer0.png", *["x"] * 10)], "not numbers"),
        (MICROSOFT, [("Training", "fer0.png", 1)], "not numbers"),
        (MICROSOFT, [("Training", "fer0.png", *["nan"] * 10)], "no numbers of people"),
        (MICROSOFT, [("Training", "fer0.png", *[-1] * 10)], "no numbers of people"),
        (("file", *VOTE_COLUMNS), [("other.jpg", *_votes(fear=1))], "none of its rows"),
    ],
)
def test_what_is_no_table_of_votes_for_these_pictures(tmp_path, header, rows, message):
    with pytest.raises(DataError, match=message):
        join_votes(_dataset(["row00000"]), _table(tmp_path / "votes.csv", header, rows))


def test_binary_is_no_table(tmp_path):
    (tmp_path / "votes.csv").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(DataError, match="not a csv table"):
        join_votes(_dataset(["row00000"]), tmp_path / "votes.csv")


def test_a_field_without_end_is_no_table(tmp_path):
    path = tmp_path / "votes.csv"
    path.write_text('"' + "x" * 200_000)
    with pytest.raises(DataError, match="this is not a csv table"):
        join_votes(_dataset(["a.png"]), path)


def test_pictures_that_share_a_name_are_told_apart_by_their_folders(tmp_path):
    names = ["train/happy/im0.png", "train/sad/im0.png"]
    rows = [(names[1], *_votes(sadness=10)), (names[0], *_votes(happiness=10))]
    table = _table(tmp_path / "votes.csv", ("file", *VOTE_COLUMNS), rows)
    assert majority(join_votes(_dataset(names), table).votes).tolist() == [3, 4]
    bare = _table(tmp_path / "bare.csv", ("file", *VOTE_COLUMNS), [("im0.png", *_votes(fear=10))])
    with pytest.raises(DataError, match=r"several pictures are called 'im0\.png'"):
        join_votes(_dataset(names), bare)


def test_empty_lines_of_a_table_are_none(tmp_path):
    table = _table(
        tmp_path / "votes.csv", ("file", *VOTE_COLUMNS), [("a.png", *_votes(fear=10)), ()]
    )
    assert majority(join_votes(_dataset(["a.png"]), table).votes).tolist() == [2]
