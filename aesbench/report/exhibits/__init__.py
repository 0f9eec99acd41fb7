"""The exhibits of the report, a module each, in the order of reading.

A module has ``build(records)``, which returns its exhibits: none where no record bears on it. An
exhibit of this project's own is one line more in ``BUILDERS``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aesbench.core.record import RunRecord
from aesbench.report.exhibits import (
    ablation,
    fig4,
    fig5,
    fig6,
    matched,
    pareto,
    planted,
    ranks,
    table1,
    table2,
    table3,
    table4,
)
from aesbench.report.page.exhibit import Exhibit

Builder = Callable[[Sequence[RunRecord]], list[Exhibit]]

BUILDERS: dict[str, Builder] = {
    "table3": table3.build,
    "planted": planted.build,
    "table1": table1.build,
    "table2": table2.build,
    "table4": table4.build,
    "fig4": fig4.build,
    "fig5": fig5.build,
    "fig6": fig6.build,
    "matched": matched.build,
    "ablation": ablation.build,
    "pareto": pareto.build,
    "ranks": ranks.build,
}
"""{name: ``build`` of its module}, in the order of reading."""


def build_exhibits(records: Sequence[RunRecord]) -> list[Exhibit]:
    """Return every exhibit that the records bear on."""
    return [exhibit for build in BUILDERS.values() for exhibit in build(records)]
