"""A sealed data set: it can be prepared and shown, and no method runs on it."""

import dataclasses

import pytest
from click.testing import CliRunner

from aesbench.cli import cli
from aesbench.core.allocation import Allocation
from aesbench.datasets.source import Source
from aesbench.datasets.sources.lastfm_tags import LastfmTags
from aesbench.datasets.sources.planted import PlantedTiny
from aesbench.errors import ConfigError
from aesbench.export.model import export_model
from aesbench.harness.grid import plan
from aesbench.harness.studies import Options, choose_studies, plan_studies
from aesbench.plugins.registry import SOURCES

WHY = "data set 'planted-tiny' is sealed: until it rains;"


@pytest.fixture
def sealed(planted_tiny, monkeypatch):
    """A prepared data set that was sealed."""
    monkeypatch.setattr(PlantedTiny, "sealed", "until it rains")
    return planted_tiny


def test_only_what_is_said_to_be_is_sealed():
    """Of all registered data sets, one; its reason says until when."""
    assert [name for name in SOURCES.names() if SOURCES.get(name).sealed] == ["lastfm-tags"]
    assert Source.sealed == ""
    assert "until the study of Pareto fronts opens it, once" in LastfmTags.sealed


def test_nothing_is_planned(sealed):
    """Neither runs nor studies."""
    with pytest.raises(ConfigError, match=WHY):
        plan(sealed, ["ues:2"])
    with pytest.raises(ConfigError, match=WHY):
        plan_studies(choose_studies(["table3"], sealed), sealed, Options())


def test_a_run_made_elsewhere_is_not_trained_again(planted_tiny, monkeypatch, make_record):
    """Export retrains from a record, and is refused likewise."""
    spec = plan(planted_tiny, ["ues:2"], seeds=[0])[0]
    sizes = Allocation.uniform(planted_tiny.fields, 2)
    record = dataclasses.replace(make_record(), spec=spec, allocation=sizes)
    monkeypatch.setattr(PlantedTiny, "sealed", "until it rains")
    with pytest.raises(ConfigError, match=WHY):
        export_model(record, planted_tiny, progress=lambda *told: None)


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--methods", "ues:2", "--seeds", "1"],
        ["run", "--methods", "random", "--seeds", "1", "--search-only"],
        ["search", "--method", "ues:2"],
        ["tune", "--methods", "sseds", "--trials", "1"],
        ["reproduce", "table3"],
        ["reproduce", "table3", "--dry-run"],
    ],
)
def test_commands_say_why(sealed, cache_dir, tmp_path, words):
    """Every command that would run a method tells the reason and writes no record."""
    where = ["--results", str(tmp_path), "--cache-dir", str(cache_dir)]
    done = CliRunner().invoke(cli, [*words, "--dataset", "planted-tiny", *where])
    assert isinstance(done.exception, ConfigError) and "until it rains" in str(done.exception)
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("command", ["prepare", "info", "verify"])
def test_the_data_can_be_looked_at(sealed, cache_dir, command):
    """``aesbench data`` works as ever."""
    done = CliRunner().invoke(cli, ["data", command, "planted-tiny", "--cache-dir", str(cache_dir)])
    assert done.exit_code == 0, done.output


def test_a_list_tells_it_from_the_others(sealed):
    """By its title; the others have theirs as they are."""
    shown = CliRunner().invoke(
        cli, ["list", "datasets"], standalone_mode=False, catch_exceptions=False
    )
    text = " ".join(shown.output.split())
    assert text.count("(sealed)") == 2, "planted-tiny here, and lastfm-tags"
