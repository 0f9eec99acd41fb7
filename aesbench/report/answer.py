"""The answer in five sentences: who wins, by how much, at what cost; the paper's claim, what held.

Every number in them is computed; where records are missing, so are their sentences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from aesbench.record import RunRecord
from aesbench.report import cells
from aesbench.report.claims import CONFIRMED, NOT_CONFIRMED, NOT_TESTABLE, claims_at, reduction
from aesbench.report.contenders import BEST, Contender, contenders
from aesbench.report.names import backbone_name, dataset_name
from aesbench.report.paired import Comparison
from aesbench.report.power import ALPHA
from aesbench.report.published import TABLE3
from aesbench.report.score_tables import differences
from aesbench.report.scores import REFERENCE, Place, by_place, over_seeds, test_auc

_LEAST_SEEDS = 2
"""A method with fewer wins nothing."""


@dataclass(frozen=True)
class _Win:
    """The method with the highest mean test AUC at a place, beside the best uniform size."""

    place: Place
    winner: Contender
    versus_best: Comparison | None


def answer(records: Sequence[RunRecord]) -> tuple[str, ...]:
    """Return the sentences; none where nothing was retrained by two seeds."""
    places = by_place(record for record in records if record.spec.retrain)
    rows = {place: contenders(groups) for place, groups in places.items()}
    wins = [win for place, of_place in rows.items() if (win := _win(place, of_place))]
    if not wins:
        return ()
    return (_who(wins), _how_much(wins), _cost(wins), _paper(), _held(rows))


def _win(place: Place, rows: Sequence[Contender]) -> _Win | None:
    scored = [
        (s, row) for row in rows if row.key != BEST if (s := over_seeds(row.records, test_auc))
    ]
    known = [(s.mean, row) for s, row in scored if s.n >= _LEAST_SEEDS]
    if not known:
        return None
    _, winner = max(known, key=lambda pair: pair[0])
    best = next((row for row in rows if row.key == BEST and row.records), None)
    versus = differences(rows, BEST, test_auc)[winner.key] if best else None
    return _Win(place, winner, versus)


def _who(wins: Sequence[_Win]) -> str:
    seeds = [len({r.spec.seed for r in win.winner.records}) for win in wins]
    n = str(seeds[0]) if len(set(seeds)) == 1 else f"{min(seeds)} to {max(seeds)}"
    where: dict[str, list[str]] = {}
    for win in wins:
        place = f"{dataset_name(win.place.dataset)} with {backbone_name(win.place.backbone)}"
        where.setdefault(win.winner.name, []).append(place)
    firsts = sorted(where.items(), key=lambda item: (-len(item[1]), item[0]))
    texts = [f"{name} on {', '.join(places)}" for name, places in firsts]
    return f"By mean test AUC over {n} seeds the first is {'; '.join(texts)}."


def _how_much(wins: Sequence[_Win]) -> str:
    known = [win.versus_best for win in wins if win.versus_best and win.versus_best.difference]
    found = sorted(one.difference.mean for one in known if one.difference)
    if not found:
        return "No uniform size ran beside them, so nobody knows by how much they win."
    clear = sum(1 for one in known if one.p_holm is not None and one.p_holm < ALPHA)
    low, high = (cells.signed(value).text for value in (found[0], found[-1]))
    span = low if len(found) == 1 else f"between {low} and {high}"
    return (
        f"Against the best uniform size, chosen on validation, the first differs by {span} AUC,"
        f" which is clear of chance (paired t-test, Holm-corrected p below .05) in {clear} of"
        f" {len(found)} cases."
    )


def _cost(wins: Sequence[_Win]) -> str:
    counts = Counter(win.winner.name for win in wins)
    name = min(counts, key=lambda key: (-counts[key], key))
    runs = [record for win in wins if win.winner.name == name for record in win.winner.records]
    saved = cells.share(mean(map(reduction, runs))).text
    search = mean(r.seconds["prepare"] + r.seconds["search"] for r in runs)
    retrain = mean(r.seconds["retrain"] for r in runs)
    return (
        f"{name}, first most often, saves {saved} of UES-32's embedding parameters there, and"
        f" finds its sizes in {search:.0f} s, beside {retrain:.0f} s of retraining (means over"
        f" {len(runs)} runs)."
    )


def _paper() -> str:
    texts = []
    for label, name in (("adass:e", "AdaS&S-E"), ("adass:r", "AdaS&S-R")):
        gain = mean(scores[label].auc - scores[REFERENCE].auc for scores in TABLE3.values())
        saved = mean(scores[label].reduction or 0 for scores in TABLE3.values())
        texts.append(f"{name} {cells.signed(gain).text} AUC with {saved:.0%} fewer parameters")
    return (
        f"The paper reports, against UES-32 and as means over its {len(TABLE3)} pairs of data set"
        f" and backbone, {' and '.join(texts)}, ahead of every other method."
    )


def _held(rows: dict[Place, list[Contender]]) -> str:
    claims = [claim for place, of_place in rows.items() for claim in claims_at(place, of_place)]
    if not claims:
        return "None of these data sets is one of the paper's or near one, so no claim is judged."
    counts = Counter(claim.verdict for claim in claims)
    own = Counter(claim.verdict for claim in claims if claim.text.startswith("AdaS&S"))
    verdicts = (CONFIRMED, NOT_CONFIRMED, NOT_TESTABLE)
    total, about = (", ".join(f"{c[v]} {v}" for v in verdicts) for c in (counts, own))
    return (
        f"Of the {len(claims)} claims of its Table 3 that concern these data sets or their"
        f" relatives: {total}; of the {own.total()} among them about AdaS&S itself: {about}."
    )
