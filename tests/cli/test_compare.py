"""Two results folders compared by the command line: real runs, edited numbers, exit statuses."""

import json
import os
import subprocess
import sys

import pytest

from aesbench.core.record import record_files


@pytest.fixture(scope="module")
def folder(tmp_path_factory, cache_dir):
    """A folder in which `mine` and `theirs` hold the same four runs, made twice."""
    here = tmp_path_factory.mktemp("compare")
    for results in ("mine", "theirs"):
        done = call(
            here, cache_dir, "run", "--dataset", "planted-tiny", "--methods", "ues:2,ues:8",
            "--seeds", "2", "--set", "train.epochs=1", "--threads", "1", "--results", results,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    return here


def call(here, cache_dir, *arguments):
    """Run the command line in a terminal of 80 columns; return the finished process."""
    done = subprocess.run(
        [sys.executable, "-m", "aesbench", *arguments], cwd=here, capture_output=True, text=True,
        env={**os.environ, "AESBENCH_CACHE": str(cache_dir), "COLUMNS": "80"}, timeout=300,
    )  # fmt: skip
    assert "Traceback" not in done.stdout + done.stderr
    return done


@pytest.fixture
def compare(folder, cache_dir):
    """Return the function that compares two folders."""
    return lambda *arguments: call(folder, cache_dir, "compare", *arguments)


def test_runs_made_twice_are_equal(compare):
    """To the last bit, on one machine."""
    done = compare("mine", "theirs")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 runs are in both: 4 equal to the last bit" in done.stdout
    assert "nothing differs beyond noise" in done.stdout


@pytest.fixture
def edited(folder):
    """The id of a run whose test AUC in `theirs` is .01 higher while the test lasts."""
    path = record_files(folder / "theirs")[0]
    before = path.read_text()
    data = json.loads(before)
    data["metrics"]["test"]["auc"] += 0.01
    path.write_text(json.dumps(data))
    yield path.stem
    path.write_text(before)


def test_an_edited_metric_is_found(compare, edited):
    """It stands at the top, the exit status is 1, and a line fits the terminal."""
    done = compare("mine", "theirs")
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = (line for line in done.stdout.splitlines() if edited[:8] in line)
    assert "−0.0100" in line and "20.00" in line
    assert "they differ: 1 runs beyond noise" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert compare("mine", "theirs", "--tolerance", "0.02").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("mine", "nowhere"), "nowhere holds no records"),
        (("mine", "mine"), "are one folder"),
        (("mine", "theirs", "--tolerance", "-1"), "tolerance = -1.0: expected a number"),
    ],
)
def test_a_wrong_folder_is_an_error_that_helps(compare, arguments, words):
    """Exit status 2, so that nobody takes it for a difference."""
    done = compare(*arguments)
    assert done.returncode == 2 and words in " ".join(done.stderr.split())
