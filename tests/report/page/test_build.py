"""Every exhibit that the evidence bears on, in the order of reading."""

import dataclasses

import pytest

from aesbench.errors import ConfigError, RecordError
from aesbench.plugins.registry import EXHIBITS
from aesbench.report.evidence import gather
from aesbench.report.exhibits import comparison
from aesbench.report.page.build import build_exhibits


@pytest.fixture
def others(monkeypatch):
    """Register builders of exhibits beside papers' own: {name: builder}."""

    def register(**builders):
        found = {name: (build, "this test") for name, build in builders.items()}
        monkeypatch.setattr(EXHIBITS, "_from_files", found)

    return register


def names_of(records):
    """The names of the exhibits, in their order."""
    return [exhibit.name for exhibit in build_exhibits(gather(records))]


def test_no_records_have_no_exhibits():
    """An empty folder is no mistake of an exhibit's."""
    assert names_of([]) == []


def test_searches_alone_have_no_scores(make_record):
    """They bear on stability, and on the data set, and on nothing else."""
    records = [make_record("autodim+search-only", seed, retrain=False) for seed in range(2)]
    assert set(names_of(records)) == {"table1", "table2", "fig4-tiny"}


def test_the_main_table_comes_first_and_others_exhibits_last(seeds, nasty, others):
    """Then the papers' own, then ours beyond them."""
    records = [*seeds("ues:32", 0.8), *seeds("ues:16", 0.8), *seeds("adass:r", 0.8)]
    others(mine=lambda evidence: [nasty])
    names = names_of([*records, *seeds("random@0.5", 0.8, budget=1920, dims=(16, 16))])
    assert names[:2] == ["overview", "comparison-tiny"] and names[-3:] == [
        "matched-tiny",
        "pareto-tiny",
        nasty.name,
    ]
    assert {"table1", "table2", "fig4-tiny"} <= set(names[2:-3])


def test_every_table_has_as_many_cells_as_columns_and_no_column_twice(seeds):
    """In each row of each exhibit, whatever records there are; each figure has its numbers."""
    records = [*seeds("ues:32", 0.8), *seeds("adass:r", 0.8), *seeds("mine", 0.8, n=1)]
    for exhibit in build_exhibits(gather(records)):
        data = [figure.data for figure in exhibit.figures]
        for table in (*exhibit.tables, *data):
            columns = list(table.frame.columns)
            assert len(set(columns)) == len(columns), table.name
            assert {len(row) for row in table.rows()} <= {len(columns)}, table.name
            assert {*table.texts, *table.bold} <= set(columns), table.name


def test_what_a_paper_claims_has_its_name(seeds):
    """Exhibits of papers say what their paper says; ours claim nothing."""
    records = [*seeds("ues:32", 0.8), *seeds("adass:r", 0.8), *seeds("ues:16", 0.8)]
    exhibits = list(build_exhibits(gather(records)))
    assert {one.claim.partition(": ")[0] for one in exhibits if one.claim} == {"AdaS&S"}
    assert next(one for one in exhibits if one.name == "pareto-tiny").claim == ""


def test_a_builder_of_a_plugin_that_fails_is_named(seeds, others):
    """With its provider; what it says on purpose stays as it is."""

    def refused(evidence):
        raise RecordError("on purpose")

    others(theirs=lambda evidence: 1 / 0)
    with pytest.raises(ConfigError, match="'theirs' of this test fails: ZeroDivisionError"):
        names_of(seeds("ues:32", 0.8))
    others(theirs=refused)
    with pytest.raises(RecordError, match="^on purpose$"):
        names_of(seeds("ues:32", 0.8))


@pytest.mark.parametrize("kind", ["exhibit", "table", "figure"])
def test_two_of_one_name_are_refused(seeds, others, kind):
    """One would overwrite the files of the other."""

    def again(evidence):
        (one,) = comparison.build(evidence)
        new = {"name": "new"} if kind != "exhibit" else {}
        new |= {"tables": ()} if kind != "table" else {"figures": ()}
        return [dataclasses.replace(one, **new)]

    others(again=again)
    records = [*seeds("ues:32", 0.8), *seeds("adass:r", 0.8)]
    with pytest.raises(RecordError, match=f"two {kind}s are called 'comparison-tiny"):
        names_of(records)
