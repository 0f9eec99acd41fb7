"""A paper and exhibits of somebody else's: a file is all it takes."""

import pytest

from aesbench.plugins import registry
from aesbench.plugins.registry import PAPERS, load_plugin
from aesbench.report.evidence import View, gather
from aesbench.report.page.write import write_report

PAPER = """
from aesbench.plugins.paper import Claim, Paper, Place, Score

PAPER = Paper(
    name="second",
    title="The Second",
    citation="Them: The Second, 2026",
    line_up=("mine", "ues:32"),
    titles={"mine": "Mine"},
    table="ranking",
    heading="Table 9",
    claim="Mine wins.",
    published={Place("tiny", "widedeep"): {"mine": Score(auc=0.8123)}},
    claims=(Claim("{ours} {verb} UES-32", "mine", "ues:32", difference=0.01),),
    notes=("It says little.",),
)
"""
EXHIBITS = '''
from functools import partial

import pandas as pd

from aesbench.plugins.exhibit import Exhibit, Figure, Table


def _line(figure, last):
    figure.subplots().plot([0, last], [0, last])


def build_exhibits(evidence):
    """Count runs."""
    table = Table("counted", "Counted", "", pd.DataFrame({"runs": [len(evidence.runs)]}))
    draws = {"anonymous": lambda figure: _line(figure, 2), "named": partial(_line, last=1)}
    figures = [Figure(name, name, "n = 1", "a line", table, draw) for name, draw in draws.items()]
    return [Exhibit("own", "Runs, counted", "", ["So many."], [table], figures)]
'''


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Load a plugin file with this text; what it registers is gone after the test."""
    for kind in registry.REGISTRIES:
        monkeypatch.setattr(kind, "_from_files", dict(kind._from_files))

    def loaded(text, name="theirs.py"):
        path = tmp_path / name
        path.write_text(f"{text}\n# {tmp_path}")  # A file of the same bytes is loaded once.
        load_plugin(path)

    return loaded


@pytest.fixture
def records(seeds):
    """Four seeds of a method that no paper of ours knows, .01 above UES-32."""
    return [*seeds("ues:32", 0.80, noise=0), *seeds("mine", 0.81)]


def test_a_paper_in_a_file_has_its_table_and_its_verdict(load, records, tmp_path):
    """Without a change in ``aesbench/``: line-up, published number, claim, notes, answer."""
    assert not [path for path in written(tmp_path / "before", records) if "ranking" in path]
    load(PAPER)
    assert PAPERS.get("second").title == "The Second"
    files = written(tmp_path / "after", records, papers=("second",))
    table = files["tables/ranking-tiny-widedeep.md"].decode()
    (row,) = (line for line in table.splitlines() if line.startswith("| Mine"))
    assert "| 0.8123 |" in row and "**0.81" in row
    claims = files["tables/ranking-tiny-widedeep-claims.md"].decode()
    (row,) = (line for line in claims.splitlines() if line.startswith("| Mine beats UES-32"))
    assert "| confirmed | +0.0100 | +0.01" in row
    page = files["report.html"].decode()
    for text in ("Table 9: tiny", "The Second: Mine wins.", "It says little."):
        assert text in page
    assert "Of the 1 claim of The Second" in page and "1 confirmed" in page


def test_its_methods_are_called_what_it_calls_them(load, records):
    """Where no record says it; and it has a look of its own."""
    load(PAPER)
    evidence = gather(records)
    assert evidence.method("mine@0.5") == "Mine @0.5"
    others = [choice for choice in evidence.order if choice != "mine"]
    assert evidence.look("mine") not in [evidence.look(choice) for choice in others]


def test_exhibits_of_a_file_are_in_the_page(load, records, tmp_path):
    """Their figures are drawn, by a lambda too; the bytes do not depend on how many draw."""
    load(EXHIBITS)
    one, two = (written(tmp_path / str(count), records, count) for count in (1, 2))
    assert one == two
    assert one["tables/counted.csv"] == b"runs\n8\n"
    page = one["report.html"].decode()
    for text in ("Runs, counted", "So many.", 'id="anonymous"', 'id="named"'):
        assert text in page
    assert b"<path" in one["figures/anonymous.svg"] and b"<path" in one["figures/named.svg"]


def written(folder, records, workers=1, papers=()):
    """{path: content} of the report of some records."""
    paths = write_report(folder, gather(records, View(papers=papers)), workers)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
