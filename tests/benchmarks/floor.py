"""The least time that a training step can take on a machine, by what it must move and multiply."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch
from contenders import Task

Product = tuple[int, int, int]
"""Rows, inputs and outputs of a linear layer's product."""

LARGE_PRODUCT: Product = (8192, 8192, 8192)
LARGE_BYTES = 2**30
"""What a GPU's rates are measured at: launching a step's own work would take longer than doing it.
A CPU's are measured at the step's own sizes, which its caches may hold."""


@dataclass(frozen=True)
class Floor:
    """Seconds that no implementation of a step goes below.

    Attributes:
        operations: of the MLP's matrix products, forward and backward.
        operations_per_s: that the machine did in such products.
        size_bytes: that have to be read or written.
        bytes_per_s: read and written, that the machine copied.
    """

    operations: int
    operations_per_s: float
    size_bytes: int
    bytes_per_s: float

    @property
    def products_s(self) -> float:
        """The seconds of the products."""
        return self.operations / self.operations_per_s

    @property
    def copies_s(self) -> float:
        """The seconds of the bytes."""
        return self.size_bytes / self.bytes_per_s


def measure_floor(task: Task) -> Floor:
    """Count what a step does and measure the rates of the task's device."""
    widths = (len(task.cardinalities) * task.dim, *task.hidden, 1)
    products = [
        (task.batch_size, inputs, outputs)
        for inputs, outputs in zip(widths[:-1], widths[1:], strict=True)
    ]
    dense = sum((inputs + 1) * outputs for _, inputs, outputs in products) + 1
    size_bytes = count_bytes(task, dense)
    if torch.device(task.device).type == "cuda":
        measured, copied = [LARGE_PRODUCT], LARGE_BYTES
    else:
        measured, copied = products, size_bytes
    return Floor(
        count_operations(products),
        count_operations(measured) / time_products_s(measured, task.device),
        size_bytes,
        copied / time_copy_s(copied, task.device),
    )


def count_operations(products: Sequence[Product]) -> int:
    """Count multiplications and additions of products: forward, and backward to both factors."""
    return sum(3 * 2 * rows * inputs * outputs for rows, inputs, outputs in products)


def count_bytes(task: Task, dense: int) -> int:
    """Count the bytes of a step that no implementation avoids, each read or written once.

    Ids and labels in; vectors gathered and written side by side; their gradients read and summed
    by row; and for each touched row and each of the ``dense`` parameters the summed gradient read,
    and value and both moments read and written. A first-order weight is one more component of its
    row.
    """
    offsets = np.concatenate([[0], np.cumsum(task.cardinalities[:-1])])
    touched = [
        len(np.unique(task.split.ids[start : start + task.batch_size] + offsets))
        for start in range(0, len(task.split), task.batch_size)
    ]
    looked_up = task.batch_size * len(task.cardinalities)
    gathered = 2 * looked_up * (task.dim + 1)  # Read from the table, written to the activations.
    gradients = (looked_up + median(touched)) * (task.dim + 1)  # Read per look-up, written per row.
    updates = 7 * (median(touched) * (task.dim + 1) + dense)
    return int(4 * (looked_up + task.batch_size + gathered + gradients + updates))


def time_products_s(products: Sequence[Product], device: str) -> float:
    """Return the seconds of linear layers' products: forward, and backward to both factors."""
    layers = []
    for rows, inputs, outputs in products:
        x = torch.randn(rows, inputs, device=device)
        weight = torch.randn(outputs, inputs, device=device)
        gradient = torch.randn(rows, outputs, device=device)
        results = torch.empty_like(gradient), torch.empty_like(weight), torch.empty_like(x)
        layers.append((x, weight, gradient, results))

    def multiply() -> None:
        for x, weight, gradient, (forward, to_weight, to_input) in layers:
            torch.mm(x, weight.t(), out=forward)  # (rows, outputs)
            torch.mm(gradient.t(), x, out=to_weight)  # (outputs, inputs)
            torch.mm(gradient, weight, out=to_input)  # (rows, inputs)

    return median_time_s(multiply, device)


def time_copy_s(size_bytes: int, device: str) -> float:
    """Return the seconds of a copy: half of the bytes are read, half are written."""
    source = torch.ones(size_bytes // 8, device=device)
    target = torch.empty_like(source)
    return median_time_s(lambda: target.copy_(source), device)


def median_time_s(work: Callable[[], object], device: str, repeats: int = 300) -> float:
    """Return the median seconds that a call of ``work`` takes."""
    times = []
    for _ in range(repeats):
        wait_for(device)
        start_s = time.perf_counter()
        work()
        wait_for(device)
        times.append(time.perf_counter() - start_s)
    return median(times)


def wait_for(device: str) -> None:
    """Return when all that a GPU was given is done."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
