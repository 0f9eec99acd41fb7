"""What data give away without a model stands beside the methods, and competes with none."""

import dataclasses

import pytest

from aesbench.core.probe import Probe, RateTable, Twins
from aesbench.plugins.exhibit import MISSING
from aesbench.report.evidence import View, gather
from aesbench.report.exhibits import comparison, overview, probes
from aesbench.report.statistics.probes import RATE_TABLE

WIDE = "tiny, Wide&Deep"
PROBE = Probe(
    name="tiny",
    hash="a" * 64,
    tables=(
        RateTable(("user", "item"), 0.72, 0.71),
        RateTable(("user", "item", "hour"), 0.74, 0.73),
    ),
    twins={"validation": Twins(50, 0.0, 0.0, None), "test": Twins(40, 0.1, 0.05, 0.9)},
    left_out=(),
    chosen_on={"train": 400, "validation": 50},
)


@pytest.fixture
def records(seeds):
    """Return the function that makes runs at two places, one with a probe if there is one."""

    def make(probe=PROBE):
        sheet = {"probe": probe} if probe else {}
        return [
            *seeds("ues:8", 0.70, dims=(8, 8), datasheet=sheet),
            *seeds("mde:field", 0.75, dims=(16, 16), noise=0.3, datasheet=sheet),
            *seeds("ues:8", 0.60, dims=(8, 8), dataset="other"),
            *seeds("mde:field", 0.65, dims=(16, 16), dataset="other"),
        ]

    return make


def test_a_probe_has_a_row_with_tables_and_twins(records, the_only, values):
    """Those of test; worth .19 times what agreement has over the best table: .9 - .73."""
    exhibit = the_only(probes.build, records())
    (row,) = values(exhibit.tables[0]).values()
    assert (row["best pair"], row["AUC of the pair"]) == ("user × item", 0.71)
    assert (row["best triple"], row["AUC of the triple"]) == ("user × item × hour", 0.73)
    assert (row["twins"], row["with the other label"], row["labels agree"]) == (0.1, 0.05, 0.9)
    assert row["worth"] == pytest.approx(0.19 * 0.17)
    assert len(exhibit.runs) == 8 and exhibit.reproduce == ["aesbench data probe tiny"]


def test_the_command_names_the_file_of_ones_own_data(records, the_only):
    """As `aesbench run` is given it."""
    own = [dataclasses.replace(r, providers={"dataset": "mine.toml"}) for r in records()]
    assert the_only(probes.build, own).reproduce == ["aesbench data probe mine.toml"]


def test_it_says_what_a_model_has_and_what_twins_are_worth(records, the_only):
    """The best uniform size beside the best table; of twins only if they are worth much."""
    table, twins = the_only(probes.build, records()).findings
    assert table.startswith("tiny: a table of user × item × hour has a test AUC of 0.7300 without")
    assert table.endswith("the best uniform size has 0.7003 (Wide&Deep).")
    assert twins.startswith("tiny: 10.0% of the test rows are twins, and remembering their labels")
    none = dataclasses.replace(PROBE, twins=dict.fromkeys(PROBE.twins, Twins(40, 0.0, 0.0, None)))
    assert len(the_only(probes.build, records(none)).findings) == 1


def test_fields_of_several_values_alone_give_twins_alone(records, the_only, cells):
    """No table: a dash, and no row beside methods."""
    bare = dataclasses.replace(PROBE, tables=())
    exhibit = the_only(probes.build, records(bare))
    assert cells(exhibit.tables[0])["tiny"]["best pair"] == MISSING
    assert RATE_TABLE not in cells(the_only(overview.build, records(bare)).tables[0])


def test_the_first_table_ends_with_the_rate_table(records, the_only, cells):
    """Its level beside that of the best uniform size; a dash where there is no probe."""
    table = the_only(overview.build, records()).tables[0]
    rows = cells(table)
    assert list(rows) == ["MDE (field-wise)", RATE_TABLE]
    assert rows[RATE_TABLE][WIDE] == "AUC .7300; user ×; item ×; hour; best UES .7003"
    assert rows[RATE_TABLE]["other, Wide&Deep"] == MISSING
    assert table.frame[WIDE].isna().tolist() == [False, True], "a column sorts by differences"
    assert table.tints[WIDE][-1] == "" and "no method and in no ranking" in table.caption


def test_the_scores_end_with_the_rate_table(records, cells):
    """Never in bold, though it leads, and in no table of differences or of another place."""
    lucky = dataclasses.replace(PROBE, tables=(RateTable(("user", "item"), 0.99, 0.99),))
    other, tiny = comparison.build(gather(records(lucky)))
    (scores, *tests) = tiny.tables
    assert cells(scores)[RATE_TABLE]["AUC"] == "0.9900"
    assert cells(scores)[RATE_TABLE]["seeds"] == cells(scores)[RATE_TABLE]["LogLoss"] == MISSING
    assert scores.bold["AUC"][-1] is False and any(scores.bold["AUC"])
    assert list(cells(scores))[-1] == RATE_TABLE
    assert not any(RATE_TABLE in cells(table) for table in (*tests, *other.tables))


def test_nothing_else_changes_by_a_probe(records):
    """Findings and tests are what they are without one; a paper's table has its line-up only."""
    for build in (overview.build, comparison.build):
        for one, other in zip(
            *(build(gather(made, View(papers=("adass",)))) for made in (records(), records(None))),
            strict=True,
        ):
            assert one.findings == other.findings and one.runs == other.runs
            for mine, theirs in zip(one.tables, other.tables, strict=True):
                kept = mine.frame[mine.frame.iloc[:, 0] != RATE_TABLE]
                assert kept.astype(str).equals(theirs.frame.astype(str))
                if mine.name.startswith("table3"):
                    assert mine.caption == theirs.caption and len(kept) == len(mine.frame)


def test_without_probes_there_is_no_exhibit(records):
    """As in every report of before."""
    assert probes.build(gather(records(None))) == []
