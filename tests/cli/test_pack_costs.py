"""`aesbench run --pack`: what its runs say of themselves, and what they have no cost for."""

import pytest
from click.testing import CliRunner

from aesbench.cli import cli
from aesbench.core.record import read_records

GRID = (
    *("run", "--methods", "ues:2,ues:4", "--dataset", "planted-tiny", "--seeds", "2"),
    *("--set", "train.epochs=1", "--threads", "1"),
)
NO_COST = "etrained in packs: no cost; run with --pack 1 --force"


@pytest.fixture
def aesbench(tmp_path, cache_dir, monkeypatch):
    """Run the command line in an empty folder and return what it printed, as one line of words."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("AESBENCH_CACHE", str(cache_dir))

    def run(*arguments):
        done = CliRunner().invoke(cli, [*arguments], standalone_mode=False, catch_exceptions=False)
        assert not done.return_value, done.output
        return " ".join(done.stdout.split())

    return run


def test_packs_have_scores_and_no_costs_until_they_are_run_alone(aesbench, tmp_path):
    """Made in packs of two, asked for alone, and then forced to be."""
    assert NO_COST in aesbench(*GRID, "--pack", "2")
    records = list(read_records(tmp_path / "results"))
    assert [r.pack.models for r in records] == [2] * 4 and all(r.metrics for r in records)
    listed = aesbench("records")
    assert f"{NO_COST}: " in listed and "planted-tiny, widedeep: 2 models, width" in listed
    assert NO_COST in aesbench("report")
    page = aesbench("report", "--run", records[0].spec.run_id)
    assert f"retrained in a pack ({records[0].pack})" in page
    again = aesbench(*GRID)
    assert "note: 4 runs that are done were retrained in packs, which has no cost to" in again
    assert "0 run, 4 taken from records" in again and NO_COST in again
    assert "note" not in aesbench(*GRID, "--pack", "2")
    alone = aesbench(*GRID, "--force", "--pack", "1")
    assert "pack" not in alone and "4 run, 0 taken from records" in alone
    assert not any(record.pack for record in read_records(tmp_path / "results"))
