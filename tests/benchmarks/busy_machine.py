"""Time our training step on an idle and on a busy machine, by how its threads wait for each other.

Threads of OpenMP that have nothing to do spin for a while before they sleep, which saves a wake-up
if work comes soon. Where something else wants the processor it costs: a thread spins while the one
that it waits for is not running. ``OMP_WAIT_POLICY=passive`` lets threads sleep at once; workers
have it.

The policy is read when torch is loaded, so each policy and number of threads has a process. They
train the same rows (``shapes.py``) in turn, each round on the machine as it is and beside so many
processes that only compute, because other work on the machine changes its speed from one minute to
the next. Ratios are taken within a round.

    python tests/benchmarks/busy_machine.py --steps 200 --rounds 9 --threads 1,2
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from multiprocessing.connection import Connection
from statistics import median

import torch
from contenders import Task, make_ours
from machine import describe_machine
from shapes import SHAPES, draw_rows

from aesbench.harness.openmp import WAIT_POLICY

DIM, BATCH = 32, 512
POLICIES = {"as torch has it": None, "passive": "passive"}
"""{how the table calls it: the value of ``OMP_WAIT_POLICY``}."""


class Trainer:
    """A process that trains when told."""

    def __init__(self, policy: str | None, threads: int, steps: int, shape: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=train_when_told, args=(theirs, threads, steps, shape), daemon=True
        )
        before = os.environ.pop(WAIT_POLICY, None)
        if policy is not None:
            os.environ[WAIT_POLICY] = policy
        self._process.start()
        os.environ.pop(WAIT_POLICY, None)
        if before is not None:
            os.environ[WAIT_POLICY] = before
        theirs.close()
        self.step_ms()  # The first pass waits for memory.

    def step_ms(self) -> float:
        """Train once over the rows and return the milliseconds of a step."""
        self._pipe.send(True)
        return float(self._pipe.recv())

    def dismiss(self) -> None:
        """Let the process end."""
        self._pipe.send(False)
        self._process.join()


def train_when_told(pipe: Connection, threads: int, steps: int, shape: str) -> None:
    """Send the milliseconds of a step whenever asked to: the main function of a trainer."""
    torch.set_num_threads(threads)
    chosen = SHAPES[shape]
    rows = draw_rows(chosen.cardinalities, steps * BATCH)
    ours = make_ours(Task(rows, chosen.cardinalities, DIM, BATCH, chosen.hidden))
    while pipe.recv():
        start_s = time.perf_counter()
        ours.train()
        pipe.send(1000 * (time.perf_counter() - start_s) / steps)


@contextmanager
def beside(busy: int) -> Iterator[None]:
    """Keep so many processes computing inside the block."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def spread(values: list[float], digits: int) -> str:
    """Return the median with the least and the greatest value."""
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def main() -> None:
    """Time every policy in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", default="ml1m", choices=SHAPES)
    parser.add_argument("--threads", default="1,2", help="comma-separated")
    parser.add_argument("--busy", type=int, default=os.cpu_count(), help="processes beside it")
    parser.add_argument("--steps", type=int, default=200, help="steps per round")
    parser.add_argument("--rounds", type=int, default=9, help="rounds, all policies in each")
    arguments = parser.parse_args()

    cases = list(product(map(int, arguments.threads.split(",")), POLICIES))
    trainers = [
        Trainer(POLICIES[name], threads, arguments.steps, arguments.shape)
        for threads, name in cases
    ]
    measured: dict[int, list[list[float]]] = {0: [], arguments.busy: []}
    for _ in range(arguments.rounds):
        for busy, rounds in measured.items():
            with beside(busy):
                rounds.append([trainer.step_ms() for trainer in trainers])

    for trainer in trainers:
        trainer.dismiss()

    print(f"`python {' '.join(sys.argv)}`\n\n{describe_machine()}\n")
    print("| threads | waiting | beside | ms per step | passive / as torch has it |")
    print("| --- | --- | --- | --- | --- |")
    for busy, rounds in measured.items():
        for number, (threads, name) in enumerate(cases):
            first = cases.index((threads, next(iter(POLICIES))))
            ratios = [step_ms[number] / step_ms[first] for step_ms in rounds]
            print(
                f"| {threads} | {name} | {busy or 'no'} processes"
                f" | {spread([step_ms[number] for step_ms in rounds], 2)}"
                f" | {spread(ratios, 2) if number != first else ''} |"
            )
    print(f"\nMedian (least-greatest) of {arguments.rounds} rounds of {arguments.steps} steps.")


if __name__ == "__main__":
    main()
