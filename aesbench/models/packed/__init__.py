"""Packs: many small models trained as one, each as if it were alone.

A step of a small model mostly waits: for Python, for launches, for memory. A pack trains K models
of one backbone in one process: their layers are batched products, their tables lie one behind the
other, and the loss is the sum of theirs. Sizes may differ: tables and the layers that take vectors
are padded with zeros up to the largest. If both sides of a padded product start at zero, both
gradients are zero, so that they stay exactly zero without a mask.

Each model keeps its own initialisation, its own order of rows, its own early stopping. In exact
arithmetic it is the model that ``aesbench.models.training.fit`` would have trained; in floating
point sums are taken in another order.
"""
