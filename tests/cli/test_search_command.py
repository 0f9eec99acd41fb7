"""`aesbench search`: sizes for one's own data, as a user of the command line meets it."""

import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from aesbench.cli import cli
from aesbench.core.allocation import Allocation
from aesbench.core.record import find_record
from aesbench.errors import ConfigError

PLUGIN = Path(__file__).parents[1] / "plugin_files" / "misbehaving.py"
TOML = """
label = "label"
[rows]
files = ["rows.csv"]
[split]
rule = "order"
[[field]]
name = "shop"
[[field]]
name = "item"
"""


@pytest.fixture
def search(tmp_path, cache_dir, monkeypatch):
    """Run `aesbench search` in an empty folder; a user's mistake is raised."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("AESBENCH_CACHE", str(cache_dir))

    def run(*arguments):
        return CliRunner().invoke(
            cli, ["search", *map(str, arguments)], standalone_mode=False, catch_exceptions=False
        )

    return run


def test_sizes_are_found_for_ones_own_data(search, tmp_path):
    """A TOML file in, a table out, and the sizes as JSON with their picture beside it."""
    lines = [f"{row % 2},s{row % 3},i{row % 7}\n" for row in range(300)]
    (tmp_path / "rows.csv").write_text("label,shop,item\n" + "".join(lines))
    (tmp_path / "mine.toml").write_text(TOML)
    done = search(
        "--method", "random", "--dataset", "mine.toml", "--budget", "0.5", "--out", "my.json"
    )
    assert done.return_value == 0, done.stdout
    found = json.loads((tmp_path / "my.json").read_text())
    allocation = Allocation.from_dict(found["allocation"])
    assert found["dataset"] == "mine" and allocation.names == ("shop", "item")
    assert allocation.rows == 4 + 8  # Each with a row for what is out of vocabulary.
    assert allocation.parameters <= 0.5 * 32 * 12 and found["share_of_ues_32"] <= 0.5
    for words in ("shop", "cardinality", f"{allocation.parameters:,} embedding parameters"):
        assert words in done.stdout
    assert {path.suffix for path in tmp_path.glob("my.*")} == {".json", ".png", ".svg"}


def test_the_command_that_a_search_proposes_works_as_printed(search, tmp_path):
    """With data and results of one's own, in places of one's own."""
    lines = [f"{row % 2},s{row % 3},i{row % 7}\n" for row in range(300)]
    (tmp_path / "my data").mkdir()
    (tmp_path / "my data" / "rows.csv").write_text("label,shop,item\n" + "".join(lines))
    (tmp_path / "my data" / "mine.toml").write_text(TOML)
    done = search(
        "--method", "ues:8", "--dataset", "my data/mine.toml", "--results", "found", "--cache-dir",
        "cache", "--set", "train.epochs=1",
    )  # fmt: skip
    (proposed,) = (line for line in done.stdout.splitlines() if line.startswith("next: "))
    words = shlex.split(proposed.removeprefix("next: "))
    assert words[:2] == ["aesbench", "export"]
    exported = CliRunner().invoke(cli, words[1:], standalone_mode=False, catch_exceptions=False)
    assert exported.exit_code == 0, exported.stdout
    assert list((tmp_path / "found" / "exports").glob("*/*.safetensors"))


def test_a_search_is_a_recorded_run_and_the_second_is_read_from_it(search, tmp_path):
    """Nothing is searched twice; without --out the files lie under the results."""
    arguments = ("--method", "ues:8", "--dataset", "planted-tiny", "--seed", "3")
    first, second = search(*arguments), search(*arguments)
    (path,) = (tmp_path / "results" / "exports").glob("*/allocation.json")
    record = find_record(tmp_path / "results", path.parent.name)
    assert not record.spec.retrain and record.spec.seed == 3
    assert set(record.allocation.dims) == {8}
    assert "taken from its record" in second.stdout
    assert "taken from its record" not in first.stdout
    assert f"aesbench export {path.parent.name[:8]}" in first.stdout


def test_a_search_that_fails_says_why_and_writes_nothing(search, tmp_path):
    """The exit status is 1, as of a grid with failed runs."""
    done = search("--plugin", PLUGIN, "--method", "raising", "--dataset", "planted-tiny")
    assert done.return_value == 1
    assert "a bug in the plugin" in done.stdout
    assert not (tmp_path / "results" / "exports").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--method", "mde"), "name one of mde:value, mde:field"),
        (("--method", "ues:8", "--budget", "0.5"), "'ues' cannot take a budget"),
        (("--method", "mde:field", "--budget", "0"), "budget = 0.0"),
        (("--method", "mde:field", "--out", "sizes.png"), "ends in .json"),
        (("--method", "mdf:field"), "did you mean 'mde'?"),
    ],
)
def test_a_users_mistake_is_named(search, arguments, words):
    """Before anything is searched."""
    with pytest.raises(ConfigError) as caught:
        search(*arguments, "--dataset", "planted-tiny")
    assert words in str(caught.value)


def test_a_field_may_be_left_out(search):
    """With 0 among the candidates, for methods that can; sizes are read as they are written."""
    given = ("--dataset", "planted-tiny", "--out", "small.json")
    done = search("--method", "random", "--candidates", "0,2", *given)
    assert done.return_value == 0, done.stdout
    found = json.loads(Path("small.json").read_text())
    assert found["spec"]["candidates"] == [0, 2]
    assert set(Allocation.from_dict(found["allocation"]).dims) == {0, 2}
    with pytest.raises(ConfigError, match="method 'autodim' cannot: run it without 0"):
        search("--method", "autodim", "--candidates", "0,2", *given)
    for text in ("2,x", "-1,2", "2.5"):
        with pytest.raises(ConfigError, match=f"--candidates {text}: expected sizes"):
            search("--method", "random", "--candidates", text, *given)
