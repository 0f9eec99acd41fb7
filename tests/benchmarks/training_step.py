"""Time our training step beside DeepCTR-Torch's and FuxiCTR's, and beside this machine's floor.

Every contender (``contenders.py``) trains Wide&Deep (hidden layers 128-64) with Adam on the same
rows: ML-1M's ten cardinalities, embedding size 32, batches of 512 in random order.

Contenders take turns within every round, and ratios are taken within a round, because other work
on the machine changes its speed from one minute to the next. The log loss on the training rows
before and after shows that each contender learns.

    pip install aesbench[peers]
    python tests/benchmarks/training_step.py --steps 200 --rounds 9 --threads 2
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from contenders import MAKERS, PACKAGES, Contender, Task
from machine import describe_machine

from aesbench import metrics
from aesbench.datasets.base import Split

CARDINALITIES = (6041, 3707, 3440, 3, 8, 22, 82, 302, 3, 25)
"""Distinct ids per field of ML-1M, out-of-vocabulary ids included."""
DIM = 32
BATCH = 512
HIDDEN = (128, 64)
SKEW = 0.5
"""Frequency falls as rank to this power: the most frequent item takes 0.8 % of the rows. It takes
0.3 % of ML-1M's. A steeper fall would leave fewer distinct rows per batch and flatter ours."""


def draw_rows(rows: int) -> Split:
    """Draw skewed ids and labels that depend on them through one weight per value."""
    rng = np.random.default_rng(0)
    ids = np.empty((rows, len(CARDINALITIES)), dtype=np.int32)
    logits = np.zeros(rows)
    for column, cardinality in enumerate(CARDINALITIES):
        frequencies = np.arange(1, cardinality + 1) ** -SKEW
        ids[:, column] = rng.choice(cardinality, size=rows, p=frequencies / frequencies.sum())
        logits += rng.normal(0, 0.7, size=cardinality)[ids[:, column]]
    labels = rng.random(rows) < 1 / (1 + np.exp(-logits))
    return Split(ids, labels.astype(np.uint8))


def time_rounds(contenders: list[Contender], steps: int, rounds: int) -> list[list[float]]:
    """Return the seconds per step of each contender, one list per round; contenders take turns."""
    for contender in contenders:
        contender.train()  # Warm-up, outside the clock.
    measured = []
    for _ in range(rounds):
        step_s = []
        for contender in contenders:
            start_s = time.perf_counter()
            contender.train()
            step_s.append((time.perf_counter() - start_s) / steps)
        measured.append(step_s)
    return measured


def median_time_s(work: Callable[[], object], repeats: int = 300) -> float:
    """Return the median seconds that a call of ``work`` takes."""
    times = []
    for _ in range(repeats):
        start_s = time.perf_counter()
        work()
        times.append(time.perf_counter() - start_s)
    return median(times)


def measure_products_s() -> float:
    """Return the seconds of the MLP's matrix products: forward, and backward to both factors."""
    widths = (len(CARDINALITIES) * DIM, *HIDDEN, 1)
    layers = []
    for inputs, outputs in zip(widths[:-1], widths[1:], strict=True):
        x, weight = torch.randn(BATCH, inputs), torch.randn(outputs, inputs)
        gradient = torch.randn(BATCH, outputs)
        results = torch.empty(BATCH, outputs), torch.empty_like(weight), torch.empty_like(x)
        layers.append((x, weight, gradient, results))

    def multiply() -> None:
        for x, weight, gradient, (forward, to_weight, to_input) in layers:
            torch.mm(x, weight.t(), out=forward)  # (batch, outputs)
            torch.mm(gradient.t(), x, out=to_weight)  # (outputs, inputs)
            torch.mm(gradient, weight, out=to_input)  # (batch, inputs)

    return median_time_s(multiply)


def count_bytes(split: Split) -> int:
    """Count the bytes of a step that no implementation avoids, each read or written once.

    Ids and labels in; vectors gathered and written side by side; their gradients read and summed
    by row; and for each touched row and each dense parameter the summed gradient read, and value
    and both moments read and written. A first-order weight is one more component of its row.
    """
    offsets = np.concatenate([[0], np.cumsum(CARDINALITIES[:-1])])
    touched = [
        len(np.unique(split.ids[start : start + BATCH] + offsets))
        for start in range(0, len(split), BATCH)
    ]
    looked_up = BATCH * len(CARDINALITIES)
    widths = (len(CARDINALITIES) * DIM, *HIDDEN, 1)
    dense = sum((a + 1) * b for a, b in zip(widths[:-1], widths[1:], strict=True)) + 1
    gathered = 2 * looked_up * (DIM + 1)  # Read from the table, written to the activations.
    gradients = (looked_up + median(touched)) * (DIM + 1)  # Read per look-up, written per row.
    updates = 7 * (median(touched) * (DIM + 1) + dense)
    return int(4 * (looked_up + BATCH + gathered + gradients + updates))


def measure_bandwidth(size_bytes: int) -> float:
    """Return the bytes per second, read and written, of copying half that many bytes."""
    source = torch.ones(size_bytes // 8)  # Half of the bytes are read, half are written.
    target = torch.empty_like(source)
    return size_bytes / median_time_s(lambda: target.copy_(source))


def spread(values: list[float], digits: int) -> str:
    """Return the median with the least and the greatest value."""
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def main() -> None:
    """Time all contenders that are installed and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=200, help="steps per round")
    parser.add_argument("--rounds", type=int, default=9, help="rounds, all contenders in each")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    split = draw_rows(arguments.steps * BATCH)
    task = Task(split, CARDINALITIES, DIM, BATCH, HIDDEN)
    contenders, missing = list[Contender](), list[str]()
    for name, make in MAKERS.items():
        try:
            contenders.append(make(task))
        except ImportError:
            missing.append(name)
    before = [metrics.logloss(split.labels, c.predict()) for c in contenders]
    measured = time_rounds(contenders, arguments.steps, arguments.rounds)
    after = [metrics.logloss(split.labels, c.predict()) for c in contenders]
    products_s = measure_products_s()
    step_bytes = count_bytes(split)
    bandwidth = measure_bandwidth(step_bytes)
    floor_s = products_s + step_bytes / bandwidth

    packages = [PACKAGES[contender.name] for contender in contenders[1:]]
    print(f"`python {' '.join(sys.argv)}`\n\n{describe_machine(packages)}\n")
    print("| | ms per step | samples/s | ours / theirs, samples/s | log loss before, after |")
    print("| --- | --- | --- | --- | --- |")
    for number, contender in enumerate(contenders):
        step_ms = [1000 * step_s[number] for step_s in measured]
        ratios = [step_s[number] / step_s[0] for step_s in measured]
        print(
            f"| {contender.name} | {spread(step_ms, 2)} | {1000 * BATCH / median(step_ms):,.0f}"
            f" | {spread(ratios, 2) if number else ''}"
            f" | {before[number]:.4f}, {after[number]:.4f} |"
        )
    print(f"| floor | {1000 * floor_s:.2f} | {BATCH / floor_s:,.0f} | | |")
    print(
        f"\nMedian (least-greatest) of {arguments.rounds} rounds of {arguments.steps} steps."
        f" Floor: matrix products {1000 * products_s:.2f} ms, and {step_bytes / 1e6:.1f} MB at"
        f" {bandwidth / 1e9:.1f} GB/s {1000 * step_bytes / bandwidth:.2f} ms."
    )
    if len(contenders) > 1:
        ratios = [min(step_s[1:]) / step_s[0] for step_s in measured]
        print(f"\nOur samples per second over the faster peer's: {spread(ratios, 2)}.")
    if missing:
        print(f"\nNot installed: {', '.join(missing)}. Run pip install aesbench[peers]")
    if any(end >= start for start, end in zip(before, after, strict=True)):
        sys.exit("A contender did not learn: its log loss did not fall.")


if __name__ == "__main__":
    main()
