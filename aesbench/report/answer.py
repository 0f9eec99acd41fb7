"""The answer in five sentences: who wins, by how much, at what cost; the paper's claim, what held.

Every number in them is computed; where records are missing, so are their sentences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from aesbench.core.label import Label
from aesbench.core.phrasing import many, span
from aesbench.core.record import RunRecord
from aesbench.report.claims import claims_at, reduction, tally
from aesbench.report.contenders import BEST, Contender, contenders
from aesbench.report.names import backbone_name, dataset_name
from aesbench.report.page import cells
from aesbench.report.published import TABLE3
from aesbench.report.score_tables import differences
from aesbench.report.statistics.paired import Comparison
from aesbench.report.statistics.power import ALPHA
from aesbench.report.statistics.scores import REFERENCE, Place, by_place, over_seeds, test_auc

_LEAST_SEEDS = 2
"""A method with fewer leads nothing."""

Rows = Sequence[Contender]


@dataclass(frozen=True)
class _Lead:
    """The row with the highest mean test AUC at a place.

    Attributes:
        place: where.
        row: which.
        versus: its difference from another row, p-values corrected over all rows of the place.
    """

    place: Place
    row: Contender
    versus: Comparison


def answer(records: Sequence[RunRecord]) -> tuple[str, ...]:
    """Return the sentences; none where nothing was retrained with two seeds."""
    places = by_place(record for record in records if record.spec.retrain)
    rows = {place: contenders(groups) for place, groups in places.items()}
    leads = _leads(rows, lambda row: True, BEST)
    if not leads:
        return ()
    searching = _leads(rows, lambda row: Label.parse(row.label or "ues").name != "ues", REFERENCE)
    return (_who(leads), _how_much(leads), _cost(searching), _paper(), _held(rows))


def _leads(
    rows: Mapping[Place, Rows], takes_part: Callable[[Contender], bool], baseline: str
) -> list[_Lead]:
    """Return who leads each place among some of its rows, each against a baseline."""
    leads = []
    for place, of_place in rows.items():
        means = {}
        for number, row in enumerate(of_place):
            summary = over_seeds(row.records, test_auc)
            if takes_part(row) and summary is not None and summary.n >= _LEAST_SEEDS:
                means[number] = summary.mean
        if means:
            first = of_place[max(means, key=lambda number: means[number])]
            versus = differences(of_place, baseline, test_auc).get(first.key, Comparison())
            leads.append(_Lead(place, first, versus))
    return leads


def _who(leads: Sequence[_Lead]) -> str:
    seeds = span(len({record.spec.seed for record in lead.row.records}) for lead in leads)
    where: dict[str, list[str]] = {}
    for lead in leads:
        place = f"{dataset_name(lead.place.dataset)} ({backbone_name(lead.place.backbone)})"
        where.setdefault(lead.row.name, []).append(place)
    firsts = sorted(where.items(), key=lambda item: (-len(item[1]), item[0]))
    texts = [f"{name} on {_list(places)}" for name, places in firsts]
    return f"The highest mean test AUC over {seeds} seeds is that of {'; of '.join(texts)}."


def _how_much(leads: Sequence[_Lead]) -> str:
    known = [lead.versus for lead in leads if lead.versus.difference]
    if not known:
        return "No uniform size was chosen on validation beside them, so nobody knows by how much."
    clear = sum(1 for one in known if one.p_holm is not None and one.p_holm < ALPHA)
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
    saved = span(_means(own, reduction), _percent)
    search = span(_means(own, lambda r: r.seconds["prepare"] + r.seconds["search"]), _seconds)
    retrain = span(_means(own, lambda r: r.seconds["retrain"]), _seconds)
    known = [lead.versus for lead in own if lead.versus.difference]
    gain = f" at a difference of {_gains(known)} from its AUC" if known else ""
    return (
        f"Among the methods that choose sizes {name} leads most often, in {len(own)} of"
        f" {many(len(leads), 'case')}: it saves {saved} of UES-32's embedding parameters{gain}, and"
        f" searches for {search} before a retraining of {retrain} (means of each case)."
    )


def _means(leads: Sequence[_Lead], value: Callable[[RunRecord], float]) -> list[float]:
    """Return the mean over the runs of each lead."""
    return [mean(map(value, lead.row.records)) for lead in leads]


def _gains(known: Sequence[Comparison]) -> str:
    return span(
        (one.difference.mean for one in known if one.difference),
        lambda value: cells.signed(value).text,
    )


def _percent(value: float) -> str:
    return cells.share(value).text


def _seconds(value: float) -> str:
    return f"{value:.0f} s"


def _paper() -> str:
    texts = []
    for label, name in (("adass:e", "AdaS&S-E"), ("adass:r", "AdaS&S-R")):
        gain = mean(scores[label].auc - scores[REFERENCE].auc for scores in TABLE3.values())
        saved = mean(scores[label].reduction or 0 for scores in TABLE3.values())
        texts.append(
            f"{name} gains {cells.signed(gain).text} AUC with {saved:.0%} fewer parameters"
        )
    return (
        f"The paper claims that against UES-32 {_list(texts)} (means over its {len(TABLE3)} pairs"
        " of data set and backbone), and that AdaS&S outperforms the other methods."
    )


def _held(rows: Mapping[Place, Rows]) -> str:
    claims = [claim for place, of_place in rows.items() for claim in claims_at(place, of_place)]
    if not claims:
        return "None of these data sets is one of the paper's or near one, so no claim is judged."
    own = [claim for claim in claims if claim.text.startswith("AdaS&S")]
    return (
        f"Of the {len(claims)} claims of its Table 3 that concern these data sets or their"
        f" relatives: {tally(claims)}; of the {len(own)} about AdaS&S itself: {tally(own)}."
    )


def _list(texts: Sequence[str]) -> str:
    *most, last = texts
    return f"{', '.join(most)} and {last}" if most else last
