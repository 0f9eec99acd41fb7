"""What a custom data set's TOML file may say, and its strict reading.

``examples/custom.toml`` shows every setting with a comment.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from aesbench.core.settings import later
from aesbench.datasets.custom.timestamps import PARTS
from aesbench.datasets.encode import check_min_count
from aesbench.datasets.histories import LENGTH, HistorySpec
from aesbench.datasets.splits import SplitRule
from aesbench.errors import ConfigError, did_you_mean

HISTORY = "history"
KINDS = ("categorical", "multi", "numeric", *PARTS, HISTORY)
UNITS = ("s", "ms", "us")


@dataclass(frozen=True, kw_only=True)
class Table:
    """One or several files of the same columns.

    Attributes:
        files: paths relative to the TOML file or to the data folder.
        separator: between columns; by default ``,`` for .csv and a tab for .tsv. With several
            characters, such as ``::``, the files have no quoting and are read at once.
        columns: the names, for text files without a header line.
        encoding: of text files.
        missing: what stands for a missing value, besides nothing at all.
    """

    files: tuple[str, ...] = ()
    separator: str = ""
    columns: tuple[str, ...] = ()
    encoding: str = "utf-8"
    missing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        try:
            "".encode(self.encoding)
        except LookupError as error:
            raise ConfigError(
                f"unknown encoding '{self.encoding}'; expected utf-8, latin-1 or another that"
                " Python knows"
            ) from error
        if len(self.separator) > 1 and not self.columns:
            raise ConfigError(
                f"files separated by {self.separator!r} need the names of their columns:"
                ' columns = ["user", ...]'
            )
        for name in self.columns:
            if self.columns.count(name) > 1:
                raise ConfigError(f"columns must be distinct, got {name!r} twice")


@dataclass(frozen=True, kw_only=True)
class Join(Table):
    """A side table; each row takes the columns of the side row with the same ``on``.

    Rows without a partner get missing values.
    """

    on: tuple[str, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.files or not self.on:
            raise ConfigError("a join needs files and the columns it is on")


@dataclass(frozen=True, kw_only=True)
class CustomField:
    """One field.

    Attributes:
        name: the field's name.
        kind: ``categorical``, ``multi`` (several values in one text), ``numeric`` (put into the
            paper's buckets), a part of a timestamp: ``hour``, ``weekday`` (7 values), ``weekend``
            (2 values), ``day``; or ``history``, the values that another field had in earlier train
            rows of the same user.
        column: where its values are; by default the column of the field's name.
        expression: SQL that gives its values, instead of a column.
        separator: between the values of a multi-valued field.
        unit: of timestamps that are numbers since 1970: s, ms or us.
        format: of timestamps that are text, such as ``%Y-%m-%d %H:%M:%S``.
        allow_constant: whether one value in the train split is expected.
        of: the field whose values a history holds; it has one value per row.
        by: the column that says whose history it is; by default the user of the split.
        time: the column that orders a history; by default the timestamp of the split.
        length: the most items of a history, of which the latest are kept.
    """

    name: str
    kind: str = "categorical"
    column: str = ""
    expression: str = ""
    separator: str = "|"
    unit: str = "s"
    format: str = ""
    allow_constant: bool = False
    of: str = later("")
    by: str = later("")
    time: str = later("")
    length: int = later(LENGTH)

    def __post_init__(self) -> None:
        if not self.name or self.name.startswith("__"):
            raise ConfigError(
                f"{self.name!r} is no field name; give one that does not start with __"
            )
        if self.kind not in KINDS:
            raise ConfigError(
                f"unknown kind '{self.kind}'{did_you_mean(self.kind, KINDS)} Known kinds:"
                f" {', '.join(KINDS)}"
            )
        if self.unit not in UNITS:
            raise ConfigError(f"unknown unit '{self.unit}'; expected {', '.join(UNITS)}")
        if self.column and self.expression:
            raise ConfigError("it has both a column and an expression; keep one")
        if not self.separator:
            raise ConfigError("the separator of a multi-valued field cannot be empty")
        is_history = self.kind == HISTORY
        if is_history and (self.column or self.expression):
            raise ConfigError("a history has no column of its own; name those of by and time")
        if is_history and not self.of:
            raise ConfigError('a history is of a field\'s values: name it, as in of = "item"')
        if not is_history and (self.of or self.by or self.time):
            raise ConfigError(f'of, by and time belong to kind = "history", this is {self.kind!r}')


@dataclass(frozen=True, kw_only=True)
class CustomSplit:
    """How rows are dealt to train, validation and test.

    Attributes:
        rule: ``user-time``, ``time``, ``order``, ``random``, ``group`` or ``given``; by default the
            first for which the columns are named: ``user-time``, ``time``, ``group``, else
            ``random``.
        user, timestamp: columns, for the rules that need them.
        group: a column, or several: rows that agree in all of them are one group, a missing value
            among several counting as one of its own.
        format: of timestamps whose text does not sort by time, such as ``%d/%m/%Y``.
        seed: of the random split and of that by groups; without it the seed of each run draws its
            own.
        shares: of the three splits.
        train, validation, test: the files of a given split, instead of ``files`` under [rows].
    """

    rule: str = ""
    user: str = ""
    timestamp: str = ""
    group: tuple[str, ...] = ()
    format: str = ""
    seed: int | None = None
    shares: tuple[int, int, int] = (8, 1, 1)
    train: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        rule = self.resolved.rule
        needed = {
            "user-time": ("user", "timestamp"),
            "time": ("timestamp",),
            "group": ("group",),
            "given": ("train", "validation", "test"),
        }.get(rule, ())
        for name in needed:
            if not getattr(self, name):
                what = "files" if rule == "given" else "a column"
                raise ConfigError(f"the '{rule}' split needs {what}: {name} = ...")

    @property
    def resolved(self) -> SplitRule:
        """The rule in the encoder's terms."""
        rule = self.rule
        if not rule:
            if self.train or self.validation or self.test:
                rule = "given"
            elif self.timestamp:
                rule = "user-time" if self.user else "time"
            elif self.group:
                rule = "group"
            else:
                rule = "random"
        return SplitRule(rule, self.seed, self.shares)


@dataclass(frozen=True, kw_only=True)
class CustomConfig:
    """A custom data set.

    Attributes:
        rows: the files with a row per labelled example.
        label: an SQL condition, or a column of 0 and 1. A column of numbers counts as numbers.
        field: the fields, in the order of their ids.
        split: how rows are dealt to the splits.
        join: side tables.
        where: an SQL condition; rows for which it is not true are left out.
        deduplicate: keep rows that are equal in all fields, as they are encoded, and in the label
            once: the first of them, in the order of the files or of ``sort_by``, train's before
            validation's before test's. So no row of a split stands in another one.
        min_count: rarer values of the train split share the out-of-vocabulary id.
        sort_by: columns to order the rows by before they are split; numbers by their size.
    """

    label: str
    field: tuple[CustomField, ...]
    rows: Table = Table()
    split: CustomSplit = CustomSplit()
    join: tuple[Join, ...] = ()
    where: str = ""
    deduplicate: bool = False
    min_count: int = 1
    sort_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_min_count(self.min_count)
        given = self.split.resolved.rule == "given"
        if given == bool(self.rows.files):
            raise ConfigError(
                "a given split names its files as train, validation and test under [split]; leave"
                " out files under [rows]"
                if given
                else 'no files; name them under [rows]: files = ["ratings.csv"]'
            )
        names = [field.name for field in self.field]
        if not names:
            raise ConfigError("no fields; give each a table of its own: [[field]]")
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"field names must be distinct, got '{name}' twice")
        own = [field.name for field in self.fields]
        for history in self.histories:
            history.place(own, [field.name for field in self.fields if field.kind == "multi"])

    @property
    def fields(self) -> tuple[CustomField, ...]:
        """Those that have a table of their own."""
        return tuple(field for field in self.field if field.kind != HISTORY)

    @property
    def histories(self) -> tuple[HistorySpec, ...]:
        """The others, by columns of the rows.

        Raises:
            ConfigError: the column by which, or in whose order, is not told.
        """
        found = []
        for field in self.field:
            if field.kind == HISTORY:
                by, time = field.by or self.split.user, field.time or self.split.timestamp
                for key, column in (("by", by), ("time", time)):
                    if not column:
                        raise ConfigError(
                            f"history '{field.name}' needs a column: {key} = ...; the split names"
                            " none"
                        )
                found.append(HistorySpec(field.name, field.of, by, time, field.length))
        return tuple(found)


def read_config(path: Path) -> CustomConfig:
    """Read a TOML file.

    Raises:
        ConfigError: it is no TOML, or says something unknown; the message names the place.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 ({error}); save it as UTF-8") from error
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        number = int(found[1]) if found else text.count("\n") + 1
        raise ConfigError(f"{path}:{number}: not valid TOML: {error}") from error
    config: CustomConfig = _parse(CustomConfig, content, str(path), "")
    return config


def _parse(kind: Any, value: Any, file: str, place: str) -> Any:
    """Turn a TOML value into ``kind``; ``place`` says where it stands, for messages."""
    where = f"{file}: {place}: " if place else f"{file}: "
    if is_dataclass(kind):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where}expected a table, got {value!r}")
        return _parse_table(kind, value, file, place)
    if get_origin(kind) is tuple:
        member, *rest = get_args(kind)
        if is_dataclass(member):
            if not isinstance(value, list):
                raise ConfigError(f"{where}write it as [[{place}]], a table for each")
            return tuple(
                _parse(member, entry, file, _entry_name(place, number, entry))
                for number, entry in enumerate(value, start=1)
            )
        entries = value if isinstance(value, list) else [value]
        if rest != [Ellipsis] and len(entries) != 1 + len(rest):
            raise ConfigError(f"{where}expected {1 + len(rest)} values, got {value!r}")
        return tuple(_parse(member, entry, file, place) for entry in entries)
    if isinstance(kind, UnionType):  # TOML has no null: None is what is left out.
        (kind,) = (one for one in get_args(kind) if one is not NoneType)
    if type(value) is not kind:
        expected = {str: "text in quotes", int: "a whole number", bool: "true or false"}[kind]
        raise ConfigError(f"{where}expected {expected}, got {value!r}")
    return value


def _parse_table(kind: Any, value: Mapping[str, Any], file: str, place: str) -> Any:
    where = f"{file}: in {place}: " if place else f"{file}: "
    hints = get_type_hints(kind)
    for key in value:
        if key not in hints:
            raise ConfigError(
                f"{where}unknown key '{key}'{did_you_mean(key, hints)}"
                f" known keys: {', '.join(hints)}"
            )
    for field in fields(kind):
        if field.default is MISSING and field.name not in value:
            raise ConfigError(f"{where}'{field.name}' is missing; add it")
    settings = {
        key: _parse(hints[key], entry, file, f"{place}.{key}" if place else key)
        for key, entry in value.items()
    }
    try:
        return kind(**settings)
    except ConfigError as error:
        raise ConfigError(f"{where}{error}") from error


def _entry_name(place: str, number: int, entry: Any) -> str:
    name = entry.get("name") if isinstance(entry, Mapping) else None
    return f"{place} '{name}'" if isinstance(name, str) else f"{place} {number}"
