"""Time both stages of AdaS&S beside a stand-alone training.

    python tests/benchmarks/adass_times.py [--dataset ml1m-static] [--backbone widedeep]
        [--searches 100] [--threads 1] [--data-dir FOLDER]

Trains UES-32, then a supernet, searches it with as many seeds as asked for (the first alone, the
rest helped by the scores that it left), and retrains what the first found. Run it on an idle
machine; processor seconds are printed beside wall seconds so that a busy one shows.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from aesbench import load_dataset
from aesbench.core.record import RunRecord
from aesbench.harness.attempt import PreparedCache
from aesbench.harness.grid import plan
from aesbench.harness.runner import run


def main() -> None:
    """Train, search, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="ml1m-static")
    parser.add_argument("--backbone", default="widedeep")
    parser.add_argument("--method", default="adass:r")
    parser.add_argument("--searches", type=int, default=100)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data-dir", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    data = load_dataset(arguments.dataset, data_dir=arguments.data_dir)
    grid = {"backbones": [arguments.backbone], "seeds": [0]}

    (uniform,) = plan(data, ["ues:32"], **grid)
    alone = run(uniform, data)
    cache = PreparedCache()
    (whole,) = plan(data, [arguments.method], **grid)
    method = run(whole, data, cache=cache)
    searches = [method] + [
        run(spec, data, cache=cache)
        for spec in plan(
            data, [arguments.method], **grid, searches=arguments.searches, retrain=False
        )[1:]
    ]
    for record in (alone, *searches):
        if not record.ok:
            raise SystemExit(f"{record.spec.label} failed: {record.error}")

    print(f"{data.name}, {arguments.backbone}, {arguments.method}, threads: {arguments.threads}\n")
    print("| | wall s | processor s |")
    print("| --- | ---: | ---: |")
    row("one stand-alone training (UES-32)", *phases([alone], "retrain"))
    row("supernet", *phases([method], "prepare"))
    row("first search", *phases([method], "search"))
    row(f"{len(searches)} searches", *phases(searches, "search"))
    row("retraining", *phases([method], "retrain"))
    took = phases([method], "prepare", "search", "retrain")
    row("all of the method", *took)
    once = phases([alone], "retrain")
    print(
        f"\nAll of the method takes {took[0] / once[0]:.1f} times one stand-alone training"
        f" ({took[1] / once[1]:.1f} times its processor seconds)."
    )


def phases(records: list[RunRecord], *names: str) -> tuple[float, float]:
    """Return the wall and processor seconds of these phases of all records."""
    wall = sum(record.seconds[name] for record in records for name in names)
    processor = sum(record.cpu_seconds[name] for record in records for name in names)
    return wall, processor


def row(what: str, wall_s: float, processor_s: float) -> None:
    """Print a row of the table."""
    print(f"| {what} | {wall_s:.1f} | {processor_s:.1f} |")


if __name__ == "__main__":
    main()
