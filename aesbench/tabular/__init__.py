"""The tabular benchmark: some hundreds of allocations per place, trained alone, as a table to ask.

``load("flights/widedeep")`` gives a place's table: what was trained, a surrogate for what was not,
and the best allocations within a budget. Reading it needs no torch.
"""
