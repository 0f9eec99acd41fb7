"""An allocation as a JSON file: the sizes, and all that tells where they come from."""

from __future__ import annotations

from typing import Any

from aesbench.core.allocation import Allocation
from aesbench.core.files import to_json
from aesbench.core.record import RunRecord
from aesbench.core.spec import REFERENCE_DIM
from aesbench.errors import RecordError


def found_allocation(record: RunRecord) -> Allocation:
    """Return the sizes that a run found.

    Raises:
        RecordError: it failed before it found any, or was no search.
    """
    if record.allocation is None:
        cause = "found no sizes" if record.error is None else f"failed: {record.error['message']}"
        raise RecordError(f"run {record.spec.run_id} {cause}; choose a run that has sizes")
    return record.allocation


def allocation_json(record: RunRecord) -> str:
    """Return the file: ``Allocation.from_dict(json.loads(text)["allocation"])`` reads it back.

    Raises:
        RecordError: the run has no allocation.
    """
    allocation = found_allocation(record)
    spec, environment = record.spec, record.environment
    document: dict[str, Any] = {
        "run_id": spec.run_id,
        "dataset": spec.dataset,
        "data_hash": spec.data_hash,
        "method": spec.label,
        "backbone": spec.backbone,
        "seed": spec.seed,
        "spec": spec.to_dict(),
        "versions": {
            **{name: environment[name] for name in ("aesbench", "python") if name in environment},
            **environment.get("packages", {}),
        },
        "parameters": allocation.parameters,
        "share_of_ues_32": share_of_reference(allocation),
        "allocation": allocation.to_dict(),
        **({"ties": dict(record.ties)} if record.ties else {}),
    }
    return to_json(document) + "\n"


def share_of_reference(allocation: Allocation) -> float:
    """Return the embedding parameters as a share of those of UES-32, as budgets count them."""
    return allocation.parameters / (REFERENCE_DIM * allocation.rows)
