"""Your own data: a TOML file names the files, the label, the fields and the split.

``examples/custom.toml`` is a commented example. Files are read as streams (CSV, TSV or parquet,
compressed with gzip or zstd or not), except those with a separator of several characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from aesbench.datasets.buckets import bucket
from aesbench.datasets.custom.agreement import whole_as_integers
from aesbench.datasets.custom.config import (
    HISTORY,
    CustomConfig,
    CustomField,
    Join,
    Table,
    read_config,
)
from aesbench.datasets.custom.conversions import (
    Conversion,
    caster,
    check_conversions,
    moment,
    number_types,
)
from aesbench.datasets.custom.tables import check_lines, first_line, scan, scan_each
from aesbench.datasets.custom.timestamps import PARTS
from aesbench.datasets.encode import LABEL, FieldSpec, encode
from aesbench.datasets.histories import HistorySpec
from aesbench.datasets.source import Source
from aesbench.datasets.splits import GIVEN, GROUP, TIMESTAMP, USER, SplitRule
from aesbench.datasets.writer import DatasetWriter
from aesbench.errors import ConfigError, DataError, did_you_mean


class CustomSource(Source):
    """A data set described by a TOML file; its name is the file's, without the ending."""

    Config = CustomConfig
    config: CustomConfig

    def __init__(self, config: CustomConfig, *, name: str, folder: Path) -> None:
        super().__init__(config)
        self.name = self.title = name
        self._folder = folder

    @classmethod
    def from_toml(cls, path: Path) -> CustomSource:
        """Read the description.

        Raises:
            ConfigError: see ``read_config``.
        """
        return cls(read_config(path), name=path.stem, folder=path.parent)

    def files(self, data_dir: Path | None, cache: Path) -> Mapping[str, Path]:
        """Find every file the TOML file names, in the data folder or beside the TOML file."""
        places = [*([] if data_dir is None else [data_dir]), self._folder]
        found = {}
        for _, names in self._tables():
            for name in names:
                paths = [place / name for place in places if (place / name).is_file()]
                if not paths:
                    raise DataError(
                        f"data set '{self.name}' lacks {name}; put it into"
                        f" {' or '.join(str(place) for place in places)}, or correct its name"
                    )
                found[name] = paths[0]
        return found

    def split_rule(self) -> SplitRule:
        """Return the rule of the part ``[split]``."""
        return self.config.split.resolved

    def drawn(self, draw: int) -> CustomSource:
        """Return the source with one draw of the split."""
        split = replace(self.config.split, seed=draw)
        config = replace(self.config, split=split)
        source = CustomSource(config, name=self.name, folder=self._folder)
        source.provider = self.provider
        return source

    def build(self, files: Mapping[str, Path], writer: DatasetWriter) -> None:
        """Read, join, split and encode the files."""
        config = self.config
        for table, names in self._tables():
            check_lines(table, names, files)
        final, raw, conversions = self._taken(files)
        try:
            encode(
                final,
                self.specs,
                self.split_rule(),
                writer,
                min_count=config.min_count,
                histories=self.histories,
            )
        except pl.exceptions.PolarsError as error:
            check_conversions(raw, conversions)
            raise DataError(
                f"cannot read data set '{self.name}': {first_line(error)}; check the label"
                f" ({config.label!r}), the expressions and the files"
            ) from error

    @property
    def specs(self) -> list[FieldSpec]:
        """The fields, for the encoder."""
        return [
            FieldSpec(field.name, multi=field.kind == "multi", allow_constant=field.allow_constant)
            for field in self.config.fields
        ]

    @property
    def histories(self) -> list[HistorySpec]:
        """The histories, by the key columns that ``values`` makes for them."""
        return [
            replace(
                history,
                by=_history_key(history.name, "by"),
                time=_history_key(history.name, "time"),
            )
            for history in self.config.histories
        ]

    def values(self, files: Mapping[str, Path]) -> pl.LazyFrame:
        """Return what is encoded: a column per field, ``LABEL``, and the keys of the split rule and
        of the histories.

        Raises:
            ConfigError: the TOML file names what the files do not have.
            DataError: the files do not agree.
        """
        return self._taken(files)[0]

    def _taken(
        self, files: Mapping[str, Path]
    ) -> tuple[pl.LazyFrame, pl.LazyFrame, list[Conversion]]:
        """Return ``values``, the raw rows, and how the one is made of the other."""
        config = self.config
        rows = self._joined(files)
        conversions = [self._conversion(field, rows) for field in config.fields]
        split_keys, history_keys = self._keys(rows), self._history_keys(rows)
        keys = [*split_keys, *history_keys]
        label, kept = self._label(rows), self._condition(rows)
        views = self._views(rows, label, kept)
        self._check_condition(rows, kept, views)
        if config.sort_by:
            self._check_columns(config.sort_by, rows, "sort_by")
            types = number_types(rows, config.sort_by)
            rows = rows.sort(
                [pl.col(name).cast(types[name]) for name in config.sort_by], maintain_order=True
            )
        # The label's columns become numbers under their own names, so the fields are taken first.
        names = [field.name for field in config.fields]
        numbered = [f"__field_{place}__" for place in range(len(names))]
        taken = rows.select(
            *(c.convert(True).alias(n) for c, n in zip(conversions, numbered, strict=True)),
            *(c.convert(True).alias(c.name) for c in keys),
            *(c.convert(True).alias(c.name) for c in views),
        )
        final = taken.filter(kept).select(
            *(pl.col(n).alias(name) for n, name in zip(numbered, names, strict=True)),
            *config.split.resolved.keys,
            *(key.name for key in history_keys),
            label.alias(LABEL),
        )
        if config.deduplicate:
            final = final.unique([*names, LABEL], keep="first", maintain_order=True)
        return final, rows, [*conversions, *keys, *views]

    def _tables(self) -> Iterable[tuple[Table, Sequence[str]]]:
        """Yield each table with the names of its files, those of a given split among them."""
        rows, split = self.config.rows, self.config.split
        yield rows, (*rows.files, *split.train, *split.validation, *split.test)
        for join in self.config.join:
            yield join, join.files

    def _joined(self, files: Mapping[str, Path]) -> pl.LazyFrame:
        """Return the rows with the columns of their side tables, and ``GIVEN`` if it is given."""
        table, split = self.config.rows, self.config.split
        if split.resolved.rule == "given":
            dealt = (split.train, split.validation, split.test)
            names = [name for part in dealt for name in part]
            places = [place for place, part in enumerate(dealt) for _ in part]
            rows = pl.concat(
                frame.with_columns(pl.lit(place, pl.UInt8).alias(GIVEN))
                for place, frame in zip(places, scan_each(table, names, files), strict=True)
            )
        else:
            rows = scan(table, table.files, files)
        for join in self.config.join:
            rows = self._attach(rows, join, files)
        return rows

    def _attach(self, rows: pl.LazyFrame, join: Join, files: Mapping[str, Path]) -> pl.LazyFrame:
        what = f"the join with {', '.join(join.files)}"
        side = scan(join, join.files, files)
        on = list(join.on)
        self._check_columns(on, rows, what)
        self._check_columns(on, side, what)
        both = {*_names(side)} & {*_names(rows)} - {*on}
        if both:
            raise ConfigError(
                f"{what}: the rows have a column '{min(both)}' already; give the side table's"
                " another name with columns = [...], or leave it out of the file"
            )
        for column in on:
            # A gap makes floats of pandas' whole numbers, and 3.0 is no partner of 3.
            side, rows = (whole_as_integers(frame, column) for frame in (side, rows))
        side, rows = (frame.with_columns(pl.col(on).cast(pl.String)) for frame in (side, rows))
        twice = side.group_by(on).len().filter(pl.col("len") > 1).head(1).collect()
        if twice.height:
            raise DataError(
                f"{what}: {', '.join(on)} = {', '.join(map(repr, twice.row(0)[:-1]))} stands there"
                f" {twice['len'][0]} times; keep one line for each"
            )
        return rows.join(side, on=on, how="left", maintain_order="left")

    def _check_columns(self, names: Iterable[str], rows: pl.LazyFrame, what: str) -> None:
        present = _names(rows)
        for name in names:
            if name not in present:
                raise ConfigError(
                    f"data set '{self.name}': {what} names the column '{name}', which the files"
                    f" do not have{did_you_mean(name, present)} Columns: {', '.join(present)}"
                )

    def _expression(self, sql: str, rows: pl.LazyFrame, what: str) -> pl.Expr:
        try:
            expression = pl.sql_expr(sql)
        except pl.exceptions.PolarsError as error:
            raise ConfigError(
                f"data set '{self.name}': {what} is no SQL expression: {sql!r}:"
                f" {first_line(error)}; write something like rating > 3, text in single quotes"
            ) from error
        self._check_columns(expression.meta.root_names(), rows, f"{what} ({sql!r})")
        return expression

    def _conversion(self, field: CustomField, rows: pl.LazyFrame) -> Conversion:
        what = f"field '{field.name}'"
        if field.expression:
            raw = self._expression(field.expression, rows, what)
        else:
            column = field.column or field.name
            self._check_columns([column], rows, what)
            raw = pl.col(column)
        dtype = self._dtype(rows, raw, what)
        if field.kind == "numeric":
            return Conversion(
                field.name, raw, "a number", lambda s: bucket(raw.cast(pl.Float64, strict=s))
            )
        if field.kind in PARTS:
            expected = f"a time {field.format}" if field.format else f"a time in {field.unit}"
            return Conversion(
                field.name,
                raw,
                expected,
                lambda s: PARTS[field.kind](moment(raw, dtype, field.unit, field.format, s)),
            )
        if field.kind == "multi":
            lists = raw if isinstance(dtype, pl.List) else raw.str.split(field.separator)
            values = lists.cast(pl.List(pl.String))
            filled = values.list.eval(pl.element().filter(pl.element() != ""))
            return Conversion(field.name, raw, "text", lambda _: filled)
        return Conversion(field.name, raw, "text", lambda _: raw.cast(pl.String))

    def _dtype(self, rows: pl.LazyFrame, raw: pl.Expr, what: str) -> pl.DataType:
        try:
            return rows.select(raw).collect_schema().dtypes()[0]
        except pl.exceptions.PolarsError as error:
            raise ConfigError(
                f"data set '{self.name}': {what}: {first_line(error)}; columns of text files are"
                " text in an expression: CAST(column AS DOUBLE) makes numbers of them"
            ) from error

    def _keys(self, rows: pl.LazyFrame) -> list[Conversion]:
        """Return the columns of the split rule."""
        split, keys = self.config.split, []
        needed = split.resolved.keys
        named = {USER: (split.user,), TIMESTAMP: (split.timestamp,), GROUP: split.group}
        columns = [name for key in needed for name in named.get(key, ())]
        self._check_columns(columns, rows, "the split")
        if GIVEN in needed:
            keys.append(Conversion(GIVEN, pl.col(GIVEN), "a split", lambda _: pl.col(GIVEN)))
        if USER in needed:
            user = pl.col(split.user)
            keys.append(Conversion(USER, user, "text", caster(user, pl.String())))
        if GROUP in needed:
            group = _together(split.group)
            keys.append(Conversion(GROUP, group, "text", lambda _: group))
        if TIMESTAMP in needed:
            keys.append(self._time(TIMESTAMP, split.timestamp, split.format, rows, "the split"))
        return keys

    def _history_keys(self, rows: pl.LazyFrame) -> list[Conversion]:
        """Return the columns of the histories, as ``histories`` calls them."""
        keys, own = [], [field for field in self.config.field if field.kind == HISTORY]
        for field, history in zip(own, self.config.histories, strict=True):
            what = f"history '{field.name}'"
            self._check_columns([history.by, history.time], rows, what)
            user = pl.col(history.by)
            by, time = (_history_key(field.name, key) for key in ("by", "time"))
            keys.append(Conversion(by, user, "text", caster(user, pl.String())))
            # The split's own column has the split's format.
            form = field.format or ("" if field.time else self.config.split.format)
            keys.append(self._time(time, history.time, form, rows, what))
        return keys

    def _time(self, name: str, column: str, form: str, rows: pl.LazyFrame, what: str) -> Conversion:
        """Return a column by whose values rows are ordered; text without a format sorts as text."""
        raw = pl.col(column)
        dtype = self._dtype(rows, raw, what)
        if form:
            return Conversion(
                name, raw, f"a time {form}", lambda s: moment(raw, dtype, "s", form, s)
            )
        number = number_types(rows, [column])[column]
        return Conversion(name, raw, "a number", caster(raw, number))

    def _label(self, rows: pl.LazyFrame) -> pl.Expr:
        return self._expression(self.config.label, rows, "the label")

    def _condition(self, rows: pl.LazyFrame) -> pl.Expr:
        """Which rows are kept."""
        if not self.config.where:
            return pl.lit(True)
        return self._expression(self.config.where, rows, "where")

    def _check_condition(
        self, rows: pl.LazyFrame, kept: pl.Expr, views: Iterable[Conversion]
    ) -> None:
        seen = rows.select(view.convert(False).alias(view.name) for view in views)
        if self._dtype(seen, kept, "where") != pl.Boolean:
            raise ConfigError(
                f"data set '{self.name}': where is no condition: {self.config.where!r}; give one"
                " that is true or false for every row, such as rating IS NOT NULL"
            )

    def _views(self, rows: pl.LazyFrame, *expressions: pl.Expr) -> list[Conversion]:
        """Return the columns of the expressions, as numbers where they hold numbers."""
        names = list(dict.fromkeys(n for e in expressions for n in e.meta.root_names()))
        types = number_types(rows, names)
        views = []
        for name in names:
            # Whole numbers at the start of a file do not promise whole numbers to its end.
            number = pl.Float64() if types[name] == pl.Int64 else types[name]
            raw = pl.col(name)
            views.append(Conversion(name, raw, "a number", caster(raw, number)))
        return views


def _history_key(name: str, key: str) -> str:
    return f"__{key} of history {name}__"  # As messages have it, but for the underscores.


def _together(columns: Sequence[str]) -> pl.Expr:
    """One text for the values of one or of several columns."""
    texts = [pl.col(name).cast(pl.String) for name in columns]
    if len(texts) == 1:
        return texts[0]
    # Lengths beside the values: "a", "bc" and "ab", "c" are two groups.
    parts = [
        part
        for text in texts
        for part in (text.str.len_bytes().cast(pl.String).fill_null("-"), text.fill_null(""))
    ]
    return pl.concat_str(parts, separator=" ")


def _names(rows: pl.LazyFrame) -> list[str]:
    return rows.collect_schema().names()
