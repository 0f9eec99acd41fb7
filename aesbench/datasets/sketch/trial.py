"""A description tried on the sample, so that what is written can be prepared."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import polars as pl

from aesbench.datasets.base import SPLITS
from aesbench.datasets.custom.config import CustomConfig, CustomSplit, Table
from aesbench.datasets.custom.source import CustomSource
from aesbench.datasets.custom.tables import first_line
from aesbench.datasets.encode import LABEL
from aesbench.datasets.sketch.columns import Looked
from aesbench.datasets.sketch.fields import FieldGuess
from aesbench.errors import DataError


def try_on(config: CustomConfig, looked: Looked) -> tuple[set[str], list[str]]:
    """Take the sample for the data set.

    Returns:
        The fields of which train has one value only, and what is wrong with the split.
    """
    split = config.split
    if split.resolved.rule == "given":
        split = CustomSplit(rule="order")
    with tempfile.TemporaryDirectory() as folder:
        file = "sample.parquet"
        looked.frame.write_parquet(Path(folder) / file)
        tried = replace(config, rows=Table(files=(file,)), split=split)
        source = CustomSource(tried, name="sample", folder=Path(folder))
        try:
            values = source.values(source.files(None, Path(folder))).collect()
        except pl.exceptions.PolarsError as error:
            raise DataError(
                f"what was guessed of the columns does not hold: {first_line(error)}; describe the"
                " file by hand, as examples/custom.toml does"
            ) from error
    rule = replace(split.resolved, seed=split.seed or 0)  # Of a drawn one the first draw.
    assigned = pl.Series(rule.assign(values.lazy()))
    train = values.filter(assigned == 0)
    untrained = {
        field.name
        for field in config.field
        if field.kind != "multi" and train[field.name].fill_null("").n_unique() == 1
    }
    remarks = []
    if split is config.split:
        for number, name in enumerate(SPLITS):
            labels = values.filter(assigned == number)[LABEL].cast(pl.Float64)
            if labels.n_unique() < 2:
                remarks.append(
                    f"CHECK the split: {name} has labels of one class, or no rows; choose another."
                )
    return untrained, remarks


def expected(guess: FieldGuess, untrained: set[str]) -> FieldGuess:
    """Allow a field what the sample has shown: one value in train."""
    if guess.field is None or guess.field.name not in untrained:
        return guess
    note = "; ".join([*([guess.note] if guess.note else []), "one value in train under this split"])
    return replace(guess, field=replace(guess.field, allow_constant=True), note=note)
