import re

import pytest

from benchmarks.report import main
from benchmarks.results import main_figures


@pytest.fixture
def folder(measured_job):
    return measured_job.folder


def test_report_is_one_file_without_network(folder, capsys):
    assert main([str(folder.root)]) == 0
    assert capsys.readouterr().out.strip().endswith("report.html")
    html = (folder.root / "report.html").read_text()
    assert not re.search(r"(src|href)=.?https?:", html)
    assert "@import" not in html
    assert html.count("data:image/png;base64,") == 3 + len(folder.results())
    for result in folder.results():
        assert f"{main_figures(result)['accuracy']:.3f}" in html


def test_report_is_the_same_twice(folder):
    texts = []
    for _ in range(2):
        main([str(folder.root)])
        texts.append((folder.root / "report.html").read_bytes())
    assert texts[0] == texts[1]


def test_pictures_named_in_markdown_exist(folder):
    main([str(folder.root)])
    names = re.findall(r"!\[[^]]*\]\(([^)]+)\)", (folder.root / "report.md").read_text())
    assert len(names) == 6
    assert all((folder.root / name).stat().st_size > 1000 for name in names)


def test_folder_without_results_is_one_sentence(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "no results here" in capsys.readouterr().err
