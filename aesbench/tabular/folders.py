"""Where the files of a place lie: ``<data set>[.<split>]/<backbone>/``, in each a table and a card.

A place is named as its folder: ``planted/widedeep``, ``trips.day/widedeep``. Settings of the data
set that differ from its defaults belong to the name: the split as it is, others as ``name=value``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aesbench.core.files import file_name

FOLDER = "tabular"
"""Of a results folder, where the records and the places lie."""

TABLE = "table.parquet"
CARD = "card.json"

_SPLIT = "split"


def data_name(name: str, settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """Return what places call a data set with these settings.

    Args:
        name: of the data set.
        settings: it was prepared with.
        defaults: what these are unless they are changed; {} of data of the user's own, whose
            settings its file holds.
    """
    changed = {key: settings[key] for key in sorted(settings) if key in defaults}
    parts = [
        str(value) if key == _SPLIT else f"{key}={value}"
        for key, value in changed.items()
        if value != defaults[key]
    ]
    return ".".join([name, *parts])


def place_folder(folder: Path, data: str, backbone: str) -> Path:
    """Return where the files of a place lie under the folder of all."""
    return folder / file_name(data) / file_name(backbone)
