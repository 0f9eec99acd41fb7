"""The probes of the data sets that runs are on, where any were kept."""

from __future__ import annotations

from collections.abc import Mapping

from aesbench.core.probe import Probe
from aesbench.plugins.exhibit import Evidence

RATE_TABLE = "rate table (no model)"
"""What its row is called beside methods, with which it is never ranked or tested."""


def probes(evidence: Evidence) -> Mapping[str, Probe]:
    """Return ``{data set: its probe}``, in the order of the evidence."""
    first = evidence.runs.drop_duplicates("dataset")
    records = zip(first["dataset"], first["record"], strict=True)
    return {name: r.datasheet["probe"] for name, r in records if "probe" in r.datasheet}
