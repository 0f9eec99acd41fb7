"""Where an exhibit's numbers come from."""

import dataclasses

import pytest

from aesbench.report.evidence import gather
from aesbench.report.page.provenance import provenance


@pytest.fixture
def exhibit(nasty):
    """An exhibit of all runs, made by whatever commands made them."""
    return dataclasses.replace(nasty, reproduce=())


def test_it_names_data_commit_versions_and_hardware(records, make_record, exhibit):
    """Of the exhibit's own records, with counts where they differ."""
    environment = {"git": {"commit": "f00d" * 10, "dirty": True}}
    providers = {"method": "other 1.0", "backbone": "aesbench 0.1.0"}
    other = dataclasses.replace(
        make_record("mine", dataset="ml100k"), environment=environment, providers=providers
    )
    runs = gather([*records, other]).runs
    own = dataclasses.replace(exhibit, runs=(records[0].spec.run_id, other.spec.run_id))
    found = provenance(own, runs)
    facts = dict(found.facts)
    assert found.runs == 2 and len(found.commands) == 1
    assert facts["data"] == "ml100k, hash aaaaaaaaaaaaaaaa"
    assert facts["git commit"] == "c0ffeec0ffee (1 run); f00df00df00d with changes (1 run)"
    assert "torch 2.13.0" in facts["versions"] and "A processor" in facts["hardware"]
    assert facts["plugins of others"] == "other 1.0"


def test_an_exhibit_that_names_no_runs_is_of_all(records, exhibit):
    """It counts them; commands of its own take the place of theirs."""
    runs = gather(records).runs
    assert provenance(exhibit, runs).runs == len(records)
    own = dataclasses.replace(exhibit, reproduce=("aesbench reproduce mine",))
    assert provenance(own, runs).commands == ("aesbench reproduce mine",)


def test_packs_are_named_where_there_are_any(records, packed, exhibit):
    """With how many runs each is of, and those that were alone; else nothing is said."""
    first, *rest = records
    facts = dict(provenance(exhibit, gather([packed(first), *rest]).runs).facts)
    others = f"{len(rest)} run" + "s" * (len(rest) > 1)
    assert facts["retrained"] == f"alone ({others}); in packs of 8 (1 run)"
    assert "retrained" not in dict(provenance(exhibit, gather(records).runs).facts)
