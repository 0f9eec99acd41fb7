"""``aesbench data``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from aesbench.cli.options import data_options, load_settings, names
from aesbench.cli.preparation import load


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
    """Print the size beside what papers say of it, the fields, and the cold-start rates."""
    from aesbench.terminal.dataset import show_dataset

    dataset = _dataset(name, **options)
    show_dataset(Console(), dataset)


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
