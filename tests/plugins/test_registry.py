"""Plugins are found by entry point or by file, and a wrong one is named."""

import sys
from importlib.metadata import EntryPoint

import pytest

from aesbench.errors import ConfigError
from aesbench.plugins import registry
from aesbench.plugins.registry import BACKBONES, METHODS, SOURCES, load_plugin

GOOD = """
from dataclasses import dataclass
from aesbench import Allocation, Method

@dataclass(frozen=True)
class Config:
    dim: int = 4

class Mine(Method):
    name = "{name}"
    title = "Mine"
    Config = Config
    def search(self, context, prepared):
        return Allocation.uniform(context.fields, self.config.dim)
"""


@pytest.fixture(autouse=True)
def forget(monkeypatch):
    """What a test registers is gone after it."""
    for kind in registry.REGISTRIES:
        monkeypatch.setattr(kind, "_from_files", dict(kind._from_files))


def write(folder, text, name="plugin.py"):
    """A plugin file with this text."""
    path = folder / name
    path.write_text(text)
    return path


def test_ours_are_registered_like_anybodys():
    """Methods, data sets and backbones come from entry points, with their provider."""
    assert {"ues", "mde"} <= set(METHODS.names())
    assert {"planted", "ml1m", "ml1m-static", "ml100k"} <= set(SOURCES.names())
    assert {"widedeep", "deepfm"} <= set(BACKBONES.names())
    assert METHODS.provider("ues").startswith("aesbench ")


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        (METHODS, "uess", "unknown method 'uess'; did you mean 'ues'? Run 'aesbench list methods'"),
        (SOURCES, "ml100", "unknown dataset 'ml100'; did you mean 'ml100k'?"),
        (BACKBONES, "zzz", "unknown backbone 'zzz'. Run"),
    ],
)
def test_an_unknown_name_suggests_the_nearest(kind, name, words):
    """The error names the command that lists them and how a new plugin gets in."""
    with pytest.raises(ConfigError) as caught:
        kind.get(name)
    assert words in str(caught.value)


def test_a_plugin_file_registers_its_methods(tmp_path):
    """Loading it twice, as parent and worker do, is loading it once."""
    path = write(tmp_path, GOOD.format(name="mine-a"))
    load_plugin(path)
    load_plugin(path)
    assert METHODS.get("mine-a").title == "Mine"
    assert METHODS.provider("mine-a").startswith("plugin.py sha256:")
    assert "mine-a" in METHODS.names()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 / 0", "fails when imported: ZeroDivisionError"),
        ("x = 1", "defines no subclass of aesbench.Method"),
        (GOOD.format(name="ues"), "method 'ues' of plugin.py .* is already provided by aesbench"),
        (GOOD.format(name="mine-b").replace("title = ", "caption = "), "'mine-b' lacks 'title'"),
    ],
)
def test_a_bad_plugin_file_is_named_with_its_fault(tmp_path, text, words):
    """The error names the file and what is wrong with it."""
    with pytest.raises(ConfigError, match=words):
        load_plugin(write(tmp_path, text))


def test_two_files_may_not_share_a_name(tmp_path):
    """The second one is refused."""
    load_plugin(write(tmp_path, GOOD.format(name="mine-c"), "one.py"))
    with pytest.raises(ConfigError, match="'mine-c' of two.py .* is already provided by one.py"):
        load_plugin(write(tmp_path, GOOD.format(name="mine-c") + "# other bytes", "two.py"))


def test_a_missing_plugin_file_is_named(tmp_path):
    """The error gives the path."""
    with pytest.raises(ConfigError, match="cannot read the plugin file .*nowhere.py"):
        load_plugin(tmp_path / "nowhere.py")


def test_a_bad_plugin_file_stays_bad(tmp_path):
    """A second attempt in the same process fails like the first one, and leaves nothing behind."""
    for text in ("x = 2", GOOD.format(name="mde"), "raise RuntimeError('no')"):
        path = write(tmp_path, text)
        modules, names = set(sys.modules), METHODS.names()
        messages = []
        for _ in range(2):
            with pytest.raises(ConfigError) as caught:
                load_plugin(path)
            messages.append(str(caught.value))
        assert messages[0] == messages[1]
        assert set(sys.modules) == modules
        assert METHODS.names() == names


def test_what_a_plugin_file_imports_is_not_its_own(tmp_path):
    """Only classes that the file defines are registered, ours that it imports are not."""
    text = "from aesbench_baselines.ues import UES\nfrom aesbench import Source\n"
    with pytest.raises(ConfigError, match="defines no subclass"):
        load_plugin(write(tmp_path, text))
    load_plugin(write(tmp_path, text + GOOD.format(name="mine-d")))
    assert METHODS.provider("ues").startswith("aesbench ")


def test_one_file_may_bring_plugins_of_several_kinds(tmp_path):
    """Methods, data sets and backbones are told apart by their base class."""
    text = GOOD.format(name="mine-e") + (
        "from aesbench import Backbone, Source\n"
        "class Net(Backbone):\n    name = 'net-e'\n    title = 'Net'\n"
        "class Data(Source):\n    name = 'data-e'\n    title = 'Data'\n    Config = Config\n"
        "    def files(self, data_dir, cache): return {}\n"
        "    def build(self, files, writer): pass\n"
    )
    load_plugin(write(tmp_path, text))
    assert METHODS.get("mine-e").name == "mine-e"
    assert BACKBONES.get("net-e").name == "net-e"
    assert SOURCES.get("data-e").name == "data-e"
    assert "net-e" not in METHODS.names() and "mine-e" not in BACKBONES.names()


@pytest.mark.parametrize("name", ["plugin.txt", "folder"])
def test_what_is_no_python_file_is_refused(tmp_path, name):
    """The error names the path."""
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    else:
        path.write_text("x = 3")
    with pytest.raises(ConfigError, match=name):
        load_plugin(path)


@pytest.fixture
def installed(monkeypatch):
    """Pretend that a package with these entry points is installed: {name: value}."""

    def install(*points):
        group = "aesbench.methods"
        found = [EntryPoint(name, value, group) for name, value in points]
        monkeypatch.setattr(registry, "entry_points", lambda group: found)

    return install


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("no_such_module:Mine", "cannot be imported from 'no_such_module:Mine': ModuleNotFound"),
        ("aesbench.plugins.method:NoSuchClass", "cannot be imported from .* AttributeError"),
        ("aesbench.core.record:RunRecord", "must be a subclass of aesbench.Method"),
        ("aesbench.core.metrics:auc", "must be a subclass of aesbench.Method"),
        ("aesbench.plugins.method:Method", "method 'theirs' lacks 'name'"),
    ],
)
def test_an_installed_plugin_that_does_not_work_is_named(installed, value, words):
    """Nothing is imported before it is asked for; then the fault is the plugin's."""
    installed(("theirs", value))
    assert METHODS.names()  # Listing imports nothing.
    with pytest.raises(ConfigError, match=words):
        METHODS.get("theirs")


def test_two_packages_may_not_provide_one_name(installed):
    """Which of them ran would depend on the order of installation."""
    installed(("theirs", "one:Mine"), ("theirs", "two:Mine"))
    with pytest.raises(ConfigError, match="'theirs' is provided twice, by one:Mine and by two"):
        METHODS.get("theirs")
    installed(("theirs", "aesbench_baselines.ues:UES"), ("theirs", "aesbench_baselines.ues:UES"))
    assert METHODS.get("theirs").name == "ues"  # An editable install beside a wheel.
