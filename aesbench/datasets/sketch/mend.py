"""What to do about rows that repeat: keep each once, hold out groups, or know of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from aesbench.datasets.custom.config import CustomConfig, CustomSplit
from aesbench.datasets.custom.source import CustomSource
from aesbench.datasets.sketch.columns import MOST_ROWS
from aesbench.datasets.sketch.repeats import (
    WORTH_A_WARNING,
    Repeats,
    count_repeats,
    given_twins,
)

Other = tuple[str, CustomSplit]
"""Another split, and the reason for it."""


def mend_repeats(
    source: CustomSource, config: CustomConfig
) -> tuple[list[str], CustomConfig, list[Other]]:
    """Return what to say of rows that repeat, the description that mends it, and other splits."""
    names = [field.name for field in config.field]
    values = source.values(source.files(None, Path())).head(MOST_ROWS)
    if config.split.resolved.rule == "given":
        twins = given_twins(values, names)
        if twins < WORTH_A_WARNING:
            return [], config, []
        said = [
            f"Rows repeat: {twins:.1%} of the test rows stand in train with all their fields, so"
            " that a model is asked what it was told. A published split is better left as it is; to"
            " drop such rows (those with the same label) set this to true."
        ]
        return said, config, []
    repeats = count_repeats(values, names)
    if not repeats.are_many:
        return [], config, []
    return _mend(repeats, config)


def _together(config: CustomConfig) -> list[Other]:
    """Return the split under which no two equal rows are parted.

    Groups are of columns whose values are encoded as they are: rows that are equal in all fields
    are equal in these, and buckets and hours are left to fall as they may.
    """
    names = [
        field.column or field.name
        for field in config.field
        if field.kind in ("categorical", "multi") and not field.expression
    ]
    if not names:
        return []
    why = "all rows are kept, and equal ones stay together in one part"
    return [(why, CustomSplit(rule="group", group=tuple(dict.fromkeys(names))))]


def _mend(repeats: Repeats, config: CustomConfig) -> tuple[list[str], CustomConfig, list[Other]]:
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
            return [counts], config, []
    on_both = (
        f"Under a random split {repeats.twins:.1%} of the test rows stand in train with all their"
        f" fields, {repeats.labelled_twins:.1%} with their label, too: a model that remembers rows"
        " looks good, and wide vectors with it."
    )
    if rule != "random":
        once = (
            f"By {rule}, too, rows of test may repeat rows of train; to keep each once, set this to"
        )
        return [counts, on_both, f"{once} true."], config, []
    apart = _together(config)
    if repeats.are_copies and not repeats.are_dense:
        kept = "So equal rows are kept once."
        return [counts, on_both, kept], replace(config, deduplicate=True), apart
    differ = (
        "They differ in their labels, so that dropping copies is not enough: a split by groups of"
        " equal rows, below, mends it."
    )
    return [counts, on_both, *([] if repeats.are_copies else [differ])], config, apart
