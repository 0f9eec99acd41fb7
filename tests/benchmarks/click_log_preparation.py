"""Measure the preparation of a click log: rows per second and peak memory, ours and FuxiCTR's.

Each contender is a process of its own that begins with the raw text and ends with encoded splits on
disk, its start included. Memory is what the process and all its children hold at a time (the sum
of their proportional set sizes, sampled four times a second), and, for one process, the greatest
resident set that the kernel saw. FuxiCTR gets three files with headers, which it needs, made
outside the clock. The raw file is generated (``click_logs.py``) unless it is there.

    python tests/benchmarks/click_log_preparation.py criteo 2000000 FOLDER --peer-python PYTHON

PYTHON is that of a virtual environment with ``fuxictr==2.3.10``, which needs polars < 2.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click_logs

from aesbench.datasets.sources.avazu import LAYOUT as AVAZU
from aesbench.datasets.sources.criteo import LAYOUT as CRITEO

LAYOUTS = {"criteo": CRITEO, "avazu": AVAZU}
SAMPLE_S = 0.25


@dataclass(frozen=True)
class Measured:
    """What a process took.

    Attributes:
        wall_s: seconds.
        cpu_s: processor seconds, its children's included.
        tree_bytes: the most that it and its children held.
        resident_bytes: the greatest resident set of any one of them.
    """

    wall_s: float
    cpu_s: float
    tree_bytes: int
    resident_bytes: int


def measure(command: Sequence[str], log: Path) -> Measured:
    """Run a command, what it says going to a file, and sample its memory.

    Raises:
        SystemExit: it failed.
    """
    start_s, peak = time.perf_counter(), 0
    with log.open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
    while True:
        peak = max(peak, held_bytes(process.pid))
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        time.sleep(SAMPLE_S)
    if status:
        sys.exit(f"{' '.join(command)} failed; see {log}")
    wall_s = time.perf_counter() - start_s
    return Measured(wall_s, usage.ru_utime + usage.ru_stime, peak, usage.ru_maxrss * 1024)


def held_bytes(root: int) -> int:
    """Return the proportional set size of a process and all its descendants."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                # The name in brackets may hold spaces.
                parents[int(entry.name)] = int(
                    (entry / "stat").read_text().rpartition(")")[2].split()[1]
                )
            except OSError:
                continue  # It has ended.
    family, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        family.append(pid)
        waiting += [child for child, parent in parents.items() if parent == pid]
    total = 0
    for pid in family:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total * 1024


def deal_text(kind: str, raw: Path, folder: Path) -> None:
    """Write the lines of a file to three files, 8:1:1 in their order, a header in front of each."""
    layout = LAYOUTS[kind]
    lines = raw.read_bytes().splitlines(keepends=True)[layout.header :]
    header = layout.separator.join(layout.columns).encode() + b"\n"
    ends = [0, (len(lines) * 8 + 5) // 10, (len(lines) * 9 + 5) // 10, len(lines)]
    for name, begin, end in zip(("train", "validation", "test"), ends[:-1], ends[1:], strict=True):
        (folder / f"{name}.csv").write_bytes(header + b"".join(lines[begin:end]))
    (folder / "columns.json").write_text(json.dumps(layout.columns))


def main() -> None:
    """Measure all contenders and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=sorted(LAYOUTS))
    parser.add_argument("rows", type=int)
    parser.add_argument("folder", type=Path, help="takes the raw file and scratch files")
    parser.add_argument("--peer-python", type=Path, help="a Python with fuxictr==2.3.10")
    parser.add_argument("--rounds", type=int, default=1, help="contenders take turns")
    arguments = parser.parse_args()
    kind, rows, folder = arguments.kind, arguments.rows, arguments.folder

    raw = click_logs.generated(kind, rows, folder)
    ours, theirs = folder / "scratch-aesbench", folder / "scratch-fuxictr"
    measured: dict[str, list[Measured]] = {}
    for _ in range(arguments.rounds):
        shutil.rmtree(ours, ignore_errors=True)
        command = [sys.executable, "-m", "aesbench", "data", "prepare", kind]
        command += ["--data-dir", str(raw.parent), "--cache-dir", str(ours)]
        measured.setdefault("aesbench", []).append(measure(command, folder / "aesbench.log"))
        if arguments.peer_python:
            shutil.rmtree(theirs, ignore_errors=True)
            theirs.mkdir(parents=True)
            deal_text(kind, raw, theirs)
            script = Path(__file__).with_name("fuxictr_preparation.py")
            peer = [str(arguments.peer_python), str(script), str(theirs), kind]
            measured.setdefault("FuxiCTR 2.3.10", []).append(measure(peer, folder / "fuxictr.log"))
    shutil.rmtree(ours, ignore_errors=True)
    shutil.rmtree(theirs, ignore_errors=True)

    print(
        f"{kind}, {rows:,} rows, {raw.stat().st_size / 1e9:.2f} GB of text,"
        f" best of {arguments.rounds} rounds, {len(os.sched_getaffinity(0))} cores\n"
    )
    print("| | s | rows/s | processor s | peak memory, GB | largest process, GB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, rounds in measured.items():
        best = min(rounds, key=lambda one: one.wall_s)
        print(
            f"| {name} | {best.wall_s:.1f} | {rows / best.wall_s:,.0f} | {best.cpu_s:.1f}"
            f" | {max(one.tree_bytes for one in rounds) / 1e9:.2f}"
            f" | {max(one.resident_bytes for one in rounds) / 1e9:.2f} |"
        )
    if arguments.peer_python:
        pairs = zip(measured["FuxiCTR 2.3.10"], measured["aesbench"], strict=True)
        ratios = ", ".join(f"{theirs.wall_s / ours.wall_s:.1f}" for theirs, ours in pairs)
        print(f"\nOur rows per second over FuxiCTR's, round by round: {ratios}.")


if __name__ == "__main__":
    main()
