"""The tabular benchmark: some hundreds of allocations per place, trained alone, as a table to ask.

>>> from aesbench import tabular
>>> place = tabular.load("planted/widedeep", "results/tabular")
>>> place.query(place.sample(1)[0]).validation_auc
>>> place.predict((64,) * len(place.fields))
>>> place.front(budget=30_000)

Reading it needs no torch.
"""

from aesbench.tabular.place import TabularPlace, known_places, load

__all__ = ["TabularPlace", "known_places", "load"]
