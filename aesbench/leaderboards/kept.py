"""What ``aesbench verify`` keeps of a run: its numbers, its settings, and where it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aesbench.core.files import file_name, to_json, write_atomically
from aesbench.leaderboards.verify import Verification

FOLDER = "leaderboards"
"""Where outcomes lie in a results folder."""


def keep(outcome: Verification, results: Path, environment: Mapping[str, Any]) -> Path:
    """Write an outcome into a results folder; return the file, one per data, backbone and seed.

    Raises:
        RecordError: it cannot be written.
    """
    name = file_name(f"{outcome.dataset}-{outcome.backbone}-seed{outcome.seed}.json")
    path = results / FOLDER / name
    write_atomically(path, to_json({**asdict(outcome), "environment": dict(environment)}) + "\n")
    return path
