"""The documentation says what is so: its commands exist, its examples run."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from aesbench.cli import cli
from aesbench.conformance import CHECKS
from aesbench.registry import METHODS, SOURCES, load_plugin

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
CLUSTER = (ROOT / "docs" / "cluster.md").read_text()


def shown_commands():
    """Every aesbench command line of the documentation, with comments cut off."""
    names = "|".join(cli.commands)
    lines = re.findall(rf"aesbench ((?:{names})\b[^`\n#]*)", README + CONTRIBUTING + CLUSTER)
    shown = [line.split("&&")[0].split() for line in lines]
    return [words for words in shown if len(words) > 1]  # Prose names commands without options.


@pytest.mark.parametrize("words", shown_commands(), ids=" ".join)
def test_every_command_shown_parses(words):
    """Commands and options in the documentation are those of the command line."""
    command: click.Command = cli
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    command.make_context("aesbench", words)


def test_every_command_is_documented():
    """A command that the README does not show does not exist for its users."""
    for name in cli.commands:
        assert f"aesbench {name}" in README, name


@pytest.mark.parametrize("registry", [METHODS, SOURCES], ids=lambda r: r.kind)
def test_every_method_and_data_set_is_documented(registry):
    """Each has a row in a table of the README."""
    for name in registry.names():
        if registry.provider(name).startswith("aesbench "):
            assert f"| `{name}` |" in README, name


def test_the_method_of_contributing_keeps_the_contract(tmp_path):
    """The file that CONTRIBUTING shows loads as a plugin and passes every check."""
    (code,) = re.findall(r"```python\n(# my_method.py\n.*?)```", CONTRIBUTING, re.DOTALL)
    path = tmp_path / "my_method.py"
    path.write_text(code)
    load_plugin(path)
    for check in CHECKS:
        check(METHODS.get("logsize"), "")


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
