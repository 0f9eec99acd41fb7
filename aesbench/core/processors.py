"""How many processors this process may use, a container's quota included."""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import ceil
from pathlib import Path, PurePosixPath


def available_cpus(root: Path = Path("/")) -> int:
    """Return how many processors this process may use, at least 1.

    They are those that the system lets it run on, or fewer where its control group has a quota of
    processor time, as containers do: a quota of 2.5 processors keeps 3 busy.

    Args:
        root: the folder that holds ``proc`` and ``sys``.
    """
    return max(1, min([_usable(), *map(ceil, _quotas(root))]))


def _usable() -> int:
    """Return how many processors the system lets this process run on."""
    if (count := getattr(os, "process_cpu_count", None)) is not None:  # From Python 3.13 on.
        return int(count() or 1)
    if (allowed := getattr(os, "sched_getaffinity", None)) is not None:  # On Linux.
        return len(allowed(0))
    return os.cpu_count() or 1


def _quotas(root: Path) -> Iterator[float]:
    """Yield the quotas, in processors, of the groups that this process is in: the least counts.

    Both versions of Linux's control groups, of which a system may have either or both.
    """
    mounted = root / "sys" / "fs" / "cgroup"
    for line in _text(root / "proc" / "self" / "cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:  # Version 2.
            for folder in (mounted, mounted / "unified"):
                for group in _groups(folder, path):
                    yield from _quota(_text(group / "cpu.max").split())
        elif "cpu" in controllers.split(","):
            for folder in (mounted / controllers, mounted / "cpu"):
                for group in _groups(folder, path):
                    names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
                    yield from _quota([_text(group / name).strip() for name in names])


def _groups(folder: Path, path: str) -> Iterator[Path]:
    """Yield the folders of a group and of those that it is nested in.

    A container may see its own group as the outermost, under a path that holds outside of it: what
    isn't there is passed over, and the outermost group is always among them.
    """
    inner = PurePosixPath(path.lstrip("/"))
    for group in (inner, *inner.parents):
        if ".." not in group.parts:  # A group beside the outermost one that is seen.
            yield folder / group


def _quota(numbers: list[str]) -> Iterator[float]:
    """Yield the quota of ``[microseconds, in so many]`` if it is one: not of ``max`` or ``-1``."""
    if len(numbers) == 2 and all(map(str.isdecimal, numbers)):
        microseconds, period = map(int, numbers)
        if microseconds > 0 and period > 0:
            yield microseconds / period


def _text(path: Path) -> str:
    """Return what a file holds; nothing if it cannot be read."""
    try:
        return path.read_text()
    except OSError:
        return ""
