"""What a model costs: parameters by part, FLOPs per sample, seconds, peak memory."""

from __future__ import annotations

import copy
import resource
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from aesbench.models.backbones import Backbone


@dataclass(frozen=True)
class Parameters:
    """Trainable parameters by part.

    Attributes:
        embedding: the tables, without what masks leave out; a budget counts these, and the index
            of masked tables beside them.
        transform: the layers that map sizes to one another.
        wide: the first-order weights and their bias.
        dense: everything else.
    """

    embedding: int
    transform: int
    wide: int
    dense: int

    @property
    def total(self) -> int:
        """The whole model."""
        return self.embedding + self.transform + self.wide + self.dense


def count_parameters(model: Backbone) -> Parameters:
    """Count a model's trainable parameters by part; what a mask leaves out is none."""

    def count(*modules: torch.nn.Module) -> int:
        return sum(p.numel() for m in modules for p in m.parameters() if p.requires_grad)

    tables = [m for m in model.embedding.modules() if isinstance(m, torch.nn.Embedding)]
    embedding = count(*tables)
    wide_part = getattr(model, "wide", None)
    wide = count(wide_part) if isinstance(wide_part, torch.nn.Module) else 0
    return Parameters(
        embedding=embedding - model.embedding.masked_out,
        transform=count(model.embedding) - embedding,
        wide=wide,
        dense=count(model) - count(model.embedding) - wide,
    )


def count_flops(model: Backbone, ids: torch.Tensor) -> int:
    """Count the FLOPs of one sample's prediction, with fvcore, as the mean over some samples.

    A multiply-add counts once. Table lookups and elementwise operations count nothing, batch
    normalisation one per element: fvcore's rules, the same for every method. Samples differ only
    where sizes do inside a field, since rare values then pass a projection. A masked table saves
    memory and no FLOPs: the layers above take its vectors with their zeros.

    Args:
        model: any backbone; it is left as it is.
        ids: (samples, columns).
    """
    with warnings.catch_warnings():
        # fvcore compiles a loss function on import with an interface that torch has deprecated,
        # and traces the model with another.
        warnings.simplefilter("ignore")
        from fvcore.nn import FlopCountAnalysis

        analysis = FlopCountAnalysis(copy.deepcopy(model).cpu().eval(), ids.cpu())
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        total: float = analysis.total()
        return round(total / len(ids))


class Stopwatch:
    """Adds up seconds by phase, waiting for the device at both ends.

    Attributes:
        seconds: wall time.
        cpu_seconds: processor time of the process, all threads together: on a CPU with one thread
            the same as wall time, unless the machine was busy with something else.
    """

    def __init__(self, device: torch.device) -> None:
        self.seconds: dict[str, float] = {}
        self.cpu_seconds: dict[str, float] = {}
        self._device = device

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a phase, also when it fails."""
        self._synchronise()
        start, cpu_start = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self._synchronise()
            self.add(name, time.perf_counter() - start, time.process_time() - cpu_start)

    def add(self, name: str, seconds: float, cpu_seconds: float) -> None:
        """Add what a phase took."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        self.cpu_seconds[name] = self.cpu_seconds.get(name, 0.0) + cpu_seconds

    def _synchronise(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


def reset_peak_memory(device: torch.device) -> None:
    """Start a new measurement of the peak; outside Linux the process's peak cannot be reset."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass  # Not Linux, or not allowed: the peak since the process started is reported.


def peak_memory_bytes(device: torch.device) -> int:
    """Return the peak since the reset: allocated on a GPU, resident in the process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        status = Path("/proc/self/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
