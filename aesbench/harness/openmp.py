"""How the threads of OpenMP, which are torch's on a CPU, wait for each other, and how many may be.

Nothing here loads torch: OpenMP reads its variables once, when torch is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from aesbench.errors import ConfigError

WAIT_POLICY = "OMP_WAIT_POLICY"
NUM_THREADS = "OMP_NUM_THREADS"


def wait_passively() -> None:
    """Let threads sleep while they wait, unless the user has said how they shall wait.

    By default they spin first. Where other processes want the processors, or there are fewer of
    them than threads, a thread then spins in place of the one that it waits for: a training of
    2.5 s took 40 s. ``tests/benchmarks/busy_machine.py`` measures both.
    """
    os.environ.setdefault(WAIT_POLICY, "passive")


@contextmanager
def waiting_passively() -> Iterator[None]:
    """Let processes that are started inside the block wait as ``wait_passively`` says.

    A spawned process imports torch before it runs a line of ours, and is given no environment but
    its parent's: so that is changed, and put back for whatever else the parent starts.
    """
    is_set = WAIT_POLICY in os.environ
    wait_passively()
    try:
        yield
    finally:
        if not is_set:
            del os.environ[WAIT_POLICY]


def threads_at_most(most: int) -> int:
    """Return how many threads a process may have: the first number of ``OMP_NUM_THREADS``, if less.

    Further numbers are of nested threads, which torch has none of.

    Raises:
        ConfigError: the variable holds no number of at least 1.
    """
    text = os.environ.get(NUM_THREADS, "").strip()
    if not text:
        return most
    first = text.partition(",")[0].strip()
    if not first.isdecimal() or int(first) < 1:
        raise ConfigError(
            f"{NUM_THREADS} = {text!r}: expected a number of at least 1; correct or unset it, or"
            " give --threads"
        )
    return min(most, int(first))
