"""Measure on a GPU all that ``docs/gpu.md`` asks for, in a given time; go on where that ended.

The tests that compare a GPU's results with step-by-step ones come first: if they fail nothing is
measured. Each part writes a file of its own into the folder; a part that has one is not done again,
and none is begun once the time is up. Give the same command again to go on.

    python tests/benchmarks/gpu_tour.py --out gpu --minutes 10
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
EQUALITY = [str(HERE.parent / "models" / name) for name in ("test_capture.py", "test_packed.py")]
STEP = [str(HERE / "training_step.py"), "--rounds", "5", "--threads", "2"]
PACKS = "not-captured,packed-1,packed-8,packed-64,packed-256"

PARTS: dict[str, list[str]] = {
    "1-equality": ["-m", "pytest", "-q", "-rs", *EQUALITY],
    "2-flights": [*STEP, "--shapes", "flights", "--sizes", "8,32", "--variants", PACKS],
    "3-ml1m": [
        *(*STEP, "--shapes", "ml1m", "--backbones", "widedeep,deepfm"),
        *("--batches", "512,8192", "--variants", "not-captured,packed-8,packed-64"),
    ],
    "4-criteo": [
        *(*STEP, "--shapes", "criteo", "--sizes", "16", "--batches", "512,8192", "--steps", "100"),
        *("--variants", "not-captured"),
    ],
    "5-compiled": [*STEP, "--shapes", "ml1m", "--variants", "compiled"],
}
"""{what it is called: what Python runs}, the most telling first."""


def main() -> None:
    """Do the parts that are left, and print the tables so far."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("gpu"), help="the folder of the tables")
    parser.add_argument("--minutes", type=float, default=10, help="begin no part after them")
    parser.add_argument("--device", default="cuda", help="cuda, or cpu to try the script")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    end_s = time.monotonic() + 60 * arguments.minutes
    for name, what in PARTS.items():
        path = arguments.out / f"{name}.md"
        left_s = end_s - time.monotonic()
        if path.exists():
            continue
        if left_s <= 0:
            print(f"{name}: no time left; give the same command again")
            break
        device = ["--device", arguments.device] if what[0] == STEP[0] else []
        command = [sys.executable, *what, *device]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=left_s, check=False
            )
        except subprocess.TimeoutExpired:
            print(f"{name}: not done in the time that was left; give the same command again")
            break
        if done.returncode != 0:
            print(done.stdout[-4000:] + done.stderr[-4000:])
            sys.exit(f"{name} failed; nothing after it was measured")
        path.write_text(f"## {name}\n\n{done.stdout}\n")
    for path in sorted(arguments.out.glob("*.md")):
        print(path.read_text())


if __name__ == "__main__":
    main()
