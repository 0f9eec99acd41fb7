"""The paper's tables and figures, a module each with `build(evidence)`; in the order of reading."""

from __future__ import annotations

from aesbench_methods.adass.paper.exhibits import ablation, fig4, fig5, fig6, table1, table2, table4

EXHIBITS = (
    table1.build,
    table2.build,
    table4.build,
    fig4.build,
    fig5.build,
    fig6.build,
    ablation.build,
)
