"""`aesbench data sketch`, as a user of the command line meets it."""

import shlex

import pytest
from click.testing import CliRunner

from aesbench.cli import cli
from aesbench.errors import ConfigError


@pytest.fixture
def call(tmp_path, cache_dir, monkeypatch):
    """Run `aesbench` in an empty folder; a user's mistake is raised."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("AESBENCH_CACHE", str(cache_dir))
    monkeypatch.delenv("AESBENCH_DATA", raising=False)

    def run(*arguments):
        return CliRunner().invoke(
            cli, [*map(str, arguments)], standalone_mode=False, catch_exceptions=False
        )

    return run


def write_clicks(path):
    """Write a click log of 600 rows."""
    lines = [f"{row * row % 7 % 2},s{row % 3},i{row % 11},u{row % 60}\n" for row in range(600)]
    path.write_text("clicked,shop,item,user\n" + "".join(lines))


def test_from_a_file_to_sizes_in_the_commands_that_are_shown(call, tmp_path):
    """Sketch, info, search: nothing is edited between them."""
    write_clicks(tmp_path / "clicks.csv")
    done = call("data", "sketch", "clicks.csv", "--label", "clicked")
    for words in ("written: clicks.toml", "label: clicked", "fields (3): shop, item, user"):
        assert words in done.stdout
    (proposed,) = (line for line in done.stdout.splitlines() if line.startswith("next: "))
    info, search = (part.strip() for part in proposed.removeprefix("next: ").split(", then "))
    assert call(*shlex.split(info)[1:]).exit_code == 0
    found = call(*shlex.split(search)[1:], "--set", "train.epochs=1", "--set", "adass.epochs=1")
    assert found.return_value == 0, found.stdout
    assert "embedding parameters" in found.stdout


def test_the_file_lies_where_it_is_asked_to_and_nothing_is_lost(call, tmp_path):
    """Paths are relative to it; what exists is written over only if told so."""
    (tmp_path / "data").mkdir()
    write_clicks(tmp_path / "data" / "clicks.csv")
    arguments = ("data", "sketch", "data/clicks.csv", "--label", "clicked", "--output", "mine.toml")
    call(*arguments)
    assert 'files = ["data/clicks.csv"]' in (tmp_path / "mine.toml").read_text()
    (tmp_path / "mine.toml").write_text("edited")
    with pytest.raises(ConfigError, match="mine.toml exists already; .*--output.*--force"):
        call(*arguments)
    assert (tmp_path / "mine.toml").read_text() == "edited"
    call(*arguments, "--force")
    assert "label" in (tmp_path / "mine.toml").read_text()


@pytest.mark.parametrize(
    ("output", "message"), [("mine.txt", "ends in .toml"), ("no/mine.toml", "no folder no")]
)
def test_an_output_that_cannot_be_is_an_error(call, tmp_path, output, message):
    """Before anything is read."""
    with pytest.raises(ConfigError, match=message):
        call("data", "sketch", "clicks.csv", "--label", "clicked", "--output", output)


def test_names_and_separators_are_given_as_text(call, tmp_path):
    """A tab as a shell takes it; a train file names the data set after its folder."""
    (tmp_path / "log").mkdir()
    rows = "".join(f"u{n % 30}\ti{n % 7}\t{n * n % 7 % 2}\n" for n in range(400))
    (tmp_path / "log" / "train.txt").write_text(rows)
    call(
        "data", "sketch", "log/train.txt", "--columns", "user, item,clicked", "--separator", r"\t",
        "--label", "clicked",
    )  # fmt: skip
    text = (tmp_path / "log.toml").read_text()
    assert r'separator = "\t"' in text and 'columns = ["user", "item", "clicked"]' in text
