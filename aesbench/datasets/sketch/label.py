"""Which rows count as positive: an SQL rule over the label's column, guessed from its values."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from aesbench.datasets.custom.tables import first_line
from aesbench.datasets.sketch.columns import Column, Looked, mean
from aesbench.datasets.sketch.names import LABELS, named_like
from aesbench.errors import ConfigError, did_you_mean

_POSITIVE = ("yes", "y", "true", "t", "positive", "pos", "click", "clicked", "1", "good")
_NEGATIVE = ("no", "n", "false", "f", "negative", "neg", "none", "never", "0", "bad")
_FEW = 20
_MOST_CANDIDATES = 8
_UPPER_SHARE = 0.75


@dataclass(frozen=True)
class LabelRule:
    """The label.

    Attributes:
        rule: SQL.
        columns: what it reads.
        reasons: lines that say how it came about.
        is_asked: whether the user has to say if the guess is right.
        where: which rows have one, SQL; empty if all have.
        unlabelled: why ``where`` is needed, in a line.
        labels: 0, 1 or missing, of each row of the sample.
    """

    rule: str
    columns: tuple[str, ...]
    reasons: tuple[str, ...]
    is_asked: bool
    where: str
    unlabelled: str
    labels: pl.Series


def quoted(name: str) -> str:
    """Return a column's name as SQL takes it."""
    if re.fullmatch(r"[A-Za-z_]\w*", name):
        try:
            if pl.sql_expr(name).meta.root_names() == [name]:
                return name
        except pl.exceptions.PolarsError:
            pass
    return '"' + name.replace('"', '""') + '"'


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def find_label(looked: Looked, asked: str) -> LabelRule:
    """Return the rule for the column that the user names, or for a rule of the user's own.

    Raises:
        ConfigError: there is no such column, or it cannot be a label.
    """
    if asked in looked.columns:
        column = looked.columns[asked]
        rule, reasons, is_asked = _guess(column)
        names: tuple[str, ...] = (asked,)
    else:
        try:
            names = tuple(dict.fromkeys(pl.sql_expr(asked).meta.root_names()))
        except pl.exceptions.PolarsError:
            names = ()
        if not names or not {*names} <= looked.columns.keys():
            unknown = next((name for name in names if name not in looked.columns), asked)
            raise ConfigError(
                f"--label {asked}: there is no column '{unknown}'"
                f"{did_you_mean(unknown, looked.columns)} Columns: {', '.join(looked.columns)}"
            )
        rule, reasons, is_asked = asked, ("As told.",), False
    labels = _apply(looked, rule, names)
    gaps = [name for name in names if looked.columns[name].missing]
    where = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in gaps)
    share = labels.drop_nulls().mean()
    if not isinstance(share, float) or share in (0.0, 1.0):
        raise ConfigError(
            f"--label {asked}: {rule} holds for {'all' if share else 'none'} of the"
            f" {len(labels.drop_nulls()):,} rows looked at; both classes are needed: name another"
            " column or a rule, such as --label 'rating > 3'"
        )
    reasons = (*reasons, f"{share:.1%} of the rows are positive.")
    lacking = ", ".join(f"{looked.columns[name].missing:,} rows have no {name}" for name in gaps)
    unlabelled = f"Rows without a label are left out: {lacking}." if gaps else ""
    return LabelRule(rule, names, reasons, is_asked, where, unlabelled, labels)


def _apply(looked: Looked, rule: str, names: Sequence[str]) -> pl.Series:
    """Return the label of each row of the sample, as the data set will have it."""
    views = [looked.columns[name].numbers for name in names]
    seen = pl.DataFrame(
        [
            looked.columns[name].sample if view is None else view.alias(name)
            for name, view in zip(names, views, strict=True)
        ]
    )
    try:
        found = seen.select(pl.sql_expr(rule).alias("label")).to_series()
        labels = found.cast(pl.UInt8)
    except pl.exceptions.PolarsError as error:
        raise ConfigError(
            f"the label {rule!r} cannot be computed: {first_line(error)}; write something like"
            " rating > 3, text in single quotes"
        ) from error
    if found.dtype == pl.String or (labels > 1).any():
        raise ConfigError(
            f"the label {rule!r} is not true or false for every row; write something like"
            " rating > 3"
        )
    return labels


def _guess(column: Column) -> tuple[str, tuple[str, ...], bool]:
    """Return a column's rule, the lines that explain it, and whether it is to be checked."""
    name = quoted(column.name)
    values = column.sample.drop_nulls()
    counts = values.value_counts(name="__count__", sort=True)
    if column.sample.dtype.is_nested() or column.distinct < 2:
        held = "one value" if column.distinct == 1 else "lists" if column.distinct else "no value"
        raise ConfigError(
            f"--label {column.name}: the column has {held} and is no label; name one that tells"
            " positive from negative rows"
        )
    if column.times is not None:
        raise ConfigError(
            f"--label {column.name}: the column holds times and is no label; name one that tells"
            " positive from negative rows"
        )
    numbers = column.numbers
    if numbers is not None:
        return _threshold(column, name, numbers.drop_nulls())
    if column.distinct > _FEW:
        raise ConfigError(
            f"--label {column.name}: the column has {column.distinct:,} different texts, such as"
            f" {values[0]!r}; give a rule that says which are positive, such as"
            f' --label "{name} = {_text(values[0])}"'
        )
    texts = [str(value) for value in counts[column.name]]
    shares = [count / len(values) for count in counts["__count__"]]
    held = ", ".join(f"{t} ({s:.1%})" for t, s in zip(texts, shares, strict=True))
    ask = f"CHECK which values count as positive. The column holds {held}."
    positive = [text for text in texts if text.strip().lower() in _POSITIVE]
    negative = [text for text in texts if text.strip().lower() in _NEGATIVE]
    if len(texts) == 2 and len(positive) == 1:
        return f"{name} = {_text(positive[0])}", (f"The column holds {held}.",), False
    if len(negative) == 1:
        hint = f"Others: label = {_in_toml(f'{name} = {_text(_other(texts, negative[0]))}')}"
        return f"{name} <> {_text(negative[0])}", (ask, hint), len(texts) > 2
    rarest = texts[-1]
    hint = f"Several values: label = {_in_toml(f'{name} IN ({_text(texts[0])}, {_text(rarest)})')}"
    return f"{name} = {_text(rarest)}", (ask, hint), True


def _other(texts: Sequence[str], negative: str) -> str:
    return next(text for text in reversed(texts) if text != negative)


def _in_toml(rule: str) -> str:
    return f'"{rule}"'


def _threshold(column: Column, name: str, numbers: pl.Series) -> tuple[str, tuple[str, ...], bool]:
    different = sorted(numbers.unique())
    if different == [0.0, 1.0]:
        return name, ("A column of 0 and 1.",), False
    low, high = different[0], different[-1]
    said = f"The column holds numbers from {low:g} to {high:g}."
    if len(different) == 2:
        return f"{name} > {low:g}", (f"CHECK: {high:g} counts as positive, {low:g} not.",), low >= 0
    if len(different) <= _FEW:
        cut = min(different[:-1], key=lambda value: abs(mean(numbers > value) - 0.5))
        why = "it divides the rows most evenly"
    elif low == 0 and 0.2 <= mean(numbers == 0) <= 0.95:
        cut, why = 0.0, "whether there is anything at all"
    else:
        cut = _round_number(float(numbers.quantile(_UPPER_SHARE) or 0.0))
        cut = cut if low <= cut < high else mean(pl.Series([numbers.median()]))
        why = "a round number near the upper quarter"
    ask = f"CHECK the threshold. {said} {cut:g} is a guess: {why}."
    return f"{name} > {cut:g}", (ask,), True


def _round_number(value: float) -> float:
    """Return the nearest number of one digit or of one digit and a half: 14 becomes 15."""
    if value == 0:
        return 0.0
    step = 5 * 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    return round(value / step) * step


def say_what_could_be(looked: Looked, path: Path) -> str:
    """Return the message for a file whose label nobody named."""
    strong, weak = [], []
    for column in looked.columns.values():
        try:
            rule, _, _ = _guess(column)
        except ConfigError:
            continue
        named = named_like(column.name, LABELS)
        if column.distinct > _FEW and not named:
            continue
        line = f"  {column.name}: {_values(column)}; --label {column.name} makes it {rule}"
        if named or column.distinct == 2:
            strong.append((not named, line))
        else:
            weak.append((column.distinct, line))
    lines = [line for _, line in sorted(strong, key=lambda entry: entry[0])]
    start = f"which column of {path} is the label? Name it: --label NAME, or a rule over columns," \
        " --label 'rating > 3'."  # fmt: skip
    if lines:
        return "\n".join([start, "Columns that could be:", *lines[:_MOST_CANDIDATES]])
    parts = [
        start,
        f"None of its columns looks like one: {', '.join(looked.columns)}.",
        "If every row is a positive, such as a tag or a purchase, draw negative rows first"
        " (docs/own-data.md, 'Only positives').",
    ]
    keys = [c.name for c in looked.columns.values() if c.distinct == looked.rows > 1]
    if keys:
        parts.append(
            f"If it has a line for each {keys[0]}, which is different in every row, it is a side"
            " table: sketch the file of the labelled rows, and name this one under [[join]]."
        )
    if weak:
        parts.append("With a rule, one of these could be:")
        parts += [line for _, line in sorted(weak, key=lambda entry: entry[0])[:_MOST_CANDIDATES]]
    return "\n".join(parts)


def _values(column: Column) -> str:
    numbers = column.numbers
    if numbers is not None and column.distinct > 2:
        return f"{column.distinct:,} numbers from {column.range[0]:g} to {column.range[1]:g}"
    shown = [str(value) for value in column.sample.drop_nulls().unique().sort()[:4]]
    return f"{column.distinct:,} values ({', '.join(shown)}{', …' if column.distinct > 4 else ''})"
