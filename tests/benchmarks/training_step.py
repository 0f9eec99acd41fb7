"""Time our training step beside DeepCTR-Torch's and FuxiCTR's, and beside this machine's floor.

Every contender (``contenders.py``) trains the same backbone with Adam on the same generated rows
(``shapes.py``), in random order. The floor (``floor.py``) is the bytes that must
move at this machine's copying speed and the matrix products at its multiplying speed.

Contenders take turns within every round, and ratios are taken within a round, because other work
on the machine changes its speed from one minute to the next. The log loss on the training rows
before and after shows that each contender learns. The first pass, outside the rounds, holds what a
contender does once: to capture a step or to compile it.

    pip install aesbench[peers]
    python tests/benchmarks/training_step.py --steps 200 --rounds 9 --threads 2
    python tests/benchmarks/training_step.py --device cuda --shapes ml1m,criteo \\
        --backbones widedeep,deepfm --batches 512,8192 --variants not-captured,compiled
"""

from __future__ import annotations

import argparse
import sys
import time
from itertools import product
from statistics import median

import torch
from contenders import MAKERS, PACKAGES, VARIANTS, Contender, Task, installed_peers
from floor import measure_floor, wait_for
from machine import describe_machine
from shapes import SHAPES, draw_rows

from aesbench.core import metrics


def time_pass_s(contender: Contender, device: str) -> float:
    """Return the seconds of a pass over the rows, until its last step is done."""
    start_s = time.perf_counter()
    contender.train()
    wait_for(device)
    return time.perf_counter() - start_s


def spread(values: list[float], digits: int) -> str:
    """Return the median with the least and the greatest value."""
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def show_task(task: Task, names: list[str], rounds: int) -> bool:
    """Time these contenders on one task and print the table; return whether all learned."""
    contenders = [{**MAKERS, **VARIANTS}[name](task) for name in names]
    before = [metrics.logloss(task.split.labels, c.predict()) for c in contenders]
    first_s = [time_pass_s(contender, task.device) for contender in contenders]
    steps = len(task.split) // task.batch_size
    measured = [
        [time_pass_s(c, task.device) / steps / c.models for c in contenders] for _ in range(rounds)
    ]
    after = [metrics.logloss(task.split.labels, c.predict()) for c in contenders]
    floor = measure_floor(task)

    print("| | ms per step | samples/s | ours / theirs, samples/s | first pass s | log loss |")
    print("| --- | --- | --- | --- | --- | --- |")
    for number, contender in enumerate(contenders):
        step_ms = [1000 * step_s[number] for step_s in measured]
        ratios = [step_s[number] / step_s[0] for step_s in measured]
        print(
            f"| {contender.name} | {spread(step_ms, 2)}"
            f" | {1000 * task.batch_size / median(step_ms):,.0f}"
            f" | {spread(ratios, 2) if number else ''} | {first_s[number]:.1f}"
            f" | {before[number]:.4f}, {after[number]:.4f} |"
        )
    floor_s = floor.products_s + floor.copies_s
    print(f"| floor | {1000 * floor_s:.2f} | {task.batch_size / floor_s:,.0f} | | | |")
    print(
        f"\nMedian (least-greatest) of {rounds} rounds of {steps} steps. Floor: matrix products"
        f" {1000 * floor.products_s:.3f} ms at {floor.operations_per_s / 1e9:,.0f} GFLOP/s, and"
        f" {floor.size_bytes / 1e6:.1f} MB at {floor.bytes_per_s / 1e9:,.1f} GB/s"
        f" {1000 * floor.copies_s:.3f} ms."
    )
    peers = [number for number, contender in enumerate(contenders) if contender.name in PACKAGES]
    if peers:
        ratios = [min(step_s[n] for n in peers) / step_s[0] for step_s in measured]
        print(f"\nOur samples per second over the faster peer's: {spread(ratios, 2)}.")
    return all(end < start for start, end in zip(before, after, strict=True))


def chosen(text: str) -> list[str]:
    """Return the words of a list such as ``ml1m,criteo``."""
    return [word for word in text.split(",") if word]


def main() -> None:
    """Time every task and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", type=chosen, default="ml1m", help=", ".join(SHAPES))
    parser.add_argument("--backbones", type=chosen, default="widedeep", help="widedeep, deepfm")
    parser.add_argument("--sizes", type=chosen, default="32", help="embedding sizes")
    parser.add_argument("--batches", type=chosen, default="512", help="rows per step")
    parser.add_argument("--variants", type=chosen, default="", help=", ".join(VARIANTS))
    parser.add_argument("--steps", type=int, default=200, help="steps per round")
    parser.add_argument("--rounds", type=int, default=9, help="rounds, all contenders in each")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    peers = installed_peers()
    here = [name for name in MAKERS if name in peers or name not in PACKAGES]
    machine = describe_machine([PACKAGES[name] for name in peers])
    print(f"`python {' '.join(sys.argv)}`\n\n{machine}")
    if torch.device(arguments.device).type == "cuda":
        print(f"GPU {torch.cuda.get_device_name(arguments.device)}")
    learned = True
    cases = product(arguments.shapes, map(int, arguments.sizes), map(int, arguments.batches))
    for name, dim, batch in cases:
        shape = SHAPES[name]
        split = draw_rows(shape.cardinalities, arguments.steps * batch)
        for backbone in arguments.backbones:
            task = Task(
                split, shape.cardinalities, dim, batch, shape.hidden, backbone, arguments.device
            )
            print(
                f"\n## {name}, {backbone}, batch {batch}\n\n{len(shape.cardinalities)} fields,"
                f" {sum(shape.cardinalities):,} values, embedding size {dim}, hidden layers"
                f" {'-'.join(map(str, shape.hidden))}\n",
                flush=True,
            )
            learned = show_task(task, here + arguments.variants, arguments.rounds) and learned
    if len(peers) < len(PACKAGES):
        missing = ", ".join(sorted(PACKAGES.keys() - set(peers)))
        print(f"\nNot installed: {missing}. Run pip install aesbench[peers]")
    if not learned:
        sys.exit("A contender did not learn: its log loss did not fall.")


if __name__ == "__main__":
    main()
