"""A data set's probe, in plain words, and what is to be done about rows that repeat."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from aesbench.core.phrasing import listed
from aesbench.core.probe import MUCH_AUC, Probe, RateTable
from aesbench.datasets.base import Dataset
from aesbench.datasets.probes import MOST_EXTENDED, SMOOTHING_ROWS
from aesbench.terminal.table import make_table

_KINDS = {2: "best pair", 3: "best triple"}


def show_probe(
    console: Console, dataset: Dataset, probe: Probe, asked: Sequence[RateTable] = ()
) -> None:
    """Print the tables of rates, those asked for below them, and the twins.

    Args:
        console: where to.
        dataset: that was probed.
        probe: of it.
        asked: further tables.
    """
    rows = [(_KINDS[len(table.fields)], table) for table in probe.tables]
    rows += [("asked for", table) for table in asked]
    if rows:
        _show_tables(console, rows)
    if not probe.tables:
        console.print("No pair of fields has a single value each: there is no rate table.")
    if len(dataset.train) > probe.chosen_on["train"]:
        console.print(
            f"They were chosen by tables of {probe.chosen_on['train']:,} train rows, drawn with"
            " seed 0, and then made of all of them.",
            highlight=False,
        )
    if probe.left_out:
        fields = escape(listed(probe.left_out))
        console.print(f"In no table, since a row may have several of their values: {fields}.")
    _show_twins(console, dataset, probe)


def _show_tables(console: Console, rows: Sequence[tuple[str, RateTable]]) -> None:
    lines = [
        (what, table.title, f"{table.validation_auc:.4f}", f"{table.test_auc:.4f}")
        for what, table in rows
    ]
    header = ("rate table", "fields", "validation AUC", "test AUC")
    console.print(make_table(header, lines, texts=2, breaks=("fields",)))
    console.print(
        "A rate table is no model: a row scores the share of positives among the train rows with"
        f" its ids in these fields, smoothed by {SMOOTHING_ROWS} rows of the overall share. What it"
        " reaches takes no embedding, only memory of train. The pair is the best of all on"
        f" validation, the triple the best of those that extend one of the {MOST_EXTENDED} best"
        " pairs.",
        highlight=False,
    )


def _show_twins(console: Console, dataset: Dataset, probe: Probe) -> None:
    lines = [
        (
            split,
            f"{own.rows:,}",
            f"{own.share:.2%}",
            f"{own.other_label:.2%}",
            "–" if own.agreement is None else f"{own.agreement:.2%}",
        )
        for split, own in probe.twins.items()
    ]
    header = ("rows", "looked up", "twins in train", "with other label", "labels agree")
    console.print(make_table(header, lines, breaks=header[2:]))
    console.print(
        "Twins: train has rows with all their ids. With other label: some of these have the other"
        " label. Labels agree: how often a twin has the label of most of them, positives and"
        " negatives weighing the same; 50% is chance.",
        highlight=False,
    )
    if not probe.twins["test"].share:
        return
    if not probe.warns:
        console.print(
            "Remembering the labels of twins is worth less than"
            f" {MUCH_AUC:g} AUC over the best table: {probe.twins_worth:.4f}.",
            highlight=False,
        )
        return
    console.print(
        "[yellow]warning:[/] to remember the labels of twins, which wide vectors do best, is worth"
        f" about {probe.twins_worth:.3f} AUC: sizes may seem to matter that do not. (From"
        f" {MUCH_AUC:g} on that is as much as lies between seeds, and between methods.)",
        highlight=False,
    )
    console.print(_mended(dataset), highlight=False)


def _mended(dataset: Dataset) -> str:
    """Return what leaves no twins."""
    most = max(dataset.fields, key=lambda field: (field.columns == 1, field.cardinality))
    name = escape(most.name)
    return (
        "Two ways leave none. Of rows with equal ids and label keep one before they are split, in a"
        " TOML file by deduplicate = true: right where one event was logged twice. Or hold whole"
        f" values of a field out, such as those of {name};"
        rf' in a TOML file, group = "{name}" under \[split]: right where the question is'
        " about values never seen. A split by time leaves twins that come back later."
    )
