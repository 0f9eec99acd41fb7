"""Time our training step on an idle and on a busy machine, by how its threads wait for each other.

Threads of OpenMP that have nothing to do spin for a while before they sleep, which saves a wake-up
if work comes soon. Where something else wants the processor it costs: a thread spins while the one
that it waits for is not running. With ``OMP_WAIT_POLICY=passive`` threads sleep at once; GNU's
``GOMP_SPINCOUNT`` says for how long they spin. Workers spin briefly (``aesbench.harness.openmp``).

Both are read when torch is loaded, so each way of waiting and number of threads has a process. They
train the same rows (``shapes.py``) in turn, each round on the machine as it is and beside processes
that only compute, because other work on the machine changes its speed from one minute to the next.
Ratios are taken within a round. With ``--alone`` a round more has real-time priority, as if nothing
else ran on the machine; that needs Linux and the right to it.

    python tests/benchmarks/busy_machine.py --steps 200 --rounds 9 --threads 1,2
    python tests/benchmarks/busy_machine.py --steps 20 --alone --spins 1000,3000,10000
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from multiprocessing.connection import Connection
from statistics import median

import psutil
import torch
from contenders import Task, make_ours
from machine import describe_machine
from shapes import SHAPES, draw_rows

from aesbench.harness.openmp import WAITING

DIM, BATCH = 32, 512
PLAIN = "torch's default"
WAYS = {PLAIN: {}, "a worker's": WAITING, "passive": {"OMP_WAIT_POLICY": "passive"}}
"""{how the table calls a way of waiting: its variables}."""


class Trainer:
    """A process that trains when told."""

    def __init__(self, variables: Mapping[str, str], threads: int, steps: int, shape: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=train_when_told, args=(theirs, threads, steps, shape), daemon=True
        )
        os.environ.update(variables)
        self._process.start()
        for name in variables:
            del os.environ[name]
        theirs.close()
        self.step_ms()  # The first pass waits for memory.

    def step_ms(self) -> float:
        """Train once over the rows and return the milliseconds of a step."""
        self._pipe.send(True)
        return float(self._pipe.recv())

    def put_first(self, first: bool) -> None:
        """Let all its threads run before everything else of the machine, or no longer."""
        policy, priority = (os.SCHED_RR, 10) if first else (os.SCHED_OTHER, 0)
        for thread in psutil.Process(self._process.pid).threads():
            os.sched_setscheduler(thread.id, policy, os.sched_param(priority))

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


def turn(trainers: list[Trainer], backwards: bool) -> list[float]:
    """Return the milliseconds of a step of each, timed one after the other."""
    order = reversed(trainers) if backwards else trainers
    step_ms = [trainer.step_ms() for trainer in order]
    return step_ms[::-1] if backwards else step_ms


def spread(values: list[float], digits: int) -> str:
    """Return the median with the least and the greatest value."""
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def main() -> None:
    """Time every way of waiting in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", default="ml1m", choices=SHAPES)
    parser.add_argument("--threads", default="1,2", help="comma-separated")
    parser.add_argument("--spins", default="", help="values of GOMP_SPINCOUNT, comma-separated")
    parser.add_argument("--busy", type=int, default=os.cpu_count(), help="processes beside it")
    parser.add_argument("--alone", action="store_true", help="also with real-time priority")
    parser.add_argument("--steps", type=int, default=200, help="steps per round")
    parser.add_argument("--rounds", type=int, default=9, help="rounds, all ways in each")
    arguments = parser.parse_args()
    for name in WAITING:
        os.environ.pop(name, None)

    spins = [number for number in arguments.spins.split(",") if number]
    ways = {**WAYS, **{f"{number} spins": {"GOMP_SPINCOUNT": number} for number in spins}}
    cases = list(product(map(int, arguments.threads.split(",")), ways))
    trainers = [
        Trainer(ways[way], threads, arguments.steps, arguments.shape) for threads, way in cases
    ]
    machines = {"as it is": 0, f"beside {arguments.busy} processes": arguments.busy}
    if arguments.alone:
        machines["real-time priority"] = 0
    measured: dict[str, list[list[float]]] = {machine: [] for machine in machines}
    for number in range(arguments.rounds):
        for machine, busy in machines.items():
            for trainer in trainers if arguments.alone else ():
                trainer.put_first(machine == "real-time priority")
            with beside(busy):
                measured[machine].append(turn(trainers, backwards=number % 2 == 1))
    for trainer in trainers:
        trainer.dismiss()

    torch.set_num_threads(max(threads for threads, _ in cases))
    print(f"`python {' '.join(sys.argv)}`\n\n{describe_machine()}\n")
    print(f"| machine | threads | waiting | ms per step | over {PLAIN} |")
    print("| --- | --- | --- | --- | --- |")
    for machine, rounds in measured.items():
        for number, (threads, way) in enumerate(cases):
            plain = cases.index((threads, PLAIN))
            ratios = [step_ms[number] / step_ms[plain] for step_ms in rounds]
            print(
                f"| {machine} | {threads} | {way}"
                f" | {spread([step_ms[number] for step_ms in rounds], 2)}"
                f" | {spread(ratios, 2) if number != plain else ''} |"
            )
    print(
        f"\nMedian (least-greatest) of {arguments.rounds} rounds of {arguments.steps} steps of"
        f" {BATCH} rows, shape {arguments.shape}, Wide&Deep, embedding size {DIM}."
    )


if __name__ == "__main__":
    main()
