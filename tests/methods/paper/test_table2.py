"""Table 2: data sets, ours beside the paper's."""

from dataclasses import replace

from aesbench.core.headroom import BudgetHeadroom, Headroom
from aesbench.plugins.exhibit import MISSING
from aesbench.plugins.paper import Place
from aesbench.report.evidence import gather
from aesbench_methods.adass.paper.exhibits import table2


def test_table_2_knows_rows_from_the_datasheet(make_record, the_only, values):
    """Interactions, positives and splits; fields and values come from the allocation."""
    sheet = {
        "splits": {
            "train": {"rows": 80, "positives": 40},
            "validation": {"rows": 10, "positives": 5},
            "test": {"rows": 10, "positives": 10},
        }
    }
    records = [
        make_record("ues:32", dataset="ml100k", datasheet=sheet),
        make_record("ues:32", dataset="mine"),
    ]
    (table,) = the_only(table2.build, records).tables
    rows = values(table)
    ours = rows["ML-100K"]
    assert (ours["interactions"], ours["fields"]) == (100, 2)
    assert (ours["feature values"], ours["positive"]) == (120, 0.55)
    assert ours["train / validation / test"] == "80 / 10 / 10"
    assert rows["mine"]["interactions"] is None
    assert rows["Criteo"]["paper: feature values"] == 7_605_436
    assert rows["Criteo"]["fields"] is None
    called = dict(zip(rows, table.column("paper's data set"), strict=True))
    assert called == {
        **{"Avazu": "Avazu", "Criteo": "Criteo", "ML-1M": "ML-1M", "mine": "–"},
        "ML-100K": "ML-1M (a relative)",
    }
    hashes = dict(zip(rows, table.column("data hash"), strict=True))
    assert hashes["mine"] == "a" * 16 and hashes["Criteo"] == "–"


def test_what_a_failed_run_does_not_know_another_tells(make_record, the_only, values):
    """The first run has no allocation; fields are those of the second."""
    failed = replace(make_record("mde:value"), status="failed", metrics={}, allocation=None)
    exhibit = the_only(table2.build, [failed, make_record("ues:32", 1)])
    assert values(exhibit.tables[0])["tiny"]["fields"] == 2
    assert exhibit.findings == [
        "tiny is not in the AdaS&S paper.",
        "No run here is on the AdaS&S paper's Avazu, ML-1M, Criteo.",
    ]
    only_failed = values(the_only(table2.build, [failed]).tables[0])["tiny"]
    assert only_failed["fields"] is None and only_failed["data hash"] == "a" * 64


def test_no_record_has_no_data_set():
    """Without a run there is nothing to hold against the paper's."""
    assert table2.build(gather([])) == []


def test_own_data_of_a_known_name_are_not_the_papers(make_record, the_only):
    """`avazu.toml` has a row of its own, and the paper's Avazu one without ours."""
    own = make_record("ues:32", dataset="avazu")
    own = replace(own, providers={"dataset": "avazu.toml"})
    exhibit = the_only(table2.build, [own])
    table = exhibit.tables[0]
    columns = ("data set", "paper's data set", "data hash")
    rows = {row[0]: row[1:] for row in zip(*map(table.column, columns), strict=True)}
    (name,) = (name for name in rows if "own data" in name)
    assert rows[name] == (MISSING, "a" * 16) and rows["Avazu"] == ("Avazu", MISSING)
    assert "Avazu" in exhibit.findings[-1]


def test_the_headroom_is_that_over_the_largest_uniform_size(make_record, the_only):
    """Small budgets have more of it; a data set on which none was measured has a dash."""
    evidence = gather([make_record("ues:32"), make_record("ues:32", dataset="mine")])
    place = Place("tiny", "widedeep")
    budgets = tuple(
        BudgetHeadroom(size, 100 * size, size, 0.7, (1, 2), 90, {1: gain}, gain, low, gain + 0.01)
        for size, gain, low in ((2, 0.04, 0.03), (64, 0.025, 0.02))
    )
    room = Headroom("tiny/widedeep", "tiny", "widedeep", "a" * 64, {}, 9, budgets)
    (exhibit,) = table2.build(replace(evidence, headroom={place: room}))
    table = exhibit.tables[0]
    found = dict(zip(table.column("data set"), table.column("headroom"), strict=True))
    assert found["tiny"] == "+0.0250 [+0.0200, +0.0350]" and found["mine"] == MISSING
    none = replace(room, budgets=(budgets[0], replace(budgets[1], low=-0.01)))
    (exhibit,) = table2.build(replace(evidence, headroom={place: none}))
    assert "none" in exhibit.tables[0].column("headroom")
