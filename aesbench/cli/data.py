"""``aesbench data``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from aesbench.cli.options import data_options, load_settings, results_option
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
