"""Where and with what a run was made: versions, hardware, git commit."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from aesbench._version import __version__


def describe_environment(device: torch.device) -> dict[str, Any]:
    """Return what a reader needs to run the spec again under the same conditions."""
    return {
        "aesbench": __version__,
        "git": dict(_git_state()),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in ("torch", "numpy", "polars", "fvcore")},
        "platform": platform.platform(),
        "cpu": _cpu_name(),
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


@lru_cache(maxsize=1)
def _git_state() -> tuple[tuple[str, Any], ...]:
    """Return the commit of the running code and whether tracked files differ from it.

    Only a checkout (an editable install) has one; ``results`` changes while runs are recorded and
    is left out.
    """
    folder = Path(__file__).resolve().parents[1]

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        if "aesbench/_version.py" not in git("ls-files", "--full-name", "_version.py"):
            return ()  # The surrounding repository is somebody else's.
        tracked = ("status", "--porcelain", "--untracked-files=no")
        status = git(*tracked, "--", ":/", ":(exclude,top)results")
        return (("commit", git("rev-parse", "HEAD")), ("dirty", bool(status)))
    except (OSError, subprocess.CalledProcessError):
        return ()


@lru_cache(maxsize=1)
def _cpu_name() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
