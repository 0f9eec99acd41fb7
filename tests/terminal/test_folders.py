"""What the terminal says of two folders beside the tables."""

import dataclasses
import io

from rich.console import Console

import aesbench
from aesbench.core.record import RunRecord, write_record
from aesbench.terminal.folders import MOST_ROWS, show_comparison


def shown(tmp_path, mine, theirs):
    """What a terminal of 80 columns shows of two folders with these records."""
    for name, records in (("mine", mine), ("theirs", theirs)):
        for record in records:
            write_record(tmp_path / name, record)
    console = Console(width=80, file=io.StringIO())
    show_comparison(console, aesbench.compare(tmp_path / "mine", tmp_path / "theirs"))
    return console.file.getvalue()


def test_the_worst_come_first_and_the_rest_is_counted(tmp_path, make_record):
    """Whatever the order of the runs."""
    mine = [make_record(seed=seed) for seed in range(MOST_ROWS + 3)]
    theirs = [make_record(seed=r.spec.seed, auc=0.75 + 0.001 * (1 + r.spec.seed)) for r in mine]
    text = shown(tmp_path, mine, theirs)
    lines = [line.split() for line in text.splitlines()]
    ids = [words[0] for words in lines if words and words[-1] == "same"]
    assert ids == [record.spec.run_id[:8] for record in mine[::-1][:MOST_ROWS]]
    assert "and 3 more runs, which differ less" in text
    assert f"they differ: {MOST_ROWS + 3} runs beyond noise" in text


def test_what_only_one_holds_or_failed_is_named(tmp_path, make_record):
    """With its methods, the first three of them; environments and other data in words."""
    error = {"type": "E", "message": "m", "phase": "search", "traceback": ""}
    both, other = make_record(), make_record(seed=1)
    failed = RunRecord(spec=other.spec, status="failed", error=error)
    mine = [both, failed, *(make_record(f"ues:{size}") for size in range(1, 6))]
    elsewhere = {**both.environment, "cpu": "Another", "git": {"commit": "f" * 40}}
    theirs = [dataclasses.replace(both, environment=elsewhere), other]
    data = [make_record(dataset="d", data_hash=digit * 64) for digit in "ab"]
    text = shown(tmp_path, [*mine, data[0]], [*theirs, data[1]])
    words = " ".join(text.split())
    assert "1 failed in mine only: ues:32 on tiny, widedeep (1)" in words
    assert "ues:1 on tiny, widedeep (1); ues:2 on tiny, widedeep (1); 3 more methods" in words
    assert "'d' is other data, not compared: aaaaaaaaaaaaaaaa and bbbbbbbbbbbbbbbb" in words
    assert "cpu: A processor in mine, Another in theirs (1 runs)" in words
    assert "git commit: c0ffeec0 in mine, ffffffff in theirs" in words
    assert "they differ: 1 runs that failed in one only" in words
