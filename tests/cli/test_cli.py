"""The command line as a user meets it: real processes, real exit statuses."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aesbench.core.record import read_records

PLUGIN = Path(__file__).parents[1] / "plugin_files" / "misbehaving.py"
SUPERNET = PLUGIN.with_name("supernet.py")
UES = ("run", "--methods", "ues")


@pytest.fixture
def aesbench(tmp_path, cache_dir):
    """Run the command line in an empty folder; return the finished process."""

    def run(*arguments, check=None):
        done = subprocess.run(
            command(*arguments), cwd=tmp_path, env=environment(cache_dir), capture_output=True,
            text=True, timeout=300,
        )  # fmt: skip
        if check is not None:
            assert done.returncode == check, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        return done

    return run


def command(*arguments):
    """The command line of this interpreter's aesbench."""
    return [sys.executable, "-m", "aesbench", *map(str, arguments)]


def environment(cache_dir):
    """The environment with the tests' cache, wide output and no raw data."""
    inherited = {k: v for k, v in os.environ.items() if k != "AESBENCH_DATA"}
    return {**inherited, "AESBENCH_CACHE": str(cache_dir), "COLUMNS": "160"}


def test_run_prints_a_comparison_and_report_repeats_it(aesbench, tmp_path):
    """One command runs, records and compares; another writes the tables from the records."""
    arguments = ("run", "--methods", "ues:2,ues:8", "--dataset", "planted-tiny", "--seeds", "2")
    ran = aesbench(*arguments, "--set", "train.epochs=1", check=0)
    assert "4 run, 0 taken from records, 0 failed" in ran.stdout
    assert "ues:2" in ran.stdout and "ues:8" in ran.stdout
    again = aesbench(*arguments, "--set", "train.epochs=1", check=0)
    assert "0 run, 4 taken from records, 0 failed" in again.stdout
    aesbench("report", check=0)
    frame = pd.read_csv(tmp_path / "results" / "tables" / "overall.csv")
    assert list(frame.columns) == [
        "dataset", "backbone", "method", "n", "auc_mean", "auc_std", "auc_low", "auc_high",
        "logloss_mean", "logloss_std", "embedding_params", "param_reduction", "flops", "search_s",
        "retrain_s",
    ]  # fmt: skip
    records = list(read_records(tmp_path / "results"))
    for row in frame.itertuples():
        aucs = [r.metrics["test"]["auc"] for r in records if r.spec.label == row.method]
        assert row.n == 2 and row.auc_mean == pytest.approx(np.mean(aucs), abs=1e-12)
    for name in ("overall.md", "overall.tex"):
        assert "ues:8" in (tmp_path / "results" / "tables" / name).read_text()
    choice = ("--methods", "best-ues,ues:32", "--columns", "auc,params", "--baseline", "best-ues")
    shown = aesbench("report", "--latex", "paper/t.tex", *choice, check=0).stdout
    assert shown == "written: paper/t.tex\n"
    rows = (tmp_path / "paper" / "t.tex").read_text().partition("\\midrule")[2].splitlines()
    assert rows[1].startswith(r"Best UES & \textbf{.")
    assert rows[2] == r"UES-32 & -- & -- \\"


def test_searches_can_be_repeated_without_retraining_and_one_be_looked_at(aesbench, tmp_path):
    """`--searches 2 --search-only` records what is found; `report --run` shows and draws why."""
    arguments = ("run", "--plugin", SUPERNET, "--methods", "supernet", "--dataset", "planted-tiny")
    ran = aesbench(*arguments, "--seeds", "1", "--searches", "2", "--search-only", check=0)
    assert "2/2 supernet+search-only widedeep seed 0 search 1: " in ran.stdout
    assert "different allocations" in ran.stdout and "AUC" not in ran.stdout
    assert "only searches" in aesbench("report", check=2).stderr
    listed = aesbench("list", "runs", check=0).stdout
    ids = [path.stem for path in (tmp_path / "results" / "records").rglob("*.json")]
    assert len(ids) == 2 and all(run_id in listed for run_id in ids)
    shown = aesbench("report", "--run", ids[0][:8], "--pdf", check=0).stdout
    assert "searched only" in shown and "cardinality" in shown
    assert "Change of the objective if only this field had that size" in shown
    folder = tmp_path / "results" / "runs" / ids[0]
    found = {path.name for path in folder.iterdir()}
    assert found == {"trace.png", "trace.svg", "trace.pdf", "trace.csv"}


def test_the_comparison_is_of_what_was_run(aesbench, tmp_path):
    """Given sizes, any uniform size, changed settings, budgets: none is missing, none is a dash."""
    ran = aesbench(
        "run", "--dataset", "planted-tiny", "--methods", "fixed:2-2-2-64-64,random,ues:5,mde:field",
        "--budget", "0.5", "--set", "mde.alpha=0.2", "--set", "train.epochs=1", "--seeds", "2",
        check=0,
    )  # fmt: skip
    aesbench("report", check=0)
    table = tmp_path / "results" / "tables" / "comparison-planted-tiny-widedeep.csv"
    found = pd.read_csv(table).set_index("method")
    assert set(found.index) == {
        *("fixed:2-2-2-64-64", "random@0.5", "ues:5", "best-ues", "mde:field[alpha=0.2]@0.5"),
    }
    assert found["AUC"].notna().all() and "mde:field[alpha=0.2]" in ran.stdout
    first = (tmp_path / "results" / "tables" / "overview.md").read_text()
    for name in ("fixed:2-2-2-64-64", "Random sizes @0.5", "MDE (field-wise)"):
        assert name in first
    text = (tmp_path / "results" / "report.html").read_text()
    highest = max(found["AUC"])
    assert f"has the highest mean test AUC of 4 methods, {highest:.4f}" in text
    shown = aesbench("report", "--methods", "random", "--out", "some", check=0).stdout
    assert "mde" not in shown and (tmp_path / "some" / "report.html").is_file()
    for option in ("--methods", "--datasets", "--baseline"):
        assert (
            f"{option} nothing: no record has it"
            in aesbench("report", option, "nothing", check=2).stderr
        )
    assert "unknown paper 'nothing'" in aesbench("report", "--paper", "nothing", check=2).stderr


def test_a_failed_run_shows_in_the_exit_status(aesbench):
    """A grid with a failing plugin ends, reports it, and exits with 1."""
    done = aesbench(
        "run", "--plugin", PLUGIN, "--methods", "raising,ues:2", "--dataset", "planted-tiny",
        "--seeds", "1", "--set", "train.epochs=1", check=1,
    )  # fmt: skip
    assert (
        "failed raising widedeep seed 0: ValueError in search: a bug in the plugin" in done.stdout
    )
    assert "2 run, 0 taken from records, 1 failed" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "--methods", "uess", "--dataset", "planted-tiny"), "did you mean 'ues'?"),
        ((*UES, "--dataset", "plantd"), "did you mean 'planted'?"),
        ((*UES, "--dataset", "planted-tiny", "--seeds", "x"), "--seeds x"),
        ((*UES, "--dataset", "planted-tiny", "--set", "a"), "OWNER.NAME=VALUE"),
        ((*UES, "--dataset", "planted-tiny", "--jobs", "0"), "jobs = 0"),
        ((*UES, "--dataset", "planted-tiny", "--run-timeout", "0"), "run-timeout = 0.0"),
        ((*UES, "--dataset", "nowhere.toml"), "nowhere.toml"),
        ((*UES, "--dataset", "planted-tiny", "--plugin", "no.py"), "no.py"),
        (("report",), "aesbench run"),
        (("report", "--run", "0123"), "aesbench list runs"),
        (("report", "--columns", "auc"), "--latex FILE"),
        (("report", "--latex", "t.tex", "--pdf"), "leave out --pdf"),
        (("report", "--latex", "t.tex"), "aesbench run"),
        (
            (*UES, "--dataset", "planted-tiny", "--inherit"),
            "cannot hand on the weights of a search",
        ),
        ((*UES, "--dataset", "planted-tiny", "--searches", "0"), "searches = 0"),
        ((*UES, "--dataset", "planted-tiny", "--scores", "9"), "cannot score an allocation"),
        (("reproduce", "tabel3", "--dataset", "planted-tiny"), "did you mean 'table3'?"),
        (("reproduce", "table3", "--dataset", "planted-tiny", "--seeds", "x"), "--seeds x"),
        ((*UES, "--dataset", "planted-tiny", "--shard", "0/2"), "--shard 0/2"),
        (("list", "method"), "methods"),
        (("data", "info", "ml1m", "--data-dir", "nowhere"), "nowhere"),
    ],
)
def test_a_users_mistake_gets_one_message_and_status_2(aesbench, arguments, words):
    """No mistake prints a traceback, and each message says what to do."""
    assert words in aesbench(*arguments, check=2).stderr


def test_list_names_what_is_registered(aesbench):
    """`list` shows the methods with provider, presets and settings."""
    out = aesbench("list", "methods", check=0).stdout
    assert "ues" in out and "mde" in out and "aesbench 0." in out and "alpha=0.3" in out


def test_data_info_prints_the_truth_of_planted_data(aesbench):
    """`data info` of generated data shows the Bayes AUC and each field's planted rank."""
    out = aesbench("data", "info", "planted-tiny", check=0).stdout.lower()
    assert "bayes auc" in out and "planted rank" in out


def test_data_verify_finds_a_changed_byte(aesbench, tmp_path, monkeypatch):
    """Data that changed after they were prepared are refused by `verify`."""
    cache = ("--cache-dir", tmp_path / "cache")
    aesbench("data", "verify", "planted-tiny", *cache, check=0)
    (ids,) = (tmp_path / "cache" / "processed").glob("*/test.ids.npy")
    content = bytearray(ids.read_bytes())
    content[-4] ^= 1
    ids.write_bytes(content)
    assert "has changed" in aesbench("data", "verify", "planted-tiny", *cache, check=2).stderr


GRID = ("run", "--methods", "ues:2,ues:8,mde:value", "--dataset", "planted-tiny", "--seeds", "4",
        "--jobs", "2")  # fmt: skip


@pytest.mark.slow
def test_a_grid_killed_ten_times_ends_as_an_undisturbed_one(aesbench, tmp_path, cache_dir):
    """kill -9 at random moments loses only runs in progress: records are whole, bits are equal."""
    aesbench(*GRID, "--results", "undisturbed", check=0)
    moments = np.random.default_rng(0).uniform(2.0, 6.0, size=10)
    for moment in moments:
        process = subprocess.Popen(
            command(*GRID, "--results", "killed"), cwd=tmp_path, env=environment(cache_dir),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for path in (tmp_path / "killed").rglob("*.json"):
            json.loads(path.read_text())
    aesbench(*GRID, "--results", "killed", check=0)
    tables = {}
    for name in ("undisturbed", "killed"):
        records = list(read_records(tmp_path / name))
        assert len(records) == 12 and all(record.ok for record in records)
        tables[name] = {record.spec.run_id: record.metrics for record in records}
    assert tables["undisturbed"] == tables["killed"]


def test_ctrl_c_keeps_what_is_finished_and_ends_the_workers(tmp_path, cache_dir):
    """SIGINT exits with 130 at once, the finished records in place."""
    process = subprocess.Popen(
        command(*GRID, "--set", "train.patience=20"), cwd=tmp_path, env=environment(cache_dir),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    first = process.stdout.readline()  # The first finished run.
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "what was finished is kept" in errors and "Traceback" not in errors
    assert "1/12" in first
    assert 1 <= len(list(read_records(tmp_path / "results"))) < 12


def test_shards_on_two_machines_merge_into_the_grid(aesbench, tmp_path):
    """Two shards in folders of their own, merged, leave nothing to run; a shard can be empty."""
    grid = ("run", "--methods", "ues:2", "--dataset", "planted-tiny", "--seeds", "2",
            "--set", "train.epochs=1")  # fmt: skip
    for number in "123":
        shard = aesbench(*grid, "--shard", f"{number}/3", "--results", f"shards/{number}", check=0)
        assert f"shard {number} of 3: {int(number != '3')} of 2 runs" in shard.stdout
    done = aesbench("merge", "shards/1", "shards/2", "--into", "all", check=0).stdout
    assert "2 records copied, 0 of them in place of failed or packed ones; 0 were there" in done
    again = aesbench(*grid, "--results", "all", check=0)
    assert "0 run, 2 taken from records, 0 failed" in again.stdout
    assert "holds no records" in aesbench("merge", "shards/3", "--into", "all", check=2).stderr
