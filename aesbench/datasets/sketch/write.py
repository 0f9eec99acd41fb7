"""The TOML file of a sketch: settings, each with the reason for it, and what was left out."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, fields
from typing import Any

from aesbench.datasets.custom.config import CustomField, CustomSplit, Table
from aesbench.datasets.sketch.fields import FieldGuess
from aesbench.datasets.sketch.label import LabelRule
from aesbench.datasets.sketch.split import SplitGuess

_WIDTH = 98


def write_toml(
    *,
    heading: Sequence[str],
    table: Table,
    label: LabelRule,
    split: SplitGuess,
    guesses: Sequence[FieldGuess],
    deduplicate: bool,
    repeats: Sequence[str],
) -> str:
    """Return the text of the file.

    Args:
        heading: paragraphs at its top.
        table: the files, or only how those of a given split are read.
        label: the label.
        split: the split.
        guesses: fields and left-out columns.
        deduplicate: whether equal rows are kept once.
        repeats: paragraphs on rows that repeat.
    """
    lines = [*_paragraphs(heading), ""]
    lines += [*_paragraphs(["Which rows are positive. " + label.reasons[0], *label.reasons[1:]])]
    lines += [f"label = {_value(label.rule)}", ""]
    if label.where:
        lines += [*_paragraphs([label.unlabelled]), f"where = {_value(label.where)}", ""]
    if repeats:
        lines += _paragraphs(repeats)
        lines += ["deduplicate = true" if deduplicate else "# deduplicate = true", ""]
    lines += ["# Values that the train split has fewer times share one id.", "min_count = 1", ""]
    rows = _settings(table)
    if rows:
        lines += ["[rows]", *rows, ""]
    lines += [*_paragraphs(split.reasons), "[split]", *_settings(split.split)]
    for why, other in split.alternatives:
        lines += _paragraphs([f"Or {why}:"])
        lines += [f"# {line}" for line in _settings(other)]
    lines += ["", "# The fields. A missing value is a value of its own."]
    for guess in guesses:
        if guess.field is not None and not guess.out:
            lines += [*_field(guess.field, guess.note), ""]
    out = [guess for guess in guesses if guess.out]
    if out:
        lines += [
            "# Left out. To have one of them as a field, remove the marks before its lines.",
            "",
        ]
    for guess in out:
        lines += _paragraphs([f"{guess.column or 'The column without a name'}: {guess.out}."])
        if guess.field is not None:
            lines += [f"# {line}" for line in _field(guess.field, guess.note)]
        lines += [""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _paragraphs(texts: Iterable[str]) -> list[str]:
    return [
        line
        for text in texts
        for line in textwrap.wrap(
            text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_long_words=False,
            break_on_hyphens=False,
        )
    ]  # fmt: skip


def _field(field: CustomField, note: str) -> list[str]:
    lines = _settings(field)
    return ["[[field]]", *(_paragraphs([note]) if note else []), *lines]


def _settings(table: Any) -> list[str]:
    """Return a line for each setting of a table that is not at its default."""
    lines = []
    for entry in fields(table):
        value = getattr(table, entry.name)
        if value == entry.default and entry.default is not MISSING:
            continue
        if isinstance(table, CustomSplit) and isinstance(value, tuple) and len(value) == 1:
            (value,) = value
        lines.append(f"{entry.name} = {_value(value)}")
    return lines


def _value(value: Any) -> str:
    """Return a value as TOML writes it; JSON's texts, lists, numbers and truths are TOML's."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("\x7f", "\\u007f")
