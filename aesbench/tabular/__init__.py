"""The tabular benchmark: some hundreds of allocations per place, trained alone, as a table to ask.

>>> from aesbench import tabular
>>> place = tabular.load("flights/widedeep")
>>> place.query(place.sample(1)[0]).validation_auc
>>> place.predict((64, 64, 2, 8, 2, 2, 1, 1, 2, 2, 1))
>>> place.front(budget=30_000)

Reading it needs no torch.
"""

from aesbench.tabular.place import TabularPlace, known_places, load

__all__ = ["TabularPlace", "known_places", "load"]
