"""Memory for tables is zero, as long as asked for, and starts with a cache line."""

import pytest
import torch

from aesbench.models.memory import LINE_BYTES, make_zeros


@pytest.mark.parametrize("shape", [(3, 5), (7,), (1, 1), (0, 4), (2, 2, 3), (1_100_000, 1)])
@pytest.mark.parametrize("dtype", [None, torch.float64, torch.bfloat16])
def test_zeros_are_those_of_torch(shape, dtype):
    """Same shape, type and values; contiguous, and writable to the last number."""
    made = make_zeros(shape, dtype)
    assert made.dtype == (dtype or torch.get_default_dtype())
    assert torch.equal(made, torch.zeros(shape, dtype=dtype))
    assert made.is_contiguous() and (made.data_ptr() % LINE_BYTES == 0 or not made.numel())
    assert torch.equal(made.fill_(2), torch.full(shape, 2, dtype=made.dtype))
