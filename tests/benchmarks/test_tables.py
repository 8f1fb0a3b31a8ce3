from benchmarks.study_tables import live_table
from benchmarks.tables import Cell, Table


def test_markdown_shows_names_of_anybody_as_they_are():
    table = Table([("class", "Name"), ("n", "Number")], [[Cell("a|b <b>c"), Cell("< 0.001")]])
    assert table.markdown().splitlines()[-1] == r"| a\|b &lt;b>c | < 0.001 |"


def test_live_speeds_beside_another_project_s():
    row = {
        "model": "ensemble-live",
        "detect every": 10,
        "faces": 1.0,
        "fps": 95.9,
        "median ms": 9.71,
        "95th percentile ms": 14.36,
        "landmarks ms": 3.77,
        "classify ms": 6.4,
    }
    peer = {"version": "25", "faces": 1.0, "fps": 33.5, "median ms": 29.2, "95th percentile ms": 34}
    text = live_table({"following": [row], "fer": peer}).markdown()
    assert "| ensemble-live | 1 | 10 | 96 | 9.7 | 14.4 | 3.8 | 6.4 |" in text
    assert "| PyPI's fer 25 | 1 | 1 | 34 | 29.2 | 34.0 | n/a | n/a |" in text
    assert "PyPI" not in live_table({"following": [row]}).markdown()
