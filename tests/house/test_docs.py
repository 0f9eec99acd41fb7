"""The documentation says what is so: its commands exist, its examples run."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from aesbench.cli import cli
from aesbench.core.frame import COLUMNS
from aesbench.core.record import write_record
from aesbench.plugins.registry import METHODS, SOURCES

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
PAGES = sorted(page for part in ("", "docs", "results") for page in (ROOT / part).glob("*.md"))


def shown_commands():
    """Every aesbench command line of the documentation, with comments cut off."""
    names = "|".join(cli.commands)
    pages = [page for page in PAGES if page.name != "CHANGELOG.md"]  # It has N for a number.
    text = "\n".join(page.read_text() for page in pages).replace("\\\n", " ")
    lines = re.findall(rf"aesbench ((?:{names})\b[^`\n#]*)", text)
    shown = [line.split("&&")[0].split() for line in lines]
    return [words for words in shown if len(words) > 1]  # Prose names commands without options.


@pytest.mark.parametrize("words", shown_commands(), ids=" ".join)
def test_every_command_shown_parses(words):
    """Commands and options in the documentation are those of the command line."""
    command: click.Command = cli
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    command.make_context("aesbench", words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    """Files that a page links to or shows are there, and so are the headings of its own anchors."""
    text = page.read_text()
    headings = re.findall(r"^#+ (.*)", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for link in re.findall(r"\]\(((?!https?:)[^)\s]+)\)", text):
        file, _, anchor = link.partition("#")
        assert (page.parent / file).exists(), link
        assert file or anchor in anchors, link


def test_every_command_is_documented():
    """A command that the README does not show does not exist for its users."""
    for name in cli.commands:
        assert f"aesbench {name}" in README, name


def test_the_columns_of_the_frame_are_documented():
    """Each with what it holds, in their order."""
    shown = re.findall(r"^\| `(\w+)` \| (.*) \|$", (ROOT / "docs/records.md").read_text(), re.M)
    assert shown == list(COLUMNS.items())


@pytest.mark.parametrize("registry", [METHODS, SOURCES], ids=lambda r: r.kind)
def test_every_method_and_data_set_is_documented(registry):
    """Each has a row in a table of the README."""
    for name in registry.names():
        if registry.provider(name).startswith("aesbench "):
            assert f"| `{name}` |" in README, name


def cells(markdown):
    """The rows of the first table, each {column: cell}."""
    table = re.search(r"(?:^\|.*\n?)+", markdown, re.MULTILINE)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]


def test_the_main_table_is_that_of_the_results():
    """Every cell of the README's is the report's, no method is left out, the figures are there."""
    section = README.split("<!-- main table -->")[1].split("\n## ")[0]
    shown = cells(section)
    made = cells((ROOT / "results" / "tables" / "table3-ml1m-static-widedeep.md").read_text())
    assert [row["method"] for row in shown] == [row["method"] for row in made]
    assert all(row.items() <= whole.items() for row, whole in zip(shown, made, strict=True))
    figures = re.findall(r"!\[.*?\]\((.*?)\)", section)
    assert len(figures) == 2 and all((ROOT / figure).is_file() for figure in figures)


def test_a_method_in_fifteen_minutes(tmp_path, cache_dir):
    """What CONTRIBUTING shows works as it is written: the file, its test, and every command.

    Only the grid is made smaller, and the entry point is put in place without an installation.
    """
    chapter = CONTRIBUTING.split("## A method in fifteen minutes")[1].split("\n## ")[0]
    method, test = re.findall(r"```python\n(.*?)```", chapter, re.DOTALL)
    (tmp_path / "my_method.py").write_text(method)
    (tmp_path / "test_my_method.py").write_text(test)
    lines = re.findall(r"^((?:aesbench|pip) .*?)(?:  +#.*)?$", chapter, re.MULTILINE)
    assert [line.split()[1] for line in lines] == ["check", "run", "new-method", "install", "check"]
    paths = [tmp_path, tmp_path / "logsize"]
    environment = {
        **os.environ,
        "AESBENCH_CACHE": str(cache_dir),
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "OMP_NUM_THREADS": "1",
    }

    def call(*words):
        done = subprocess.run(
            [sys.executable, "-m", *words], cwd=tmp_path, env=environment, capture_output=True,
            text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    printed = []
    for line in lines:
        words = line.replace("--seeds 3", "--seeds 1 --set train.epochs=1").split()
        if words[0] == "pip":
            provide(tmp_path / "logsize")
        else:
            printed.append(call(*words))
    checked, compared, _, checked_package = printed
    assert "ready: logsize" in checked and "ready: logsize" in checked_package
    assert "ues:64" in compared and "logsize" in compared
    # Outside of pytest's own options here, as in a folder of one's own.
    assert "passed" in call("pytest", "-q", "-p", "no:cacheprovider", "test_my_method.py")
    assert "passed" in call("pytest", "-q", "-p", "no:cacheprovider", "logsize")


def provide(folder):
    """Do what installing a package in place does for its entry points."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    facts = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (facts / "entry_points.txt").write_text("\n".join(lines) + "\n")


def test_the_python_examples_of_comparisons_run(tmp_path, make_record, monkeypatch, capsys):
    """Each block of the page, in its order, on folders such as it names."""
    for folder, label, auc in (
        ("mine", "ues:32", 0.75), ("mine", "ues:8", 0.74), ("theirs", "ues:32", 0.76),
        ("shards/1", "ues:2", 0.7), ("shards/2", "ues:64", 0.7),
    ):  # fmt: skip
        for seed in range(3):
            write_record(tmp_path / folder, make_record(label, seed, auc=auc + seed / 1000))
    monkeypatch.chdir(tmp_path)
    codes = re.findall(r"```python\n(.*?)```", (ROOT / "docs/compare.md").read_text(), re.DOTALL)
    assert len(codes) == 2
    for code in codes:
        exec(code, {})
    printed = capsys.readouterr().out
    assert "beyond" in printed and "6 0" in printed and "mde" not in printed
    assert {"ues:2", "ues:8", "ues:64"} <= set(printed.split())


def test_the_python_example_of_the_readme_runs(tmp_path, cache_dir, monkeypatch):
    """Its text, on the small data set, prints a mean for each method."""
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    path = tmp_path / "example.py"
    path.write_text(code.replace('"planted"', '"planted-tiny"').replace("range(3)", "range(1)"))
    monkeypatch.setenv("AESBENCH_CACHE", str(cache_dir))
    done = subprocess.run(
        [sys.executable, str(path)], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in ("ues:8", "ues:32", "mde:value", "mde:field"))
