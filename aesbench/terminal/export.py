"""What an export did: the training it began with, and what its user should know."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from aesbench.core.pack import PROMISED
from aesbench.terminal.written import show_written

if TYPE_CHECKING:
    from aesbench.export.fixed_sizes import FieldSize
    from aesbench.export.model import ModelExport
    from aesbench.models.training import Progress

_TRAINING = "training the run's model again"


def show_files(console: Console, folder: Path, names: Collection[str]) -> None:
    """Print the files of an export; those in folders of it, vocabularies, are only counted."""
    places = [name for name in names if "/" not in name]
    show_written(console, [folder / name for name in places])
    if len(places) < len(names):
        console.print(f"written: {len(names) - len(places)} vocabularies beside them")


def show_unfused(console: Console, sizes: Sequence[FieldSize]) -> None:
    """Print which fields, if any, have sizes that sharded collections do not take."""
    if not sizes:
        return
    names = ", ".join(f"{size.name} ({size.dim})" for size in sizes)
    console.print(
        f"note: FBGEMM's fused kernels, which sharded collections use, take sizes that are"
        f" multiples of 4 only, unlike those of {names}",
        markup=False,
        highlight=False,
    )


@contextmanager
def training_again(console: Console) -> Iterator[Progress]:
    """Show that a model is trained, and how far it is: told what is done, how much, of how much."""
    with console.status(_TRAINING) as status:

        def tell(what: str, done: int, total: int) -> None:
            status.update(f"{_TRAINING}: {what} {done} of at most {total}")

        yield tell


def show_comparison(console: Console, found: ModelExport) -> None:
    """Print how a model that was trained again compares with its record."""
    console.print(_compared(found), highlight=False)


def _compared(found: ModelExport) -> str:
    auc = f"test AUC {found.metrics['test']['auc']:.6f}"
    if not found.expected:
        return f"trained for the first time, for the run was only searched: {auc}"
    recorded = found.expected.get("test", {}).get("auc")
    beside = "no test AUC" if recorded is None else f"{recorded:.6f}"
    if found.pack is not None:
        near = (
            f"every metric is as near to the record's as is promised of packs ({PROMISED})"
            if found.is_the_runs
            else f"a metric is farther off than is promised of packs ({PROMISED}):"
            " other hardware, versions or threads round otherwise, too"
        )
        return (
            f"note: trained again alone, while the run was retrained in a pack ({found.pack}):"
            f" {auc}, the record has {beside}; {near}. model.json holds the metrics of the exported"
            " weights"
        )
    if found.is_the_runs:
        return f"trained again, and every metric equals the record's to the last bit: {auc}"
    return (
        f"note: trained again, but not to the same bits: {auc}, the record has {beside}. Other"
        " hardware, versions or threads than the record's round otherwise; model.json holds the"
        " metrics of the exported weights"
    )
