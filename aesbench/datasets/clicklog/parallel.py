"""Work in threads, results in order, and never more of it in memory than threads can use."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import polars as pl

from aesbench.core.processors import available_cpus

Item = TypeVar("Item")
Result = TypeVar("Result")


def workers() -> int:
    """Return how many threads are worth having: the cores this process may use, at most eight.

    Memory grows with each; numpy, polars and zlib release the interpreter for most of the time.
    """
    return min(8, available_cpus())


def thread_pool() -> ThreadPoolExecutor:
    """Return a pool of as many threads.

    polars imports numpy when it first meets an array, and two threads in which it does so at once
    break each other's import: here it meets one before there are threads.
    """
    pl.DataFrame({"value": np.empty(0)})
    return ThreadPoolExecutor(workers())


def in_order(
    pool: ThreadPoolExecutor, work: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[Result]:
    """Yield ``work(item)`` of each item, in their order.

    Items are taken as threads become free. If work or the items fail, what has not begun is
    dropped.
    """
    running: deque[Future[Result]] = deque()
    try:
        for item in items:
            running.append(pool.submit(work, item))
            if len(running) > workers():
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        for future in running:
            future.cancel()
