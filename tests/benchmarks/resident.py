"""The peak memory of this process while something runs, what it maps from files told apart."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType

import torch

from aesbench.models.cost import peak_memory_bytes, reset_peak_memory

CPU = torch.device("cpu")
SAMPLE_S = 0.1


class Resident:
    """Measures while it is entered, on Linux.

    Attributes:
        peak_bytes: the greatest resident set, as the kernel saw it (``VmHWM``). It holds what is
            mapped from files too, which the kernel takes back where memory is needed.
        own_bytes: the most memory of its own (``RssAnon``), sampled ten times a second.
        start_bytes: its own memory when it was entered: the libraries' and what was made before.
    """

    def __init__(self) -> None:
        self.peak_bytes = self.own_bytes = self.start_bytes = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Resident:
        reset_peak_memory(CPU)
        self.start_bytes = self.own_bytes = own_bytes()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self._thread.join()
        self.peak_bytes = peak_memory_bytes(CPU)

    def _sample(self) -> None:
        while not self._is_over.wait(SAMPLE_S):
            self.own_bytes = max(self.own_bytes, own_bytes())


def own_bytes() -> int:
    """Return what this process holds that no file backs."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(x.split()[1]) * 1024 for x in lines if x.startswith("RssAnon:"))
