"""Who competes in the overall comparison: the paper's methods, the controls, and whoever ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from aesbench.core.label import UNIFICATIONS, Label
from aesbench.core.record import RunRecord
from aesbench.report.names import display_name
from aesbench.report.statistics.scores import REFERENCE, compared, metric, over_seeds

Groups = Mapping[str, Sequence[RunRecord]]
"""{label: its records} of one place."""

PAST = ("mde:value", "autodim", "autoemb", "esapn", "sseds")
"""The AES methods that the paper compares AdaS&S with."""

_EXPECTED = (*PAST, "adass:r", "adass:e", "adass:greedy", "adass:random")
_ORDER = (
    *("mde:value", "mde:field", "random", "autodim", "autoemb", "esapn", "sseds"),
    *("adass:r", "adass:e", "adass:greedy", "adass:random", "adass:evolution"),
)
_GIVEN = ("ues", "fixed")
"""Sizes given by hand, of which there may be hundreds: no methods that search."""
BEST = "best-ues"
"""The key of the row of the best uniform size."""


@dataclass(frozen=True)
class Contender:
    """A row of the overall comparison.

    Attributes:
        key: names the row: its label, or ``best-ues`` for whichever size was chosen.
        label: of its records; None where there is nothing to choose from.
        name: as it is read.
        records: its runs that can be compared.
        failed: how many others failed.
    """

    key: str
    label: str | None
    name: str
    records: tuple[RunRecord, ...]
    failed: int = 0


def contenders(groups: Groups) -> list[Contender]:
    """Return the rows of one place, whether they have records or not.

    First UES-32, UES-24, UES-32 under the other unification and the best uniform size; then the
    paper's methods and the controls on AdaS&S's supernet; then every other method that ran with
    its own settings, without a budget. A method that ran under budgets only has those rows.
    """
    best = best_uniform(groups)
    chosen = f" ({display_name(best)})" if best else ""
    rows = [_contender(groups, label) for label in (REFERENCE, "ues:24", _other(groups))]
    if best is None:
        rows.append(Contender(BEST, None, "Best UES on validation", ()))
    else:
        row = _contender(groups, best)
        name = f"Best UES on validation{chosen}"
        rows.append(Contender(BEST, best, name, row.records, row.failed))
    labels = {label: Label.parse(label) for label in groups}
    ran = [text for text, label in labels.items() if label.is_plain and not is_given(label)]
    known = [label for label in _ORDER if label in _EXPECTED or label in ran]
    for label in (*known, *(label for label in ran if label not in known)):
        budgeted = [
            name
            for name, own in labels.items()
            if own.share is not None and str(own.without("share")) == label
        ]
        is_missing = not compared(groups.get(label, ()))
        names = budgeted if is_missing and budgeted else [label]
        rows += [_contender(groups, name) for name in names]
    return rows


def is_given(label: Label) -> bool:
    """Whether a label names sizes that nobody searched: a preset of UES or of fixed sizes."""
    return label.name in _GIVEN and label.preset != ""


def uniform_size(label: str) -> int | None:
    """Return the size of a run of UES as it comes; None of any other run."""
    called = Label.parse(label)
    is_uniform = called.is_plain and called.name == "ues" and called.preset.isdecimal()
    return int(called.preset) if is_uniform else None


def best_uniform(groups: Groups) -> str | None:
    """Return the label of the uniform size with the highest mean validation AUC, if any ran.

    Chosen on validation, since a size chosen on test has seen what it is judged by.
    """
    sizes = {label: size for label in groups if (size := uniform_size(label))}
    means = {}
    for label in sorted(sizes, key=lambda label: sizes[label]):
        summary = over_seeds(compared(groups[label]), metric("validation", "auc"))
        if summary is not None:
            means[label] = summary.mean
    return max(means, key=lambda label: means[label]) if means else None


def _contender(groups: Groups, label: str) -> Contender:
    records = groups.get(label, ())
    done = tuple(compared(records))
    return Contender(label, label, display_name(label), done, len(records) - len(done))


def _other(groups: Groups) -> str:
    """Return the label of UES-32 under the unification that is not the backbone's default."""
    default = {
        record.spec.unification
        for label, records in groups.items()
        for record in records
        if Label.parse(label).unification is None
    }
    (other, *_) = [name for name in UNIFICATIONS if name not in default] or UNIFICATIONS
    return str(replace(Label.parse(REFERENCE), unification=other))
