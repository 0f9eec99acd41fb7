"""Table 2: the data sets, published and ours."""

from __future__ import annotations

from collections.abc import Sequence

from aesbench.core.record import RunRecord
from aesbench.report.names import dataset_name
from aesbench.report.page import cells
from aesbench.report.page.exhibit import Cell, Exhibit, TableData
from aesbench.report.published import RELATIVES, TABLE2

_HEADER = (
    *("data set", "interactions", "fields", "feature values", "positive"),
    *("train / validation / test", "paper's data set", "paper: interactions", "paper: fields"),
    *("paper: feature values", "data hash"),
)


def build(records: Sequence[RunRecord]) -> list[Exhibit]:
    """Return one exhibit with a row per data set that ran, and per data set of the paper's."""
    first: dict[str, RunRecord] = {}
    for record in records:
        known = first.get(record.spec.dataset)
        if known is None or known.allocation is None:  # A failed run may not know its fields.
            first[record.spec.dataset] = record
    if not first:
        return []
    rows = [_row(name, first.get(name)) for name in sorted(first.keys() | TABLE2.keys())]
    table = TableData(
        name="table2",
        title="Data sets",
        caption=(
            "Feature values include one for unknown values per field, which ours count and the"
            " paper may not. Positive: share of positive labels over all splits. The numbers of"
            " rows are from the descriptions kept beside the records; those without one show a"
            " dash until 'aesbench run' is given for the data set again."
        ),
        header=_HEADER,
        rows=tuple(rows),
    )
    return [
        Exhibit(
            name="table2",
            title="Table 2: data sets",
            claim="",
            findings=tuple(_findings(first)),
            tables=(table,),
            figures=(),
            runs=tuple(first.values()),
        )
    ]


def _row(name: str, record: RunRecord | None) -> list[Cell]:
    theirs = TABLE2.get(RELATIVES.get(name, (name,))[0])
    is_relative = name in RELATIVES
    line = [Cell(name, dataset_name(name)), *_ours(record)]
    if theirs is None:
        line += [Cell.number(None)] * 4
    else:
        called = f"{theirs.name} (a relative)" if is_relative else theirs.name
        numbers = (theirs.interactions, theirs.fields, theirs.values)
        line += [Cell(theirs.name, called), *(cells.count(number) for number in numbers)]
    data_hash = record.spec.data_hash if record else None
    line.append(Cell.number(None) if data_hash is None else Cell(data_hash, data_hash[:16]))
    return line


def _ours(record: RunRecord | None) -> list[Cell]:
    splits = record.datasheet.get("splits") if record else None
    allocation = record.allocation if record else None
    rows = {name: split["rows"] for name, split in splits.items()} if splits else {}
    total = sum(rows.values())
    positives = sum(split["positives"] for split in splits.values()) if splits else 0
    dealt = " / ".join(f"{count:,}" for count in rows.values())
    return [
        cells.count(total or None),
        cells.count(len(allocation.names) if allocation else None),
        cells.count(allocation.rows if allocation else None),
        cells.share(positives / total if total else None),
        Cell.label(dealt) if rows else Cell.number(None),
    ]


def _findings(first: dict[str, RunRecord]) -> list[str]:
    found = []
    for name in sorted(first):
        theirs, *what = RELATIVES.get(name, (name,))
        if what:
            found.append(
                f"{dataset_name(name)} is a relative of the paper's {dataset_name(theirs)}:"
                f" {what[0]}."
            )
        elif name not in TABLE2:
            found.append(f"{dataset_name(name)} is not in the paper.")
    missing = [facts.name for name, facts in TABLE2.items() if name not in first]
    if missing:
        found.append(f"No run here is on the paper's {', '.join(missing)}.")
    return found
