"""Data sets by name, and who provides them."""

import pytest

from aesbench.datasets.source import Source
from aesbench.harness.grid import execute, plan
from aesbench.harness.load_data import find_source, load_dataset
from aesbench.plugins.registry import SOURCES, load_plugin

TOML = """
label = "clicked"

[rows]
files = ["clicks.csv"]

[split]
rule = "random"

[[field]]
name = "user"

[[field]]
name = "item"
"""
PLUGIN = '''
"""{seed}"""
from aesbench.datasets.sources.planted import PlantedTiny


class Mine(PlantedTiny):
    name = "mine-of-{name}"
    title = "Mine"
'''


@pytest.fixture
def toml(tmp_path):
    """Own data in a file called as a registered data set is."""
    rows = [f"u{row % 7},i{row % 5},{int(row % 3 == 0)}" for row in range(300)]
    (tmp_path / "clicks.csv").write_text("\n".join(["user,item,clicked", *rows]))
    path = tmp_path / "avazu.toml"
    path.write_text(TOML)
    return path


def test_own_data_are_provided_by_their_file(toml, tmp_path):
    """In the manifest, and in the record, whose title is theirs, not that of a registered one."""
    data = load_dataset(str(toml), cache_dir=tmp_path / "cache")
    assert data.name == "avazu" and data.manifest["provider"] == "avazu.toml"
    specs = plan(data, ["ues:2"], seeds=[0], settings={"train": {"epochs": "1"}})
    (record,) = execute(specs, data, tmp_path / "results").records
    assert record.providers["dataset"] == "avazu.toml" and record.titles["dataset"] == "avazu"
    assert record.providers["method"].startswith("aesbench ")


def test_ours_have_no_provider_but_the_package(cache_dir):
    """Their prepared data stay what they are: ``FORMAT`` stands for the code."""
    assert find_source("planted-tiny").provider == ""
    assert "provider" not in load_dataset("planted-tiny", cache_dir=cache_dir).manifest


def test_a_changed_source_is_prepared_anew(tmp_path, monkeypatch):
    """The same files and settings by other code may be other data."""
    monkeypatch.setattr(SOURCES, "_from_files", {})
    folders = []
    for seed in range(2):
        path = tmp_path / "mine.py"
        path.write_text(PLUGIN.format(seed=seed, name=tmp_path.name))
        monkeypatch.setattr(SOURCES, "_from_files", {})
        load_plugin(path)
        source = find_source(f"mine-of-{tmp_path.name}")
        assert isinstance(source, Source) and source.provider.startswith("mine.py sha256:")
        data = load_dataset(source.name, cache_dir=tmp_path / "cache")
        assert data.manifest["provider"] == source.provider
        folders.append(data.folder)
    assert len(set(folders)) == 2
