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
    from aesbench.export.model import ModelExport


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
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda; torch.")
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

    'torch' trains the run's model again, for runs keep no weights, and says whether its metrics
    equal the record's; aesbench.load_model(FOLDER) returns it.
    """
    from aesbench.core.files import write_atomically
    from aesbench.core.record import find_record

    console = Console()
    record = find_record(results, run_id)
    files: Mapping[str, str | bytes]
    if form == "json":
        from aesbench.export.allocation_file import allocation_json

        files = {"allocation.json": allocation_json(record)}
    elif form == "torchrec":
        from aesbench.export.torchrec import FILE, torchrec_tables, unfused

        files = {FILE: torchrec_tables(record)}
        if few := unfused(record):
            names = ", ".join(f"{size.name} ({size.dim})" for size in few)
            console.print(
                f"note: FBGEMM's fused kernels, which sharded collections use, take sizes that are"
                f" multiples of 4 only, unlike those of {names}",
                markup=False,
                highlight=False,
            )
    elif form == "fuxictr":
        from aesbench.export.fuxictr import fuxictr_files
        from aesbench.export.model import check_data

        data = _load(record, dataset, **options)
        check_data(record, data)
        files = fuxictr_files(record, data.fields)
    else:
        files = _train(console, record, _load(record, dataset, **options), device)
    folder = out or results / "exports" / record.spec.run_id
    for name, content in files.items():
        write_atomically(folder / name, content)
    places = [folder / name for name in files if "/" not in name]
    for place in places:
        console.print(f"written: {place}", soft_wrap=True, markup=False, highlight=False)
    if len(places) < len(files):
        console.print(f"written: {len(files) - len(places)} vocabularies beside them")


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


def _train(console: Console, record: RunRecord, data: Any, device: str) -> dict[str, bytes]:
    """Return the files of a run's model, and print how it compares with the record."""
    from aesbench.export.model import export_model

    with console.status("training the run's model again") as status:

        def tell(what: str, done: int, total: int) -> None:
            status.update(f"training the run's model again: {what} {done} of at most {total}")

        found = export_model(record, data, device=device, progress=tell)
    console.print(_verdict(found), highlight=False)
    return found.files


def _verdict(found: ModelExport) -> str:
    auc = f"test AUC {found.metrics['test']['auc']:.6f}"
    if not found.expected:
        return f"trained for the first time, for the run was only searched: {auc}"
    if found.is_the_runs:
        return f"trained again, and every metric equals the record's to the last bit: {auc}"
    recorded = found.expected.get("test", {}).get("auc")
    beside = "no test AUC" if recorded is None else f"{recorded:.6f}"
    return (
        f"note: trained again, but not to the same bits: {auc}, the record has {beside}. Other"
        " hardware, versions or threads than the record's round otherwise; model.json holds the"
        " metrics of the exported weights"
    )
