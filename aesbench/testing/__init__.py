"""For authors of methods: the plugin contract as checks, and tiny data to try a method on.

>>> from aesbench.testing import CHECKS, tiny_context
>>> for check in CHECKS:
...     check(MyMethod, "")  # Or the name of a preset.
>>> MyMethod().search(tiny_context(budget=2000), None)

A check raises ``ContractError`` with what to change. ``tiny_context`` takes other fields, too, each
a name, a cardinality and a number of id columns: those of ``TINY_SHAPES`` are its own. It can have
a history of one of them.
"""

from aesbench.testing.conformance import CHECKS, ContractError
from aesbench.testing.tiny_data import TINY_SHAPES, tiny_context

__all__ = ["CHECKS", "TINY_SHAPES", "ContractError", "tiny_context"]
