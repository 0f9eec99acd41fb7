"""The answer in a few sentences: who wins, by how much, at what cost; what papers claim and held.

Every number in them is computed; where records are missing, so are their sentences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from aesbench.core.label import Label
from aesbench.core.phrasing import many, span
from aesbench.plugins.exhibit import SHARE, SIGNED, Evidence, shown
from aesbench.plugins.paper import Paper, Place
from aesbench.report.statistics.contenders import BEST, Contender, competitions, differences
from aesbench.report.statistics.paired import ALPHA, Comparison
from aesbench.report.statistics.scores import (
    REFERENCE,
    UNIFORM,
    Measure,
    over_seeds,
    search_seconds,
)
from aesbench.report.statistics.verdicts import tally, verdicts

_LEAST_SEEDS = 2
"""A method with fewer leads nothing."""

Rows = Sequence[Contender]


@dataclass(frozen=True, eq=False)
class _Lead:
    """The row with the highest mean test AUC at a place, and its difference from another row."""

    place: Place
    row: Contender
    versus: Comparison


def answer(evidence: Evidence) -> list[str]:
    """Return the sentences; none where nothing was retrained with two seeds."""
    rows = competitions(evidence)
    leads = _leads(rows, lambda row: True, BEST)
    if not leads:
        return []
    chosen = _leads(rows, lambda row: _chooses(row), REFERENCE)
    papers = [text for paper in evidence.papers for text in _of_paper(evidence, paper, rows)]
    return [_who(evidence, leads), _how_much(leads), _cost(chosen), *papers]


def _chooses(row: Contender) -> bool:
    """Whether a row is of a method that chooses sizes."""
    return row.label is not None and Label.parse(row.label).name != UNIFORM


def _leads(
    rows: Mapping[Place, Rows], takes_part: Callable[[Contender], bool], baseline: str
) -> list[_Lead]:
    """Return who leads each place among some of its rows, each against a baseline."""
    leads = []
    for place, of_place in rows.items():
        scored = [
            (found.mean, -number, row)
            for number, row in enumerate(of_place)
            if takes_part(row)
            and (found := over_seeds(row.runs, "test_auc")) is not None
            and found.n >= _LEAST_SEEDS
        ]
        if scored:
            first = max(scored, key=lambda item: item[:2])[2]
            versus = differences(of_place, baseline, "test_auc").to_dict("index")
            # The baseline itself has no difference.
            leads.append(_Lead(place, first, versus.get(first.key, {"pairs": 0})))
    return leads


def _who(evidence: Evidence, leads: Sequence[_Lead]) -> str:
    seeds = span(lead.row.runs["seed"].nunique() for lead in leads)
    where: dict[str, list[str]] = {}
    for lead in leads:
        place = f"{evidence.title(lead.place.dataset)} ({evidence.title(lead.place.backbone)})"
        where.setdefault(lead.row.name, []).append(place)
    firsts = sorted(where.items(), key=lambda item: (-len(item[1]), item[0]))
    texts = [f"{name} on {_list(of_name)}" for name, of_name in firsts]
    return f"The highest mean test AUC over {seeds} seeds is that of {'; of '.join(texts)}."


def _how_much(leads: Sequence[_Lead]) -> str:
    known = [lead.versus for lead in leads if lead.versus["pairs"]]
    if not known:
        return "No uniform size was chosen on validation beside them, so nobody knows by how much."
    clear = sum(1 for one in known if one["Holm p"] is not None and one["Holm p"] < ALPHA)
    return (
        f"Its difference from the best uniform size chosen on validation is {_gains(known)} AUC,"
        f" beyond chance (paired t-test, Holm-corrected p below .05) in {clear} of"
        f" {many(len(known), 'case')}."
    )


def _cost(leads: Sequence[_Lead]) -> str:
    if not leads:
        return "No method that chooses sizes ran with two seeds, so there is no cost to weigh."
    counts = Counter(lead.row.name for lead in leads)
    name = min(counts, key=lambda key: (-counts[key], key))
    own = [lead for lead in leads if lead.row.name == name]
    saved = span(_means(own, "param_reduction"), lambda value: shown(value, SHARE))
    search, retrain = (
        span(_means(own, measure), "{:.0f} s".format) for measure in (search_seconds, "retrain_s")
    )
    known = [lead.versus for lead in own if lead.versus["pairs"]]
    gain = f" at a difference of {_gains(known)} from its AUC" if known else ""
    return (
        f"Among the methods that choose sizes {name} leads most often, in {len(own)} of"
        f" {many(len(leads), 'case')}: it saves {saved} of UES-32's embedding parameters{gain}, and"
        f" searches for {search} before a retraining of {retrain} (means of each case)."
    )


def _means(leads: Sequence[_Lead], measure: Measure) -> list[float]:
    """Return the mean over the runs of each lead."""
    runs = [lead.row.runs for lead in leads]
    return [
        float((own[measure] if isinstance(measure, str) else measure(own)).mean()) for own in runs
    ]


def _gains(known: Sequence[Comparison]) -> str:
    return span((float(one["difference"]) for one in known), lambda value: shown(value, SIGNED))


def _of_paper(evidence: Evidence, paper: Paper, rows: Mapping[Place, Rows]) -> list[str]:
    found = [
        verdict
        for place, of_place in rows.items()
        for verdict in verdicts(evidence, paper, place, of_place)["verdict"]
    ]
    if not found:
        return []
    return [
        f"{paper.title} claims: {paper.claim}" if paper.claim else "",
        f"Of the {many(len(found), 'claim')} of {paper.title} that concern these data sets or their"
        f" relatives: {tally(found)}.",
    ]


def _list(texts: Sequence[str]) -> str:
    *most, last = texts
    return f"{', '.join(most)} and {last}" if most else last
