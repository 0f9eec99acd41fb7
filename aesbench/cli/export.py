"""``aesbench export``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from aesbench.cli.options import data_options, load_settings, results_option
from aesbench.errors import ConfigError

if TYPE_CHECKING:
    from aesbench.core.record import RunRecord


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option(
    "--to",
    "form",
    required=True,
    type=click.Choice(["json", "torch", "torchrec", "fuxictr"]),
    help="json: the sizes; torch: the trained model; torchrec, fuxictr: their definitions.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder to write; default: exports/RUN under --results.",
)
@click.option(
    "--dataset", help="The .toml file of the run's data set, if that is one's own; torch, fuxictr."
)
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:1; torch.")
@results_option
@data_options
def export(
    run_id: str,
    form: str,
    out: Path | None,
    dataset: str | None,
    device: str,
    results: Path,
    **options: Any,
) -> None:
    """Write what came out of a run for use elsewhere. RUN is its id; the first digits do.

    'torch' trains the run's model again, alone, for runs keep no weights, and says whether its
    metrics equal the record's; aesbench.load_model(FOLDER) returns it.
    """
    from aesbench.core.files import write_atomically
    from aesbench.core.record import find_record, with_masks
    from aesbench.terminal.export import (
        show_comparison,
        show_files,
        show_unfused,
        training_again,
    )

    console = Console()
    record = find_record(results, run_id)
    files: Mapping[str, str | bytes]
    if form == "json":
        from aesbench.export.allocation_file import allocation_files

        files = allocation_files(with_masks(results, record))
    elif form == "torchrec":
        from aesbench.export.torchrec import FILE, torchrec_tables, unfused

        files = {FILE: torchrec_tables(record)}
        show_unfused(console, unfused(record))
    elif form == "fuxictr":
        from aesbench.export.fuxictr import fuxictr_files
        from aesbench.harness.stages import data_of

        data = data_of(record.spec, _load(record, dataset, **options))
        files = fuxictr_files(record, data.fields, data.histories)
    else:
        from aesbench.export.model import export_model

        whole = with_masks(results, record)
        data = _load(record, dataset, **options)
        with training_again(console) as tell:
            found = export_model(whole, data, device=device, progress=tell)
        show_comparison(console, found)
        files = found.files
    folder = out or results / "exports" / record.spec.run_id
    for name, content in files.items():
        write_atomically(folder / name, content)
    show_files(console, folder, files)


def _load(
    record: RunRecord,
    dataset: str | None,
    data_dir: Path | None,
    cache_dir: Path | None,
    on_bad_row: str | None,
    changes: tuple[str, ...],
    plugins: tuple[Path, ...],
) -> Any:
    """Return the data set of a run."""
    from aesbench.cli.preparation import load
    from aesbench.plugins.registry import SOURCES

    settings = load_settings(plugins, changes)
    name = record.spec.dataset
    if dataset is None and name not in SOURCES.names():
        raise ConfigError(
            f"run {record.spec.run_id} was made on '{name}', which is no registered data set; give"
            f" its file: --dataset {name}.toml"
        )
    return load(
        dataset or name, settings, data_dir=data_dir, cache_dir=cache_dir, on_bad_row=on_bad_row
    )
