"""What a benchmark ran on: processor, cores, memory, threads, versions."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import psutil
import torch


def describe_machine(packages: Sequence[str] = ()) -> str:
    """Return CPU, cores, memory, torch's threads and versions, those of these packages too."""
    cpu = platform.processor() or platform.machine()
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")), cpu)
    versions = [f"{name} {version(name)}" for name in ("aesbench", "torch", "numpy", *packages)]
    return (
        f"CPU {cpu}, {os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB,"
        f" {torch.get_num_threads()} threads, Python {platform.python_version()},"
        f" {', '.join(versions)}"
    )
