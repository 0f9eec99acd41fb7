"""Table 2: the data sets, published and ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from aesbench.core.record import RunRecord
from aesbench.plugins.exhibit import COUNT, SHARE, Evidence, Exhibit, Table, shown
from aesbench.plugins.paper import Place
from aesbench_methods.adass.paper.published import RELATIVES, TABLE2, TITLE

_COUNTS = ("interactions", "fields", "feature values")


def build(evidence: Evidence) -> list[Exhibit]:
    """Return one exhibit with a row per data set that ran, and per data set of the paper's."""
    # A failed run may not know its fields.
    known_first = evidence.runs.sort_values("allocation", key=pd.isna, kind="stable")
    first = known_first.drop_duplicates("dataset")
    runs = dict(zip(first["dataset"], first["record"], strict=True))
    if not runs:
        return []
    # What the paper would call them: data of a user's own are nobody's, whatever their name.
    called = {name: evidence.known(Place(name, "")).dataset for name in runs}
    names = sorted(runs.keys() | (TABLE2.keys() - {*called.values()}))
    called = {name: called.get(name, name) for name in names}
    rows = [{"data set": name} | _ours(runs.get(name)) | _theirs(called[name]) for name in names]
    frame = pd.DataFrame(rows, dtype=object)
    room = _headroom(evidence)
    if room:
        frame["headroom"] = [room.get(name) for name in names]
    frame["data hash"] = [runs[name].spec.data_hash if name in runs else None for name in names]
    theirs = [
        shown(title, "{} (a relative)" if called[name] in RELATIVES else "{}")
        for name, title in zip(names, frame["paper's data set"], strict=True)
    ]
    table = Table(
        name="table2",
        title="Data sets",
        caption=(
            "Feature values include one for unknown values per field, which ours count and the"
            f" {TITLE} paper may not. Positive: share of positive labels over all splits. The"
            " numbers of rows are from the descriptions kept beside the records; those without one"
            " show a dash until 'aesbench run' is given for the data set again."
            + (
                " Headroom: the test AUC that the best allocation gains over the best uniform size,"
                " at most as large as the largest; of several backbones where it is most."
                if room
                else ""
            )
        ),
        frame=frame,
        forms={
            **{start + name: COUNT for name in _COUNTS for start in ("", "paper: ")},
            "positive": SHARE,
            "data hash": "{:.16}",
        },
        texts={"data set": [evidence.title(name) for name in names], "paper's data set": theirs},
    )
    return [
        Exhibit(
            name="table2",
            title="Table 2: data sets",
            claim="",
            findings=_findings(evidence, {name: called[name] for name in runs}),
            tables=(table,),
            runs=[record.spec.run_id for record in runs.values()],
        )
    ]


def _headroom(evidence: Evidence) -> dict[str, str]:
    """Return ``{data set: what there is to gain over its best uniform size}`` where measured.

    With the interval, at the largest budget; of several backbones the one with the most.
    """
    found: dict[str, str] = {}
    for name in {place.dataset for place in evidence.headroom}:
        largest = [
            own.budgets[-1]
            for place, own in evidence.headroom.items()
            if place.dataset == name and own.budgets and own.budgets[-1].exists
        ]
        most = max(largest, key=lambda budget: budget.mean, default=None)
        found[name] = (
            "none" if most is None else f"{most.mean:+.4f} [{most.low:+.4f}, {most.high:+.4f}]"
        )
    return found


def _ours(record: RunRecord | None) -> dict[str, Any]:
    splits = record.datasheet.get("splits", {}) if record else {}
    allocation = record.allocation if record else None
    dealt = [split["rows"] for split in splits.values()]
    total = sum(dealt)
    positives = sum(split["positives"] for split in splits.values())
    return {
        "interactions": total or None,
        "fields": len(allocation.names) if allocation else None,
        "feature values": allocation.rows if allocation else None,
        "positive": positives / total if total else None,
        "train / validation / test": " / ".join(f"{rows:,}" for rows in dealt) or None,
    }


def _theirs(name: str) -> dict[str, Any]:
    facts = TABLE2.get(RELATIVES[name].theirs if name in RELATIVES else name)
    if facts is None:
        return {}
    numbers = dict(zip(_COUNTS, (facts.interactions, facts.fields, facts.values), strict=True))
    return {"paper's data set": facts.name} | {f"paper: {x}": y for x, y in numbers.items()}


def _findings(evidence: Evidence, called: Mapping[str, str]) -> list[str]:
    """Say what the data sets that ran are to the paper's.

    Args:
        evidence: for titles.
        called: {data set: what the paper would call it}.
    """
    found = []
    for name, known in sorted(called.items()):
        if known in RELATIVES:
            theirs, what = evidence.title(RELATIVES[known].theirs), RELATIVES[known].what
            found.append(
                f"{evidence.title(name)} is a relative of the {TITLE} paper's {theirs}: {what}."
            )
        elif known not in TABLE2:
            found.append(f"{evidence.title(name)} is not in the {TITLE} paper.")
    missing = [facts.name for name, facts in TABLE2.items() if name not in called.values()]
    if missing:
        found.append(f"No run here is on the {TITLE} paper's {', '.join(missing)}.")
    return found
