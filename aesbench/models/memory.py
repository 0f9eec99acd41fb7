"""Memory for tables: in huge pages, where the system has them.

A step touches rows all over a table. In pages of 4 KiB most of Criteo's rows lie on a page of their
own, which the processor has to find first, and a step takes a seventh longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import torch
from torch import Tensor

LINE_BYTES = 64
"""Of a processor's cache: a row that starts with a line touches the fewest."""


def make_zeros(shape: Sequence[int], dtype: torch.dtype | None = None) -> Tensor:
    """Return zeros on the CPU, of torch's default type unless another is given.

    numpy asks Linux for huge pages from 4 MB on; torch does only if an environment variable,
    ``THP_MEM_ALLOC_ENABLE``, was set before it was loaded.
    """
    dtype = dtype or torch.get_default_dtype()
    size_bytes = prod(shape) * dtype.itemsize
    memory = np.zeros(size_bytes + LINE_BYTES, dtype=np.uint8)
    start = -memory.ctypes.data % LINE_BYTES
    return torch.from_numpy(memory[start : start + size_bytes]).view(dtype).view(*shape)
