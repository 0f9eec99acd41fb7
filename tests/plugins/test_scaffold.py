"""A new method's package, and the command that says whether a method is ready."""

import ast
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from aesbench.cli import cli
from aesbench.errors import ConfigError
from aesbench.plugins.registry import METHODS, load_plugin
from aesbench.plugins.scaffold import Scaffold
from aesbench.testing import CHECKS
from aesbench.testing.verdict import check_contract, chosen, place_of

PLUGIN = Path(__file__).parents[1] / "plugin_files" / "misbehaving.py"


def call(*arguments):
    """Run the command line; a user's mistake is raised."""
    return CliRunner().invoke(
        cli, [*map(str, arguments)], standalone_mode=False, catch_exceptions=False
    )


def test_a_package_is_written_whole(tmp_path):
    """Every name in it follows from the method's, and nothing is left to fill in."""
    files = Scaffold("log-size").files()
    assert set(files) == {
        "pyproject.toml", "README.md", "aesbench_log_size/__init__.py",
        "aesbench_log_size/method.py", "tests/test_aesbench_log_size.py",
    }  # fmt: skip
    project = tomllib.loads(files["pyproject.toml"])
    points = project["project"]["entry-points"]["aesbench.methods"]
    assert points == {"log-size": "aesbench_log_size.method:LogSize"}
    assert project["tool"]["setuptools"]["packages"] == ["aesbench_log_size"]
    for path, text in files.items():
        assert "$" not in text, path
        if path.endswith(".py"):
            compile(text, path, "exec")


def test_a_package_imports_public_names_only():
    """What an author needs comes from ``aesbench`` and ``aesbench.testing``."""
    code = [text for path, text in Scaffold("log-size").files().items() if path.endswith(".py")]
    nodes = [node for text in code for node in ast.walk(ast.parse(text))]
    modules = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    ours = {name for name in modules if name.partition(".")[0] == "aesbench"}
    assert ours == {"aesbench", "aesbench.testing"}


@pytest.mark.parametrize("name", ["", "Log", "log_size", "1log", "log--size", "log size", "../x"])
def test_a_name_that_cannot_be_one_is_refused(name):
    """The message shows what can."""
    with pytest.raises(ConfigError, match="as in log-size"):
        Scaffold(name)


def test_a_name_that_is_taken_is_refused():
    """By whom is said."""
    with pytest.raises(ConfigError, match="'ues' is already provided by aesbench "):
        Scaffold("ues")


def test_what_is_there_is_never_written_over(tmp_path, monkeypatch):
    """Neither a folder that holds something nor a file; an empty folder will do."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert "written: empty/README.md" in call("new-method", "other", "--dir", "empty").stdout
    readme = tmp_path / "empty" / "README.md"
    readme.write_text("mine")
    for place in ("empty", "empty/README.md"):
        with pytest.raises(ConfigError, match="already there"):
            Scaffold("other").write(Path(place))
    assert readme.read_text() == "mine"


def test_a_new_method_is_ready_at_once(tmp_path, cache_dir, monkeypatch):
    """Written and checked as it is: every claim holds, it runs, and UES stands beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AESBENCH_CACHE", str(cache_dir))
    call("new-method", "fresh-start")
    plugin = "fresh-start/aesbench_fresh_start/method.py"
    done = call("check", "fresh-start", "--plugin", plugin)
    assert done.return_value == 0
    assert done.stdout.count(" ✓ ") == len(CHECKS) + 2 and "✗" not in done.stdout
    assert "ready: fresh-start keeps the contract" in done.stdout and "ues:16" in done.stdout
    assert not (tmp_path / "results").exists()


def test_a_method_that_fails_is_not_ready(cache_dir, monkeypatch):
    """The status is 1; what it raised is said, and in which line of which file."""
    monkeypatch.setenv("AESBENCH_CACHE", str(cache_dir))
    done = call("check", "raising", "--plugin", PLUGIN)
    assert done.return_value == 1
    line = 1 + PLUGIN.read_text().splitlines().index(
        '        raise ValueError("a bug in the plugin")'
    )
    assert f"ValueError: a bug in the plugin (misbehaving.py, line {line})" in done.stdout
    assert (
        f"✗ raising failed in search: ValueError: a bug in the plugin (misbehaving.py, line {line}"
    )
    assert "not ready: " in done.stdout and "1 of 1 runs failed" in done.stdout


def test_each_check_is_made_of_each_preset():
    """What breaks one rule only fails that one; the claim names the preset."""
    load_plugin(PLUGIN)
    method, presets = chosen("overbudget")
    findings = list(check_contract(method, presets))
    (broken,) = (finding for finding in findings if finding.problem)
    assert "honours budgets keeps to them" in broken.claim
    assert "keep to context.budget" in broken.problem
    method, presets = chosen("mde")
    assert (method, presets) == (METHODS.get("mde"), ("value", "field"))
    claims = [finding.claim for finding in check_contract(*chosen("ues:2"))]
    assert len(claims) == len(CHECKS) and all(claim.endswith("(2)") for claim in claims)


def test_a_wrong_preset_is_refused():
    """Before anything is checked."""
    with pytest.raises(ConfigError, match="fild"):
        chosen("mde:fild")


def test_the_last_place_of_a_traceback_is_named():
    """Where an error came from, without the folders; nothing where nothing is known."""
    text = (
        'Traceback\n  File "/a/first.py", line 3, in f\n    g()\n  File "/b/last.py", line 12, in g'
    )
    assert place_of(text) == " (last.py, line 12)"
    assert place_of("") == ""
