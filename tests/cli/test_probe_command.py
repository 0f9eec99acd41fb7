"""``aesbench data probe``, and what ``data info`` says of it."""

import importlib
import json

import pytest
from click.testing import CliRunner

from aesbench.cli import cli
from aesbench.core.probe import Probe
from aesbench.datasets.probes import probe
from aesbench.errors import ConfigError


@pytest.fixture
def call(cache_dir):
    """Return the function that calls ``aesbench data`` on planted-tiny."""

    def invoke(command, *words):
        words = (command, "planted-tiny", "--cache-dir", str(cache_dir), *map(str, words))
        done = CliRunner().invoke(cli, ["data", *words], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return " ".join(done.output.split())

    return invoke


def test_the_probe_is_printed(call, planted_tiny):
    """Its best tables, those asked for, and twins."""
    text = call("probe", "--fields", "user,query", "--fields", "user")
    best = probe(planted_tiny).best
    assert f"{best.title} {best.validation_auc:.4f} {best.test_auc:.4f}" in text
    assert "asked for user × query" in text and "labels agree" in text
    assert text.startswith(f"planted-tiny {planted_tiny.hash[:16]}")


def test_the_probe_is_kept_beside_the_datasheet(call, planted_tiny, tmp_path):
    """Under the hash of the data; the same bytes each time."""
    text = call("probe", "--results", tmp_path / "kept")
    name = f"planted-tiny-{planted_tiny.hash[:16]}"
    path = tmp_path / "kept" / "datasets" / f"{name}-probe.json"
    assert f"{name}-probe.json" in text.replace(" ", "")
    first = path.read_bytes()
    assert Probe.from_dict(json.loads(first)) == probe(planted_tiny)
    assert (path.parent / f"{name}.json").exists()
    call("probe", "--results", tmp_path / "kept")
    assert path.read_bytes() == first


def test_an_unknown_field_is_told(call, tmp_path):
    """Before the probe is made, and nothing is kept."""
    results = tmp_path / "kept"
    with pytest.raises(ConfigError, match="has no field 'usr'; did you mean 'user'?"):
        call("probe", "--fields", "usr", "--results", results)
    assert not results.exists()


def test_info_shows_the_probe_or_points_to_it(call, monkeypatch):
    """It shows what takes a moment."""
    assert "best pair query × category" in call("info")
    monkeypatch.setattr(importlib.import_module("aesbench.cli.data"), "_MOST_AT_ONCE", 10)
    text = call("info")
    assert "best pair" not in text and "aesbench data probe planted-tiny" in text
