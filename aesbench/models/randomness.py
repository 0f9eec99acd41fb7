"""Seeds of stages, and a guard around code that may draw from the global generators."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def stage_seed(seed: int, stage: str) -> int:
    """Derive a stage's 63-bit seed, so that adding a stage shifts no other one's randomness."""
    digest = hashlib.sha256(f"{seed}/{stage}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def stage_generator(seed: int, stage: str) -> torch.Generator:
    """Return a CPU generator of a stage's own."""
    return torch.Generator().manual_seed(stage_seed(seed, stage))


@contextmanager
def global_generators(seed: int) -> Iterator[None]:
    """Seed the global generators inside the block and restore them after it."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)
