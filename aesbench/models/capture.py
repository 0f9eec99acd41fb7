"""A training step that is recorded once and then replayed: on a GPU, a CUDA graph.

A step of a small model is many kernels so short that to launch each takes a CPU as long as a GPU to
run it, or longer. A graph launches all of them by one call. ``torch.compile`` fuses kernels
besides, but compiles for half a minute (2.13, one core of a server), anew for each allocation,
whose shapes are its own: longer than a GPU should train.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

Work = Callable[[], object]
Step = Callable[[Tensor, Tensor], object]
"""Takes ids and labels of a batch and changes a model."""

WARM_UPS = 3
"""Steps before the recording, in which libraries set themselves up: torch's own number."""


class Recorder(Protocol):
    """What records work that is always the same, on the same tensors."""

    def warm_up(self, work: Work) -> None:
        """Do the work once, as it will be recorded."""

    def record(self, work: Work) -> Work:
        """Return what replays the work. To record it need not do it.

        Raises:
            RuntimeError: the work cannot be recorded.
        """


class CudaGraphs:
    """Records CUDA graphs, on a stream of its own as torch's manual asks for."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def warm_up(self, work: Work) -> None:
        """Do the work once, after what is queued and before what will be."""
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            work()
        current.wait_stream(self._stream)

    def record(self, work: Work) -> Work:
        """Return what replays the work; none of it is done yet.

        Raises:
            RuntimeError: the work waits for the GPU, or copies from the CPU.
        """
        graph = torch.cuda.CUDAGraph()
        # A recording that fails leaves its stream the current one, unless another context ends.
        with torch.cuda.stream(self._stream), torch.cuda.graph(graph, stream=self._stream):
            work()
        return graph.replay


class CapturedStep:
    """Takes a training step for every batch: a few as they are, all others by replay.

    Batches must have one shape. Every change is the one that the step itself makes.
    """

    def __init__(self, step: Step, recorder: Recorder) -> None:
        """Wrap a step that does the same work, whatever the batch holds, and keeps its tensors."""
        self._step, self._recorder = step, recorder
        self._held: tuple[Tensor, Tensor] | None = None  # What every replay reads.
        self._warm_ups = 0
        self._replay: Work | None = None

    def __call__(self, ids: Tensor, labels: Tensor) -> None:
        """Take the step of one batch."""
        if self._held is None:
            self._held = ids.clone(), labels.clone()
        for held, given in zip(self._held, (ids, labels), strict=True):
            held.copy_(given)
        if self._warm_ups < WARM_UPS:
            self._warm_ups += 1
            self._recorder.warm_up(partial(self._step, *self._held))
            return
        if self._replay is None:
            self._replay = self._record(partial(self._step, *self._held))
        self._replay()

    def _record(self, work: Work) -> Work:
        try:
            return self._recorder.record(work)
        except RuntimeError as error:
            warnings.warn(
                f"the training step was not captured and goes on as it is, slower, with the same"
                f" results; please report this: {error}",
                RuntimeWarning,
                stacklevel=3,
            )
            return work
