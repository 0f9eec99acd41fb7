"""``aesbench merge``."""

from __future__ import annotations

from pathlib import Path

import click

folder = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.argument("folders", nargs=-1, required=True, type=folder, metavar="FOLDER...")
@click.option(
    "--into",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The results folder to bring them together in; it may exist.",
)
def merge(folders: tuple[Path, ...], into: Path) -> None:
    """Bring the records of several results folders into one, with what their searches traced.

    Nothing is copied if they do not compare: no data in common under one name, another schema, or
    two different successful records of one run. Merging again changes nothing.
    """
    from aesbench.harness.merge import merge as merge_records

    merged = merge_records(folders, into)
    click.echo(
        f"{merged.copied} records copied, {merged.replaced} of them in place of failed or packed"
        f" ones; {merged.already_there} were there; all are in {into / 'records'}"
    )
