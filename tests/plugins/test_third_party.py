"""A method in a package of its own: built, installed beside aesbench, and run, as anybody's is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import aesbench

ROOT = Path(__file__).resolve().parents[2]
DIMGROW = ROOT / "examples" / "plugins" / "dimgrow"
SAMPLE = Path(os.environ.get("AESBENCH_DATA", "")) / "samples" / "ml-1m"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder into which DimGrow's wheel, built from a copy of its source, is installed."""
    folder = tmp_path_factory.mktemp("third-party")
    source = folder / "source"
    kept = ("pyproject.toml", "README.md", "aesbench_dimgrow")
    for path in (one for name in kept for one in [DIMGROW / name, *(DIMGROW / name).rglob("*.py")]):
        if path.is_file():  # Nothing is built inside the checkout.
            copy = source / path.relative_to(DIMGROW)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-index", "--no-build-isolation"]
    built = [*pip, "wheel", *offline, "--wheel-dir", folder, source]
    done = subprocess.run([*map(str, built)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("aesbench_dimgrow-*.whl")
    target = folder / "installed"
    into = [*pip, "install", "--no-deps", "--no-index", "--target", target, wheel]
    done = subprocess.run([*map(str, into)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


@pytest.fixture
def outside(installed, cache_dir, tmp_path):
    """Run Python in a folder of its own, where both packages are installed."""
    homes = [str(installed), str(Path(aesbench.__file__).parents[1]), *sys.path]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, homes)),
        "AESBENCH_CACHE": str(cache_dir),
        "COLUMNS": "120",
    }

    def call(*arguments):
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            capture_output=True, text=True, cwd=tmp_path, env=environment,
        )  # fmt: skip

    return call


def test_it_is_found_by_its_entry_point(outside):
    """Listed with its package and version beside our own methods."""
    done = outside("-m", "aesbench", "list", "methods")
    assert done.returncode == 0, done.stderr
    (line,) = (line for line in done.stdout.splitlines() if "dimgrow" in line)
    assert "aesbench-dimgrow 0.1.0" in line


def test_it_runs_and_is_recorded_as_its_own_packages(outside, tmp_path):
    """A search, a retraining, and a record that says who provides the method."""
    done = outside(
        "-m", "aesbench", "run", "--methods", "dimgrow", "--dataset", "planted-tiny",
        "--seeds", "1", "--set", "dimgrow.epochs=2", "--set", "train.epochs=1", "--results", "mine",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = (tmp_path / "mine" / "records").rglob("*.json")
    record = json.loads(path.read_text())
    assert record["status"] == "ok" and record["titles"]["method"] == "DimGrow"
    assert record["providers"]["method"] == "aesbench-dimgrow 0.1.0"
    assert all(dim <= 16 for ((_, dim),) in record["allocation"].values())


def test_its_own_tests_pass(outside):
    """The contract and each mechanism, with no more than what is installed."""
    tests = DIMGROW / "tests"
    done = outside(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", DIMGROW / "pyproject.toml",
        "--rootdir", DIMGROW, tests,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.skipif(
    not (SAMPLE / "ratings.dat").is_file(),
    reason="set AESBENCH_DATA to a folder that holds samples/ml-1m with the official files",
)
def test_the_timestamp_of_ml1m_vanishes(outside, tmp_path):
    """As in the public results, where it is a field, nearly every row has its own."""
    done = outside(
        "-m", "aesbench", "run", "--methods", "dimgrow", "--dataset", DIMGROW / "ml1m.toml",
        "--data-dir", SAMPLE, "--seeds", "1", "--search-only", "--results", "mine",
        "--set", "widedeep.hidden=32,16", "--set", "widedeep.batch_norm=true",
        "--set", "widedeep.dropout=0.2",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = (tmp_path / "mine" / "records").rglob("*.json")
    found = json.loads(path.read_text())["allocation"]
    dims = {name: dim for name, ((_, dim),) in found.items()}
    assert dims["timestamp"] == 0 and dims["movie"] > 0, dims
