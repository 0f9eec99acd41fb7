"""`aesbench reproduce` and `aesbench list`: studies of papers, of ours, of a paper in a file."""

import re
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from aesbench.cli import cli
from aesbench.errors import ConfigError
from aesbench.plugins.registry import PAPERS, REGISTRIES

PAPER = Path(__file__).parents[1] / "plugin_files" / "paper.py"
TINY = ("--dataset", "planted-tiny")
QUICK = (*TINY, "--set", "train.epochs=1", "--threads", "1")


@pytest.fixture
def aesbench(tmp_path, cache_dir, monkeypatch):
    """Run the command line in an empty folder and return its output; a user's mistake is raised.

    What plugin files register is forgotten, before and after.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("AESBENCH_CACHE", str(cache_dir))
    for registry in REGISTRIES:
        monkeypatch.setattr(registry, "_from_files", {})
    for name in [name for name in sys.modules if name.startswith("aesbench_plugin_")]:
        monkeypatch.delitem(sys.modules, name)

    def run(*arguments):
        done = CliRunner().invoke(
            cli, [*map(str, arguments)], standalone_mode=False, catch_exceptions=False
        )
        assert not done.return_value, done.output
        return done.stdout

    return run


def rows_of(shown):
    """{first word of a line: the others}, of the rows of a table."""
    lines = (line.split() for line in shown.splitlines())
    return {words[0]: words[1:] for words in lines if words and words[0][0].isalpha()}


TABLE4 = (
    *("reproduce", "table4", *QUICK, "--allocations", "3", "--seeds", "1"),
    *("--supernets", "1", "--set", "adass.epochs=1"),
)


def test_a_plan_is_printed_and_run_and_what_is_drawn_is_said(aesbench, tmp_path):
    """`--dry-run` runs nothing; 10 supernets and 3 stand-alone runs follow, and then none."""
    planned = rows_of(aesbench(*TABLE4, "--dry-run"))
    assert planned["adass/table4"] == ["13", "0", "13", "unknown"]
    assert not (tmp_path / "results").exists()
    ran = aesbench(*TABLE4)
    assert "13 run, 0 taken from records, 0 failed" in ran
    assert "Table 4 (consistency of supernets) from 13 runs" in ran
    again = aesbench(*TABLE4)
    assert rows_of(again)["adass/table4"] == ["13", "13", "0", "about", "0", "s"]
    assert "0 run, 13 taken from records, 0 failed" in again
    aesbench("report")
    frame = pd.read_csv("results/tables/table4-planted-tiny-widedeep.csv", index_col=0)
    row = frame.loc["Indep, Adaptive, epochs=1"]  # Not the paper's.
    assert row["allocations"] == 3 and -1 <= row["AUC: tau"] <= 1
    assert aesbench("list", "runs").count("scores only") == 10


def test_a_search_that_was_also_retrained_counts_as_drawn(aesbench):
    """Figure 4 retrains nothing: seed 0's search is that of a retrained run, seed 1's is made."""
    quick = ("--methods", "autodim", *QUICK, "--backbones", "widedeep")
    aesbench("run", *quick, "--seeds", "1")
    ran = aesbench("reproduce", "fig4", *quick, "--seeds", "2")
    assert "1 run, 1 taken from records, 0 failed" in ran
    assert "from 2 runs" in ran and "missing" not in ran


def test_all_plans_every_study_and_an_owner_its_own(aesbench):
    """Papers' and ours; given together, runs that several need are counted once."""
    quick = (*TINY, "--dry-run", "--seeds", "1", "--allocations", "2", "--searches", "2")
    every = rows_of(aesbench("reproduce", "all", *quick))
    own = rows_of(aesbench("reproduce", "adass/all", *quick))
    assert {"adass/table3", "adass/fig6", "aesbench/matched", "aesbench/planted"} <= every.keys()
    assert own.keys() == every.keys() - {"aesbench/matched", "aesbench/planted"}
    studies = [int(own[name][0]) for name in own if "/" in name]
    assert max(studies) < int(own["together"][0]) < sum(studies)


def test_a_paper_in_a_file_is_listed_and_its_study_planned(aesbench):
    """It enters like an installed one; a name that two papers use asks for more."""
    plugin = ("--plugin", PAPER)
    papers = aesbench("list", "papers", *plugin)
    assert PAPERS.get("adass").title in papers and "aesbench 0." in papers
    for words in ("theirs", "Them: On One Size, 2026", "table3", "paper.py sha256:"):
        assert words in papers
    studies = rows_of(aesbench("list", "studies", *plugin))
    assert {"adass/table3", "theirs/table3", "aesbench/matched"} <= studies.keys()
    assert studies["theirs/table3"][-2:] == ["deepfm", "2"]
    assert "Return no exhibit at all." in aesbench("list", "exhibits", *plugin)
    planned = rows_of(aesbench("reproduce", "theirs/table3", *TINY, *plugin, "--dry-run"))
    assert planned["theirs/table3"][0] == "2"
    with pytest.raises(ConfigError, match="several studies: adass/table3, theirs/table3"):
        aesbench("reproduce", "table3", *TINY, *plugin, "--dry-run")
    with pytest.raises(ConfigError, match="did you mean 'theirs/table3'?"):
        aesbench("reproduce", "theirs/tabel3", *TINY, *plugin)


def test_help_names_no_paper_no_study_and_no_method_of_theirs(aesbench):
    """It says which command lists them."""
    shown = aesbench("reproduce", "--help")
    assert "aesbench list studies" in " ".join(shown.split())
    papers = [PAPERS.get(name) for name in PAPERS.names()]
    names = {study.name for paper in papers for study in paper.studies}
    names |= {word for paper in papers for word in (paper.name, paper.title)}
    assert not names & set(re.findall(r"[\w&]+", shown))
