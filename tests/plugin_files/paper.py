"""A paper that calls a study as another paper does, and an exhibit beside it."""

from aesbench.plugins.paper import Paper
from aesbench.plugins.study import Part, Study


def parts(dataset, options):
    """One uniform size."""
    return [Part(("ues:8",))]


def build_exhibits(evidence):
    """Return no exhibit at all."""
    return []


THEIRS = Paper(
    name="theirs",
    title="Theirs",
    citation="Them: On One Size, 2026",
    line_up=("ues:8",),
    studies=(Study("table3", "one size for all", "their table", ("deepfm",), 2, parts),),
)
