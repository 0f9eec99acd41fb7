"""A split to begin with, by what the columns are: given, by time, by group, or random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aesbench.datasets.custom.config import CustomSplit
from aesbench.datasets.sketch.columns import Column
from aesbench.datasets.sketch.given import Parts
from aesbench.datasets.sketch.names import BIRTHS, ITEMS, PERSONS, USERS, named_like

_LEAST_TIMES = 10
_LEAST_GROUPS = 50
_MOST_GROUPS_SHARE = 0.95


@dataclass(frozen=True)
class SplitGuess:
    """A split.

    Attributes:
        split: as the TOML file has it.
        reasons: lines that say why.
        alternatives: what else is possible, each with its reason.
        unseen: columns of which validation and test have no value that train has.
    """

    split: CustomSplit
    reasons: tuple[str, ...]
    alternatives: tuple[tuple[str, CustomSplit], ...] = ()
    unseen: tuple[str, ...] = ()


def guess_split(
    columns: Mapping[str, Column], parts: Parts, files: Mapping[str, str]
) -> SplitGuess:
    """Return the split to propose.

    Args:
        columns: those that are no leak and not the label's.
        parts: what lies beside the file.
        files: {"train": ..., "validation": ..., "test": ...}, as the TOML file names them.
    """
    times, persons, users = _times(columns), _named(columns, PERSONS), _named(columns, USERS)
    groups = [*persons, *users]
    has_items = any(named_like(name, ITEMS) for name in columns)
    random = CustomSplit(rule="random")
    at_random = (
        "rows at random: such as lie near each other, those of one day for instance, stand on both"
        " sides",
        random,
    )
    by_time = [
        ("learn from the past, test on the future", _by_time(column, rule="time"))
        for column in times
    ]
    by_group = [
        (f"no {column.name} in two parts", CustomSplit(rule="group", group=(column.name,)))
        for column in groups
    ]
    remarks = parts.remarks
    if parts.are_whole:
        given = CustomSplit(
            train=(files["train"],), validation=(files["validation"],), test=(files["test"],)
        )
        return SplitGuess(given, ("As the files beside it are given.", *remarks))
    if times:
        first = times[0]
        own = [
            (
                f"each {column.name}'s last rows are tested",
                _by_time(first, rule="user-time", user=column.name),
            )
            for column in groups
        ]
        why = (
            f"By time, since {first.name} tells it: the first 80 % of rows train, the last 10 %"
            " test."
        )
        return SplitGuess(
            by_time[0][1], (why, *remarks), (*by_time[1:], *own, *by_group, at_random)
        )
    person = next(iter(persons), None) or (next(iter(users), None) if not has_items else None)
    if person is not None:
        why = (
            f"Whole {person.name} at random: {person.rows - person.missing:,} rows have"
            f" {person.distinct:,} different ones, and rows of one {person.name} on both sides of a"
            " split would tell of each other."
        )
        split = CustomSplit(rule="group", group=(person.name,))
        return SplitGuess(split, (why, *remarks), (at_random,), (person.name,))
    why = "Rows at random, since no column tells the time"
    why += (
        f"; users, whose {users[0].name} a model of items and users has to know, stay in all parts."
        if users
        else " or whose rows belong together."
    )
    order = ("in the file's order, if that is the order of time", CustomSplit(rule="order"))
    return SplitGuess(random, (why, *remarks), (*by_group, order))


def _times(columns: Mapping[str, Column]) -> Sequence[Column]:
    return [
        column
        for column in columns.values()
        if column.times is not None
        and not column.missing
        and column.distinct >= _LEAST_TIMES
        and not named_like(column.name, BIRTHS)
    ]


def _named(columns: Mapping[str, Column], words: tuple[str, ...]) -> Sequence[Column]:
    """Return columns of these names whose values repeat, so that rows belong together."""
    return [
        column
        for column in columns.values()
        if named_like(column.name, words)
        and not column.missing
        and _LEAST_GROUPS <= column.distinct <= _MOST_GROUPS_SHARE * column.rows
    ]


def _by_time(column: Column, *, rule: str, user: str = "") -> CustomSplit:
    written = column.times.format if column.times is not None else ""
    return CustomSplit(rule=rule, user=user, timestamp=column.name, format=written)
