"""``aesbench data``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from aesbench.cli.options import data_options, load_settings, names, results_option
from aesbench.cli.preparation import load

_MOST_AT_ONCE = 25_000_000
"""Rows of tables for which ``data info`` makes a probe: about two seconds."""


@click.group()
def data() -> None:
    """Prepare, describe and verify data sets."""


@data.command("prepare")
@click.argument("name")
@data_options
def data_prepare(name: str, **options: Any) -> None:
    """Read the raw files and write the encoded splits."""
    dataset = _dataset(name, **options)
    click.echo(f"{dataset.name} {dataset.hash[:16]} in {dataset.folder}")


@data.command("info")
@click.argument("name")
@data_options
def data_info(name: str, **options: Any) -> None:
    """Print the size beside what papers say of it, the fields, and the cold-start rates.

    And, where that takes a moment, what `aesbench data probe` says.
    """
    from aesbench.datasets.probes import probe, table_rows
    from aesbench.terminal.dataset import show_dataset
    from aesbench.terminal.probe import show_probe

    dataset = _dataset(name, **options)
    console = Console()
    show_dataset(console, dataset)
    if table_rows(dataset) <= _MOST_AT_ONCE:
        show_probe(console, dataset, probe(dataset))
    else:
        console.print(
            f"What the data give away without a model, tables of rates and rows that repeat across"
            f" the splits, takes some seconds: aesbench data probe {name}",
            markup=False,
            highlight=False,
        )


@data.command("probe")
@click.argument("name")
@click.option(
    "--fields",
    "tables",
    multiple=True,
    metavar="LIST",
    help="Also the table over these fields: month,day,hour. Repeatable.",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the probe in this results folder, whose report then shows it.",
)
@data_options
def data_probe(name: str, tables: tuple[str, ...], results: Path | None, **options: Any) -> None:
    """Print what the data give away without a model.

    The AUC of tables of train's rates over pairs and triples of fields, and twins: rows that stand
    in train with all their ids.
    """
    from aesbench.core.datasheet import write_datasheet, write_probe
    from aesbench.datasets.probes import probe, rate_table
    from aesbench.terminal.probe import show_probe
    from aesbench.terminal.written import show_written

    dataset = _dataset(name, **options)
    console = Console()
    asked = [rate_table(dataset, names(fields)) for fields in tables]
    with Console(stderr=True).status("probing"):
        found = probe(dataset)
    console.print(f"{dataset.name} {dataset.hash[:16]}", markup=False, highlight=False)
    show_probe(console, dataset, found, asked)
    if results is not None:
        write_datasheet(results, dataset.manifest)
        show_written(console, [write_probe(results, found)])


@data.command("verify")
@click.argument("name")
@data_options
def data_verify(name: str, **options: Any) -> None:
    """Check that the prepared data are still the bytes that were written."""
    from aesbench.datasets.store import verify

    dataset = _dataset(name, **options)
    verify(dataset)
    click.echo(f"{dataset.name} is whole: {dataset.hash}")


@data.command("sketch")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--label", help="The label's column, or a rule: 'rating > 3'.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The .toml file to write; default: the name of FILE, in this folder.",
)
@click.option("--columns", default="", help="Names, for a file without a header: user,item,time.")
@click.option("--separator", default="", help="Between columns, where it cannot be told.")
@click.option("--encoding", default="", help="Of a text file that is neither UTF-8 nor Latin-1.")
@click.option("--force", is_flag=True, help="Write over an existing file.")
def data_sketch(
    file: Path,
    label: str | None,
    output: Path | None,
    columns: str,
    separator: str,
    encoding: str,
    force: bool,
) -> None:
    """Write a first description (.toml) of a data set of your own.

    Kinds of fields, the label's rule, a split, and columns that tell too much are guessed from the
    rows; comments say why, and what to check. Files called valid and test beside one called train
    become a given split.
    """
    from aesbench.datasets.sketch.sketch import sketch
    from aesbench.datasets.sketch.target import check_target, default_target, write_target
    from aesbench.terminal.sketch import show_sketch
    from aesbench.terminal.written import show_written

    target = output or default_target(file)
    check_target(target, force=force)
    found = sketch(
        file, label, target, separator=separator.replace("\\t", "\t"), columns=names(columns),
        encoding=encoding,
    )  # fmt: skip
    write_target(target, found.text)
    console = Console(highlight=False)
    show_written(console, [target])
    show_sketch(console, found, target)


@data.command("headroom")
@click.argument("name")
@results_option
def data_headroom(name: str, results: Path) -> None:
    """Print what there is to gain over one size for all fields, at each budget.

    NAME is a data set, with its split for one that is not the default: NAME.SPLIT.
    Measured by 'aesbench reproduce headroom', there or in what comes with aesbench.
    """
    from aesbench.terminal.headroom import show_headroom

    show_headroom(Console(), name, results)


def _dataset(
    name: str,
    data_dir: Path | None,
    cache_dir: Path | None,
    on_bad_row: str | None,
    changes: tuple[str, ...],
    plugins: tuple[Path, ...],
) -> Any:
    return load(
        name,
        load_settings(plugins, changes),
        data_dir=data_dir,
        cache_dir=cache_dir,
        on_bad_row=on_bad_row,
    )
