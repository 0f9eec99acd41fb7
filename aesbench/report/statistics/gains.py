"""What each method gains over the best uniform size of at most as many parameters, at what cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from aesbench.plugins.exhibit import Evidence
from aesbench.plugins.paper import Place
from aesbench.report.statistics.contenders import (
    BEST,
    Contender,
    competitions,
    is_uniform,
    rivals,
)
from aesbench.report.statistics.paired import FORMS, compare, corrected
from aesbench.report.statistics.scores import mean_over_seeds, search_seconds, seed_means

MASKED = (
    "Of masked tables the parameters are the values kept and the index that finds them, at 4 bytes"
    " a parameter; both are given apart, too."
)
"""What is said where allocations have masks."""


def gains(evidence: Evidence) -> Mapping[Place, pd.DataFrame]:
    """Return ``{place: its rows}`` of all places where a method ran that is no uniform size.

    Returns:
        By method: ``rival`` (the label of the uniform size, or of the baseline that the report was
        asked for; None where there is none), the columns of ``FORMS`` for the test AUC, p corrected
        over the methods of the place; ``larger`` (whether the rival has more parameters, as
        nothing so small ran), ``P-R`` (embedding parameters saved against UES-32), ``kept values``
        and ``index bytes`` (of masked tables; missing without masks), ``search s`` (wall seconds of
        preparation and search), ``seeds`` and ``failed``.
    """
    found = {place: _gains(evidence, rows) for place, rows in competitions(evidence).items()}
    return {place: own for place, own in found.items() if len(own)}


def _gains(evidence: Evidence, rows: Sequence[Contender]) -> pd.DataFrame:
    rows = [row for row in rows if row.key != BEST]
    judged = [row for row in rows if not is_uniform(row.key) and row.key != evidence.baseline]
    baseline = dict.fromkeys((row.key for row in judged), evidence.baseline)
    rival = baseline if evidence.baseline else rivals(rows)
    scores = {row.key: seed_means(row.runs, "test_auc") for row in rows}
    nothing = pd.Series(dtype=float)
    frame = corrected(
        {
            row.key: compare(scores[row.key], scores.get(rival.get(row.key, ""), nothing))
            for row in judged
        }
    )[list(FORMS)]
    most = {row.key: mean_over_seeds(row.runs, "embedding_params") or 0.0 for row in rows}
    facts = {
        "larger": [most.get(rival.get(row.key, ""), 0.0) > most[row.key] for row in judged],
        "rival": [rival.get(row.key) for row in judged],
        "P-R": [mean_over_seeds(row.runs, "param_reduction") for row in judged],
        "kept values": [mean_over_seeds(row.runs, "kept_values") for row in judged],
        "index bytes": [mean_over_seeds(row.runs, "index_bytes") for row in judged],
        "search s": [mean_over_seeds(row.runs, search_seconds) for row in judged],
        "seeds": [row.runs["seed"].nunique() for row in judged],
        "failed": [row.failed for row in judged],
    }
    for name, values in facts.items():
        frame[name] = pd.Series(values, frame.index, dtype=object)
    return frame
