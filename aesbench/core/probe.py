"""What a data set gives away without a model: tables of rates, and rows that repeat across a split.

``datasets/probes.py`` measures it; these are the numbers, as they are kept and read again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from aesbench.errors import RecordError

MUCH_AUC = 0.002
"""From this worth of twins on, a data set is warned of.

It is about the standard deviation of a method's test AUC over seeds on 100,000 rows, and as much
as lies between methods. Half a percent of twins are worth it, if all are remembered rightly and a
table of rates has an AUC of .8.
"""


@dataclass(frozen=True)
class RateTable:
    """A table of smoothed rates of the train split over some fields.

    Attributes:
        fields: the names of its fields, in the order of the data set.
        validation_auc: of its scores, by which it was chosen among tables of as many fields.
        test_auc: of its scores.
    """

    fields: tuple[str, ...]
    validation_auc: float
    test_auc: float

    @property
    def title(self) -> str:
        """The fields in one text: ``month × day``."""
        return " × ".join(self.fields)


@dataclass(frozen=True)
class Twins:
    """How many rows of a split stand in train with all their ids, and what their labels tell.

    Attributes:
        rows: that were looked up: all of the split, or a sample of it.
        share: of them, that stand in train with all their ids, whatever the labels.
        other_label: share of the rows, of which train has one with equal ids and the other label.
        agreement: share of the twins that have the label of most rows of their ids in train, a tie
            counting half; the mean of that of positives and that of negatives, so that .5 is
            chance. None without twins.
    """

    rows: int
    share: float
    other_label: float
    agreement: float | None

    def worth(self, auc: float) -> float:
        """Return about how much AUC is gained by remembering their labels; 0 where none is.

        A pair of a positive and a negative that holds a twin is in the right order as often as
        labels agree, instead of with a probability of ``auc``. Twins are taken to be as common
        among positives as among negatives, and nothing else to be told from them.

        Args:
            auc: of what does not remember, a table of rates over a few fields.
        """
        agreement = 0.0 if self.agreement is None else self.agreement
        return max(0.0, self.share * (2 - self.share) * (agreement - auc))


@dataclass(frozen=True)
class Probe:
    """What one prepared data set gives away.

    Attributes:
        name: of the data set.
        hash: of its data.
        tables: the pair and the triple of fields that are best on validation; fewer where there
            are not so many fields of one value.
        twins: {``validation`` or ``test``: its twins}.
        left_out: fields of several values, which enter twins as sets and no table.
        chosen_on: {``train`` or ``validation``: of how many rows tables were chosen}.
    """

    name: str
    hash: str
    tables: tuple[RateTable, ...]
    twins: Mapping[str, Twins]
    left_out: tuple[str, ...]
    chosen_on: Mapping[str, int]

    @property
    def best(self) -> RateTable | None:
        """The table that is best on validation, the smaller of equals; None without any."""
        return max(self.tables, key=lambda table: table.validation_auc, default=None)

    @property
    def twins_worth(self) -> float:
        """About how much test AUC there is to gain by remembering twins, over the best table."""
        return self.twins["test"].worth(self.best.test_auc if self.best else 0.5)

    @property
    def warns(self) -> bool:
        """Whether twins are worth so much that sizes may seem to matter only for them."""
        return self.twins_worth >= MUCH_AUC

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Probe:
        """Return what ``to_dict`` gave.

        Raises:
            RecordError: the values are not those of a probe.
        """
        try:
            tables = [RateTable(**{**own, "fields": (*own["fields"],)}) for own in values["tables"]]
            twins = {split: Twins(**values["twins"][split]) for split in ("validation", "test")}
            whole = {
                **values,
                "tables": (*tables,),
                "twins": twins,
                "left_out": (*values["left_out"],),
            }
            found = cls(**whole)
            found.warns  # noqa: B018 - compares numbers, which others cannot be.
            return found
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise RecordError(f"not a probe of a data set ({error!r})") from error
