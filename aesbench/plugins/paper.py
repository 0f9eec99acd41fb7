"""The contract of papers: what one claims, so that records can be held against it.

A paper enters by the entry-point group ``aesbench.papers`` or by ``--plugin FILE``, as an instance
of ``Paper``. It needs a name, a title, a citation and a line-up; whatever else it states gives the
report more to show: published numbers stand beside ours, claims get a verdict, studies become
commands of ``aesbench reproduce``, exhibits of its own join the report.

Its module is imported whenever a report is made, so it must not import torch; what plans studies
may, inside functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from aesbench.core.settings import require

if TYPE_CHECKING:
    from aesbench.plugins.exhibit import Evidence, Exhibit
    from aesbench.plugins.study import Study


class Place(NamedTuple):
    """Where methods compare: on one data set and backbone, by their registered names."""

    dataset: str
    backbone: str


@dataclass(frozen=True)
class Score:
    """What a paper prints of a method at a place.

    Attributes:
        auc, logloss: on the test split; None where it does not say.
        reduction: the embedding parameters saved against uniform size 32, as a share.
    """

    auc: float | None = None
    logloss: float | None = None
    reduction: float | None = None


@dataclass(frozen=True)
class DataFacts:
    """What a paper says of a data set.

    Attributes:
        name: what it calls it.
        interactions: rows.
        fields: how many.
        values: distinct values of all fields together.
        label: what is predicted, in words.
    """

    name: str
    interactions: int
    fields: int
    values: int
    label: str = ""


@dataclass(frozen=True)
class Claim:
    """A sentence of a paper, and the comparison that tests it.

    Attributes:
        text: the sentence, in which ``{ours}`` stands for the method, ``{rival}`` for the one that
            ``theirs`` came to, in brackets, and ``{verb}`` for "beats" or "is below", whichever the
            paper prints.
        ours: the method, as ``name:preset``.
        theirs: the method that it is held against, or several: the one with the highest mean of
            ``chosen_by`` among them.
        measure: the column of ``records_frame`` in which they differ: ``test_auc``,
            ``param_reduction``.
        chosen_by: likewise, for several rivals; on validation, or the choice has seen the test.
        difference: that the paper prints; None reads it off its published scores.
    """

    text: str
    ours: str
    theirs: str | tuple[str, ...]
    measure: str = "test_auc"
    chosen_by: str = "validation_auc"
    difference: float | None = None


@dataclass(frozen=True)
class Relative:
    """A data set of ours that is near one of a paper's.

    Attributes:
        theirs: the registered name that the paper's would have.
        what: in what it differs, in words.
    """

    theirs: str
    what: str


@dataclass(frozen=True, eq=False)
class Paper:
    """A paper.

    Attributes:
        name: what ``aesbench reproduce NAME/STUDY`` and ``list papers`` call it.
        title: how a report calls it.
        citation: authors, title, venue, year.
        line_up: the methods of its main table, as ``name:preset``, in its order: each gets a row
            whether it ran or not.
        proposes: the method that is its own, as ``name:preset``; ``aesbench search`` takes that of
            the first paper where none is named.
        beside: those of the line-up that the paper does not have: controls and variants of ours,
            which get a row only where they ran.
        titles: what it calls methods, data sets and backbones, for records that do not say.
        table: the name of its main table; its own name if empty.
        heading: of its main table.
        claim: what it says of its main table, in a sentence or two.
        published: {place: {method: its scores}}.
        datasets: {registered name: what it says of the data set}.
        relatives: {data set of ours: the paper's that it is near}.
        claims: about a place, in the order of the table of verdicts.
        apart: labels that are judged in an exhibit of its own, an ablation's for one, and stand in
            no comparison beyond it.
        notes: what is inconsistent or unsaid in its published numbers.
        studies: the runs behind its tables and figures.
        exhibits: builders of its own tables and figures.
    """

    name: str
    title: str
    citation: str
    line_up: tuple[str, ...]
    proposes: str = ""
    beside: tuple[str, ...] = ()
    titles: Mapping[str, str] = field(default_factory=dict)
    table: str = ""
    heading: str = "Overall performance"
    claim: str = ""
    published: Mapping[Place, Mapping[str, Score]] = field(default_factory=dict)
    datasets: Mapping[str, DataFacts] = field(default_factory=dict)
    relatives: Mapping[str, Relative] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()
    apart: Sequence[str] = ()
    notes: Sequence[str] = ()
    studies: tuple[Study, ...] = ()
    exhibits: tuple[Callable[[Evidence], list[Exhibit]], ...] = ()

    def __post_init__(self) -> None:
        require(bool(self.line_up), f"line_up of paper '{self.name}'", self.line_up, "methods")

    def told(self, claim: str) -> str:
        """Return a claim with the paper's name before it; an empty one stays so."""
        return f"{self.title}: {claim}" if claim else ""

    def published_at(self, place: Place) -> Mapping[str, Score]:
        """Return the published scores of a place, or of the one that it is a relative of."""
        relative = self.relatives.get(place.dataset)
        dataset = relative.theirs if relative else place.dataset
        return self.published.get(Place(dataset, place.backbone), {})
