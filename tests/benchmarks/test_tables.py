from benchmarks.tables import Cell, Table


def test_markdown_shows_names_of_anybody_as_they_are():
    table = Table([("class", "Name"), ("n", "Number")], [[Cell("a|b <b>c"), Cell("< 0.001")]])
    assert table.markdown().splitlines()[-1] == r"| a\|b &lt;b>c | < 0.001 |"
