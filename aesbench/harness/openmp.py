"""How the threads of OpenMP, which are torch's on a CPU, wait for each other, and how many may be.

Nothing here loads torch: OpenMP reads its variables once, when torch is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from aesbench.errors import ConfigError

WAITING = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "3000"}
"""How threads wait: they spin for a tenth of a millisecond, about, and then sleep.

By default GNU's, those of torch on Linux, spin a hundred times as long. Where something else wants
the processors, a thread then spins in place of the one that it waits for, and a step of two threads
takes ten times as long. Not to spin at all costs wake-ups in every step: with the processors to
itself it takes 1.7 times as long as by default, and so 1.2 times (``docs/running.md``; measured by
``tests/benchmarks/busy_machine.py``). Other OpenMPs know the first variable only.
"""

NUM_THREADS = "OMP_NUM_THREADS"


def wait_briefly() -> None:
    """Let threads spin only briefly while they wait, unless the user has said how they wait."""
    if not WAITING.keys() & os.environ.keys():
        os.environ.update(WAITING)


@contextmanager
def waiting_briefly() -> Iterator[None]:
    """Let processes that are started inside the block wait as ``wait_briefly`` says.

    A spawned process imports torch before it runs a line of ours, and is given no environment but
    its parent's: so that is changed, and put back for whatever else the parent starts.
    """
    unset = WAITING.keys() - os.environ.keys()
    wait_briefly()
    try:
        yield
    finally:
        for name in unset:
            os.environ.pop(name, None)


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
