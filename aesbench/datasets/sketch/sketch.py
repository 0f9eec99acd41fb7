"""Describe a file of one's own: from its path and the label's name to the text of a TOML file.

Guesses come from names, types and counts (``columns``), the label's rule (``label``), what each
column tells of it (``leaks``), kinds (``fields``), the split (``split``) and rows that repeat
(``repeats``). The description is then tried on the sample, so that what it says can be prepared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from aesbench.datasets.custom.config import CustomConfig, CustomField, Table
from aesbench.datasets.custom.source import CustomSource
from aesbench.datasets.custom.tables import check_lines, first_line, scan
from aesbench.datasets.sketch import leaks
from aesbench.datasets.sketch.columns import Looked, look
from aesbench.datasets.sketch.fields import FieldGuess, guess_fields
from aesbench.datasets.sketch.given import Parts, find_parts
from aesbench.datasets.sketch.label import LabelRule, find_label, say_what_could_be
from aesbench.datasets.sketch.layout import find_layout
from aesbench.datasets.sketch.mend import mend_repeats
from aesbench.datasets.sketch.split import SplitGuess, guess_split
from aesbench.datasets.sketch.trial import expected, try_on
from aesbench.datasets.sketch.write import write_toml
from aesbench.errors import ConfigError, DataError

_UNSEEN = "none of its values in validation or test occurs in train under this split"


@dataclass(frozen=True)
class Sketch:
    """What was written, and what its reader should know at once.

    Attributes:
        text: the TOML file's.
        label: the rule.
        split: the split rule.
        fields: names of the fields.
        left_out: {column: why}.
        remarks: warnings.
        checks: what to check before the file is used.
    """

    text: str
    label: str
    split: str
    fields: tuple[str, ...]
    left_out: Mapping[str, str]
    remarks: tuple[str, ...]
    checks: tuple[str, ...]


def sketch(
    path: Path,
    label: str | None,
    output: Path,
    *,
    separator: str = "",
    columns: Sequence[str] = (),
    encoding: str = "",
) -> Sketch:
    """Describe a file.

    Args:
        path: of the rows, or of the train rows of a given split.
        label: its column, or an SQL rule over columns; None to be told which could be.
        output: where the TOML file will lie; the paths in it are relative to that.
        separator, columns, encoding: as ``Table`` has them, where they cannot be guessed.

    Raises:
        ConfigError: the label is missing or is none; the message says what could be.
        DataError: the file cannot be read, or has no header line.
    """
    table = find_layout(path, separator=separator, columns=columns, encoding=encoding)
    looked = _look(path, table)
    if label is None:
        raise ConfigError(say_what_could_be(looked, path))
    rule = find_label(looked, label)
    others = {n: c for n, c in looked.columns.items() if n not in rule.columns}
    alone = leaks.alone(others, rule.labels)
    late = leaks.afterwards(others, rule.labels)
    leaking = {n for n in others if n in late or alone.get(n, 0.5) >= leaks.LEAK}
    parts = find_parts(path, table, [*looked.columns])
    names = _names(path, parts, output)
    usable = {n: c for n, c in others.items() if n not in leaking}
    split = guess_split(usable, parts, names)
    guesses = [
        replace(guess, out=_UNSEEN) if guess.column in split.unseen and not guess.out else guess
        for guess in guess_fields(others, alone, late)
    ]
    config = CustomConfig(
        label=rule.rule,
        where=rule.where,
        field=_fields(guesses, path),
        rows=table if parts.are_whole else replace(table, files=(names["train"],)),
        split=split.split,
    )
    untrained, remarks = try_on(config, looked)
    guesses = [expected(guess, untrained) for guess in guesses]
    source = CustomSource(config, name=output.stem, folder=output.resolve().parent)
    said, config, apart = mend_repeats(source, config)
    split = replace(split, alternatives=(*split.alternatives, *apart))
    return _write(looked, rule, split, guesses, config, said, (*parts.remarks, *remarks))


def _look(path: Path, table: Table) -> Looked:
    files = {path.name: path}
    try:
        looked = look(scan(table, [path.name], files))
    except (pl.exceptions.PolarsError, OSError) as error:
        check_lines(table, [path.name], files)
        raise DataError(f"cannot read {path}: {first_line(error)}; fetch it again") from error
    if not looked.rows:
        raise DataError(f"{path} has no rows; fetch it again")
    if looked.is_all and [*looked.columns.values()][-1].missing:
        check_lines(table, [path.name], files)  # polars fills lines that are too short.
    return looked


def _names(path: Path, parts: Parts, output: Path) -> dict[str, str]:
    """Return {part: its file as the TOML file names it}: beside or below it, or from the root."""
    folder = output.resolve().parent
    places = {"train": path, "validation": parts.validation, "test": parts.test}
    named = {}
    for part, place in places.items():
        if place is not None:
            full = place.resolve()
            below = full.relative_to(folder) if full.is_relative_to(folder) else full
            named[part] = below.as_posix()
    return named


def _fields(guesses: Sequence[FieldGuess], path: Path) -> tuple[CustomField, ...]:
    kept = tuple(g.field for g in guesses if g.field is not None and not g.out)
    if not kept:
        why = "; ".join(f"{g.column}: {g.out}" for g in guesses[:5]) or "there is no other column"
        raise ConfigError(
            f"no column of {path} but the label's can be a field ({why}); add columns that tell"
            " rows apart"
        )
    return kept


def _write(
    looked: Looked,
    rule: LabelRule,
    split: SplitGuess,
    guesses: Sequence[FieldGuess],
    config: CustomConfig,
    repeated: Sequence[str],
    remarks: Sequence[str],
) -> Sketch:
    notes = [
        (f"field {guess.field.name}", guess.note)
        for guess in guesses
        if guess.field is not None and not guess.out
    ]
    checks = [
        *(line for line in rule.reasons if rule.is_asked and "CHECK" in line),
        *(f"{place}: {note}" for place, note in notes if "CHECK" in note),
        *(remark for remark in remarks if "CHECK" in remark),
    ]
    text = write_toml(
        heading=[*_heading(looked, bool(checks)), *remarks],
        table=config.rows,
        label=rule,
        split=split,
        guesses=guesses,
        deduplicate=config.deduplicate,
        repeats=repeated,
    )
    return Sketch(
        text,
        rule.rule,
        config.split.resolved.rule,
        tuple(field.name for field in config.field),
        {guess.column: guess.out for guess in guesses if guess.out},
        (*repeated, *(remark for remark in remarks if "CHECK" not in remark)),
        tuple(checks),
    )


def _heading(looked: Looked, has_checks: bool) -> list[str]:
    rows = f"{looked.rows:,} rows" if looked.is_all else f"the first {looked.rows:,} rows"
    seen = f"Counts are of {rows}"
    if looked.sampled < looked.rows:
        seen += (
            f"; kinds, leaks and the trial of the split are judged on {looked.sampled:,} of them,"
            " in evenly spread blocks"
        )
    seen += f" (leaks on random halves, seed {leaks.SEED})."
    start = "A start for a data set of your own, guessed by 'aesbench data sketch'."
    start += (
        " CHECK what is marked so, and read the rest." if has_checks else " Read it before use."
    )
    return [start, seen, "All settings: examples/custom.toml and docs/own-data.md."]
