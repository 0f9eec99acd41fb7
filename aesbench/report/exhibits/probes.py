"""What the data give away without a model: tables of rates, and rows that repeat across a split."""

from __future__ import annotations

from typing import Any

import pandas as pd

from aesbench.core.phrasing import listed
from aesbench.core.probe import MUCH_AUC, Probe
from aesbench.plugins.exhibit import AUC, COUNT, SHARE, Evidence, Exhibit, Table, shown
from aesbench.report.statistics.contenders import BEST, competitions
from aesbench.report.statistics.probes import probes
from aesbench.report.statistics.scores import mean_over_seeds


def build(evidence: Evidence) -> list[Exhibit]:
    """Return one exhibit with a row per data set that has a probe, if any has."""
    found = probes(evidence)
    if not found:
        return []
    frame = pd.DataFrame([_row(name, probe) for name, probe in found.items()], dtype=object)
    runs = evidence.runs
    table = Table(
        name="probes",
        title="Without a model",
        caption=(
            "Rate table: a row scores the share of positives among the train rows with its ids in"
            " two or three fields, smoothed by ten rows of the overall share; the pair and the"
            " triple are chosen on validation. Twins: test rows of which train has one with all"
            " their ids. With the other label: of which train has one with the other label. Labels"
            " agree: how often a twin has the label of most of its copies in train, positives and"
            " negatives weighing the same. Worth: about the AUC that remembering them gains over"
            " the best table. All on the split of the data's hash."
        ),
        frame=frame,
        forms={
            "AUC of the pair": AUC,
            "AUC of the triple": AUC,
            "twins": SHARE,
            "with the other label": SHARE,
            "labels agree": SHARE,
            "worth": AUC,
            "rows looked up": COUNT,
        },
        texts={"data set": [evidence.title(name) for name in found]},
    )
    return [
        Exhibit(
            name="probes",
            title="What the data give away without a model",
            claim="",
            findings=[
                text for name, probe in found.items() for text in _told(evidence, name, probe)
            ],
            tables=(table,),
            runs=list(runs["run_id"][runs["dataset"].isin(list(found))]),
            reproduce=[f"aesbench data probe {_given(evidence, name)}" for name in found],
        )
    ]


def _given(evidence: Evidence, name: str) -> str:
    """Return how a user names a data set: by its file, where one describes it."""
    record = evidence.runs["record"][evidence.runs["dataset"] == name].iloc[0]
    by = str(record.providers.get("dataset", ""))
    return by if by.endswith(".toml") else str(record.spec.dataset)


def _row(name: str, probe: Probe) -> dict[str, Any]:
    tables = {len(table.fields): table for table in probe.tables}
    pair, triple = tables.get(2), tables.get(3)
    twins = probe.twins["test"]
    return {
        "data set": name,
        "best pair": pair.title if pair else None,
        "AUC of the pair": pair.test_auc if pair else None,
        "best triple": triple.title if triple else None,
        "AUC of the triple": triple.test_auc if triple else None,
        "twins": twins.share,
        "with the other label": twins.other_label,
        "labels agree": twins.agreement,
        "worth": probe.twins_worth,
        "rows looked up": twins.rows,
    }


def _told(evidence: Evidence, name: str, probe: Probe) -> list[str]:
    """Say what the best table reaches beside uniform sizes, and what twins are worth if much."""
    texts = []
    if best := probe.best:
        beside = [
            f"{shown(mean, AUC)} ({evidence.title(place.backbone)})"
            for place, rows in competitions(evidence).items()
            for row in rows
            if place.dataset == name
            and row.key == BEST
            and (mean := mean_over_seeds(row.runs, "test_auc")) is not None
        ]
        uniform = f"; the best uniform size has {listed(beside)}" if beside else ""
        texts.append(
            f"{evidence.title(name)}: a table of {best.title} has a test AUC of"
            f" {shown(best.test_auc, AUC)} without any model{uniform}."
        )
    if probe.warns:
        texts.append(
            f"{evidence.title(name)}: {shown(probe.twins['test'].share, SHARE)} of the test rows"
            " are twins, and remembering their labels is worth about"
            f" {shown(probe.twins_worth, AUC)} AUC ({MUCH_AUC:g} or more): sizes may seem to"
            " matter there only for them."
        )
    return texts
