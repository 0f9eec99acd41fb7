"""The overall comparison: one row per data set, backbone and method."""

from __future__ import annotations

from typing import Any

import pandas as pd

from aesbench.errors import RecordError
from aesbench.plugins.exhibit import Evidence
from aesbench.report.statistics.leaders import firsts
from aesbench.report.statistics.scores import (
    REFERENCE,
    by_method,
    compared,
    mean_over_seeds,
    over_seeds,
    places,
    search_seconds,
)

COLUMNS = (
    *("dataset", "backbone", "method", "n", "auc_mean", "auc_std", "auc_low", "auc_high"),
    *("logloss_mean", "logloss_std", "embedding_params", "param_reduction", "flops"),
    *("search_s", "retrain_s"),
)
"""Of the comparison's CSV file."""


def overall(evidence: Evidence) -> pd.DataFrame:
    """Summarise runs by data set, backbone and method: ``COLUMNS`` and what a reader needs beside.

    Several searches of a seed share its data order, its initial weights and what was prepared: they
    are no independent runs, so each number is their mean before it enters a mean over seeds. Runs
    that were searched only have nothing to compare and are left out.

    Beside ``COLUMNS`` there are ``kept_values`` and ``index_bytes`` (of masked tables; missing
    without masks), ``failed`` (runs that failed, in no other number), ``true_auc`` and
    its ``true_auc_std`` (against the true probabilities, for generated data), ``model_reduction``
    (parameters of the whole model saved against the reference), ``packed`` (whether runs of it were
    retrained in packs, which has no cost), ``retrain_n`` (over how many seeds ``retrain_s`` is),
    ``unbudgeted`` (whether the method takes no budget though methods beside it were given one),
    ``place`` (in words) and ``leads_auc`` and ``leads_logloss`` (whether it leads over the seeds
    that methods share).

    Raises:
        RecordError: there is nothing to compare.
    """
    retrained = evidence.runs[evidence.runs["retrained"]]
    if retrained.empty:
        raise RecordError(
            "there are no records to compare"
            + (", only searches without a retraining" if len(evidence.runs) else "")
            + "; make some with 'aesbench run'"
        )
    rows = []
    for place, runs in places(retrained):
        groups = by_method(runs)
        done = {label: compared(own) for label, own in groups.items()}
        lead = {
            "leads_auc": firsts(done, "test_auc"),
            "leads_logloss": firsts(done, "test_logloss", least=True),
        }
        is_apart = evidence.known(place) != place  # Its title says what sets it apart.
        where = evidence.place(place) if is_apart else ", ".join(place)
        whole = compared(groups.get(REFERENCE, runs.iloc[:0]))["total_params"]
        is_budgeted = runs["budget"].notna().any()
        for label, group in groups.items():
            takes_none = (group["takes_budget"] == False).any()  # noqa: E712 - None is neither
            row = _row(group, None if whole.empty else float(whole.mean()))  # Draws differ in it.
            marks = {name: label in first for name, first in lead.items()}
            flags = {"unbudgeted": bool(takes_none and is_budgeted), **marks}
            rows.append({"place": where, **row, **flags})
    frame = pd.DataFrame(rows, dtype=object)
    flags_of = dict.fromkeys(("packed", "unbudgeted", "leads_auc", "leads_logloss"), bool)
    return frame.astype({"n": int, "failed": int, "retrain_n": int, **flags_of})


def _row(group: pd.DataFrame, whole: float | None) -> dict[str, Any]:
    done = compared(group)
    auc, loss = over_seeds(done, "test_auc"), over_seeds(done, "test_logloss")
    has_truth = len(done) and done["test_expected_auc"].notna().all()
    true = over_seeds(done, "test_expected_auc") if has_truth else None
    model = mean_over_seeds(done, "total_params")
    retraining = over_seeds(done, "retrain_s")
    first = group.iloc[0]
    return {
        "dataset": first["dataset"],
        "backbone": first["backbone"],
        "method": first["method"],
        "n": done["seed"].nunique(),
        "failed": len(group) - len(done),
        "auc_mean": auc and auc.mean,
        "auc_std": auc and auc.std,
        "auc_low": auc and auc.low,
        "auc_high": auc and auc.high,
        "logloss_mean": loss and loss.mean,
        "logloss_std": loss and loss.std,
        "true_auc": true and true.mean,
        "true_auc_std": true and true.std,
        "embedding_params": mean_over_seeds(done, "embedding_params"),
        "kept_values": mean_over_seeds(done, "kept_values"),
        "index_bytes": mean_over_seeds(done, "index_bytes"),
        "param_reduction": mean_over_seeds(done, "param_reduction"),
        "model_reduction": 1 - model / whole if model is not None and whole else None,
        "flops": mean_over_seeds(done, "flops"),
        "search_s": mean_over_seeds(done, search_seconds),
        "retrain_s": retraining and retraining.mean,
        "retrain_n": retraining.n if retraining else 0,
        "packed": (done["pack"] > 1).any(),
    }
