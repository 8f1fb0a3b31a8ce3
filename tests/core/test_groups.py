"""Who is in which picture, by a table or by the names of files."""

import pytest

from fer_core.datasets.folder import read_groups
from fer_core.errors import DataError

PICTURES = ["a/1.png", "a/2.png", "b/1.png", "b/3.png"]


def _table(path, *rows, header="picture,group"):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_persons_from_a_table(tmp_path):
    table = _table(tmp_path / "people.csv", "a/1.png,ann", "3.png, ann", "b/1.png,bob")
    groups, alone = read_groups(PICTURES, table)
    assert groups[0] == groups[3]
    assert alone == ["a/2.png"]
    assert len(set(groups)) == 3  # ann, bob, and a/2.png by itself


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("c/9.png,ann", "line 2 .*names 0 pictures"),
        ("1.png,ann", "line 2 .*names 2 pictures"),
        ("2.png,", "line 2 .*names no group"),
        ("2.png", "line 2 .*names no group"),
    ],
)
def test_rows_that_do_not_fit_are_refused(tmp_path, row, message):
    with pytest.raises(DataError, match=message):
        read_groups(PICTURES, _table(tmp_path / "people.csv", row))


def test_what_is_no_table_of_groups(tmp_path):
    with pytest.raises(DataError, match="columns picture and group"):
        read_groups(PICTURES, _table(tmp_path / "people.csv", header="file,person"))
    with pytest.raises(DataError, match="there is no such table"):
        read_groups(PICTURES, tmp_path / "missing.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x80")
    with pytest.raises(DataError, match="not a csv table"):
        read_groups(PICTURES, tmp_path / "binary.csv")


def test_prefixes_that_no_two_pictures_share_are_refused():
    with pytest.raises(DataError, match=r"no two file names begin alike.*'a/KA\.1\.png'"):
        read_groups(["a/KA.1.png", "b/KA.2.png"], "prefix")
    groups, _ = read_groups(["a/KA_1.png", "b/KA_2.png", "b/ann.png"], "prefix")
    assert groups.tolist() == [0, 0, 1]
