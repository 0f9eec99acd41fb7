"""Runs as tables: what stands in a line, and that names stay as they are."""

import dataclasses
import io

import pytest
from rich.console import Console

from aesbench.core.record import RunRecord
from aesbench.terminal.run_tables import runs_table, searches_table


def lines_of(table, width=120) -> list[str]:
    """What a terminal of some width shows of a table, without empty lines."""
    console = Console(width=width, file=io.StringIO())
    console.print(table)
    return [line for line in console.file.getvalue().splitlines() if line.strip()]


@pytest.fixture
def make_searched(make_record):
    """Return the function that makes the record of a run that retrained nothing."""

    def make(seed=0, dims=(8, 8)) -> RunRecord:
        return make_record("ues:32+search-only", seed, dims=dims, retrain=False)

    return make


def failed(record) -> RunRecord:
    """The record of the same run, had it failed in its search."""
    error = {"type": "ValueError", "message": "a bug", "phase": "search", "traceback": ""}
    return RunRecord(spec=record.spec, status="failed", error=error)


def test_searches_are_counted_by_what_they_found(make_searched):
    """Three searches, two allocations; a failed one is counted apart."""
    records = [make_searched(), make_searched(1), make_searched(2, (16, 8))]
    table = searches_table([*records, failed(make_searched(3))])
    (line,) = (line for line in lines_of(table) if "search-only" in line)
    assert line.split()[3:] == ["3", "(+1", "failed)", "2", "960", "to", "1,760"]


def test_runs_are_listed_with_their_ids(make_record, make_searched):
    """Every run has a line with its id and its AUC, or what became of it."""
    everything = [make_record(auc=0.7), failed(make_record("mde")), make_searched()]
    lines = {line.split()[0]: line for line in lines_of(runs_table(everything))}
    for record in everything:
        assert record.spec.label in lines[record.spec.run_id]
    ends = [lines[record.spec.run_id].split()[-1] for record in everything]
    assert ends == ["0.7000", "failed", "only"]


def test_a_label_is_broken_before_an_id_or_a_number(make_record):
    """At 80 columns the id, which is to be copied, and the AUC stand whole."""
    long = make_record("mde:value[alpha=0.3,base_dim=16,blocks=8,threshold=400]+transform")
    record = dataclasses.replace(long, spec=dataclasses.replace(long.spec, dataset="ml1m-static"))
    lines = lines_of(runs_table([record]), width=80)
    (line,) = (line for line in lines if record.spec.run_id in line)
    assert "ml1m-static" in line and line.split()[-1] == "0.7500"
    assert max(map(len, lines)) <= 80 and len(lines) > 3
