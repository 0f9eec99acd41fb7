"""What to do about rows that repeat: keep each once, hold out groups, or know of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from aesbench.datasets.custom.config import CustomConfig
from aesbench.datasets.custom.source import CustomSource
from aesbench.datasets.sketch.columns import MOST_ROWS
from aesbench.datasets.sketch.repeats import (
    WORTH_A_WARNING,
    Repeats,
    count_repeats,
    given_twins,
)


def mend_repeats(source: CustomSource, config: CustomConfig) -> tuple[list[str], CustomConfig]:
    """Return what to say of rows that repeat, and the description that mends it."""
    names = [field.name for field in config.field]
    values = source.values(source.files(None, Path())).head(MOST_ROWS)
    if config.split.resolved.rule == "given":
        twins = given_twins(values, names)
        if twins < WORTH_A_WARNING:
            return [], config
        return [
            f"Rows repeat: {twins:.1%} of the test rows stand in train with all their fields, so"
            " that a model is asked what it was told. A published split is better left as it is; to"
            " drop such rows (those with the same label) set this to true."
        ], config
    repeats = count_repeats(values, names)
    if not repeats.are_many:
        return [], config
    return _mend(repeats, config)


def _mend(repeats: Repeats, config: CustomConfig) -> tuple[list[str], CustomConfig]:
    rule = config.split.resolved.rule
    counts = (
        f"Rows repeat: {repeats.rows:,} rows have {repeats.distinct:,} different combinations of"
        f" all fields, {repeats.distinct_labelled:,} with the label."
    )
    if repeats.are_dense:
        counts += (
            " So few combinations have to repeat, and dropping repetitions would drop the data."
        )
        if rule != "random":
            return [counts], config
    on_both = (
        f"Under a random split {repeats.twins:.1%} of the test rows stand in train with all their"
        f" fields, {repeats.labelled_twins:.1%} with their label, too: a model that remembers rows"
        " looks good, and wide vectors with it."
    )
    columns = [field.column or field.name for field in config.field if not field.expression]
    group = (
        f'To keep all rows and have none on both sides: rule = "group", group = {_listed(columns)}'
        " under [split]."
    )
    if rule != "random":
        after = f"By {rule}, later rows may repeat earlier ones, which is as it is in use;" \
            " to keep each row once, set this to true."  # fmt: skip
        return [counts, on_both, after], config
    if repeats.are_copies and not repeats.are_dense:
        kept = "So equal rows are kept once."
        return [counts, on_both, kept, group], replace(config, deduplicate=True)
    differ = "They differ in their labels, so that dropping copies is not enough."
    return [counts, on_both, *([] if repeats.are_copies else [differ]), group], config


def _listed(names: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in dict.fromkeys(names)) + "]"
