"""Plugins are found by entry point or by file, and a wrong one is named."""

import pytest

from aesbench.errors import ConfigError
from aesbench.registry import BACKBONES, METHODS, SOURCES, load_plugin

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
    ("registry", "name", "words"),
    [
        (METHODS, "uess", "unknown method 'uess'; did you mean 'ues'? Run 'aesbench list methods'"),
        (SOURCES, "ml100", "unknown dataset 'ml100'; did you mean 'ml100k'?"),
        (BACKBONES, "zzz", "unknown backbone 'zzz'. Run"),
    ],
)
def test_an_unknown_name_suggests_the_nearest(registry, name, words):
    """The error names the command that lists them and how a new plugin gets in."""
    with pytest.raises(ConfigError) as caught:
        registry.get(name)
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
