"""An allocation as a JSON file: the sizes, and all that tells where they come from.

The masks of one that has any are an ``.npz`` file beside it.
"""

from __future__ import annotations

from typing import Any

from aesbench.core.allocation import Allocation
from aesbench.core.files import to_json
from aesbench.core.mask_file import masks_file
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


def allocation_files(record: RunRecord, name: str = "allocation") -> dict[str, bytes]:
    """Return ``{file: its content}``: the JSON, and the masks where there are any.

    ``Allocation.from_dict(json.loads(text)["allocation"])`` reads the first back, and
    ``aesbench.core.mask_file.read_masks(path, allocation)`` the second.

    Args:
        record: of the run, its masks with their values (``with_masks``).
        name: of the files, without what they end in.

    Raises:
        AllocationError: a mask's values are not at hand.
        RecordError: the run has no allocation.
    """
    allocation = found_allocation(record)
    masks = {f"{name}.npz": masks_file(allocation)} if allocation.masks else {}
    return {f"{name}.json": _json(record, allocation, next(iter(masks), None)).encode(), **masks}


def _json(record: RunRecord, allocation: Allocation, masks: str | None) -> str:
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
        **(
            {
                "index_bytes": allocation.index_bytes,
                "unmasked_parameters": allocation.dense_parameters,
                "masks": masks,
            }
            if masks
            else {}
        ),
        "allocation": allocation.to_dict(),
        **({"ties": dict(record.ties)} if record.ties else {}),
    }
    return to_json(document) + "\n"


def share_of_reference(allocation: Allocation) -> float:
    """Return the embedding parameters as a share of those of UES-32, as budgets count them."""
    return allocation.memory_parameters / (REFERENCE_DIM * allocation.rows)
