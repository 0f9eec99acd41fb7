"""The data set that a command names, prepared under the eyes of its user."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from aesbench.terminal.preparation import PreparationBars, show_left_out


def load(
    name: str,
    settings: dict[str, dict[str, str]],
    *,
    data_dir: Path | None,
    cache_dir: Path | None,
    on_bad_row: str | None,
) -> Any:
    """Return the data set of a name; bars show its preparation.

    Args:
        name: a registered name, or the path of a ``.toml`` file.
        settings: {owner: {name: text}}; those of the data set are completed by ``on_bad_row``.
        data_dir: where the raw files lie.
        cache_dir: where prepared data go.
        on_bad_row: ``stop``, ``skip``, or None for the data set's own setting.
    """
    from aesbench.harness.load_data import load_dataset

    if on_bad_row is not None:
        settings.setdefault(name, {})["on_bad_row"] = on_bad_row
    with PreparationBars() as bars:
        dataset = load_dataset(
            name,
            data_dir=data_dir,
            cache_dir=cache_dir,
            settings=settings.get(name),
            progress=bars.tell,
        )
    left_out = dataset.manifest["facts"].get("skipped_lines") or {}
    show_left_out(Console(stderr=True), name, left_out)
    return dataset
