"""aesbench: a reference benchmark for automatic embedding-size search (AES) in recommenders.

>>> import aesbench
>>> data = aesbench.load_dataset("planted")
>>> specs = aesbench.plan(data, ["ues:8", "ues:32", "random"], seeds=range(3))
>>> outcome = aesbench.execute(specs, data, Path("results"), workers=2)
>>> aesbench.records_frame(outcome.records).groupby("method").test_auc.mean()

Authors of methods need ``Allocation``, ``Context``, ``Method``, ``Range`` and ``require``, and for
their tests ``aesbench.testing``; of papers ``Paper``, ``Claim``, ``Score``, ``Place``, and
``Study`` with its ``Part``s; of exhibits ``Evidence``, ``Exhibit``, ``Table`` and ``Figure``.

Names are imported when they are first used, so that reading records does not load torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from aesbench._version import __version__

if TYPE_CHECKING:
    from aesbench.core.allocation import Allocation, Block
    from aesbench.core.frame import benchmark_frame, records_frame
    from aesbench.core.mask import Mask
    from aesbench.core.metrics import Metrics
    from aesbench.core.record import RunRecord, read_records
    from aesbench.core.search_space import Range
    from aesbench.core.settings import require
    from aesbench.core.spec import RunSpec, TrainConfig
    from aesbench.datasets.base import Dataset, Field, Split
    from aesbench.datasets.source import Source
    from aesbench.errors import AesbenchError
    from aesbench.export.model import load_model
    from aesbench.harness.grid import Outcome, execute, plan
    from aesbench.harness.load_data import load_dataset
    from aesbench.harness.merge import Merged, merge
    from aesbench.harness.runner import run
    from aesbench.models.backbones import Backbone, BackboneConfig
    from aesbench.models.embedding import FieldEmbedding, MixedEmbedding
    from aesbench.models.training import fit
    from aesbench.plugins.exhibit import Evidence, Exhibit, Figure, Table
    from aesbench.plugins.method import Context, Method
    from aesbench.plugins.paper import Claim, DataFacts, Paper, Place, Relative, Score
    from aesbench.plugins.study import Options, Part, Study
    from aesbench.report.statistics.differences import paired_differences
    from aesbench.report.statistics.folders import FolderComparison, compare

_HOMES = {
    "aesbench.core.allocation": ("Allocation", "Block"),
    "aesbench.models.backbones": ("Backbone", "BackboneConfig"),
    "aesbench.harness.load_data": ("load_dataset",),
    "aesbench.core.spec": ("RunSpec", "TrainConfig"),
    "aesbench.datasets.base": ("Dataset", "Field", "Split"),
    "aesbench.datasets.source": ("Source",),
    "aesbench.models.embedding": ("FieldEmbedding", "MixedEmbedding"),
    "aesbench.errors": ("AesbenchError",),
    "aesbench.export.model": ("load_model",),
    "aesbench.harness.grid": ("Outcome", "execute", "plan"),
    "aesbench.harness.merge": ("Merged", "merge"),
    "aesbench.plugins.exhibit": ("Evidence", "Exhibit", "Figure", "Table"),
    "aesbench.plugins.method": ("Context", "Method"),
    "aesbench.plugins.paper": ("Claim", "DataFacts", "Paper", "Place", "Relative", "Score"),
    "aesbench.core.search_space": ("Range",),
    "aesbench.plugins.study": ("Options", "Part", "Study"),
    "aesbench.report.statistics.differences": ("paired_differences",),
    "aesbench.report.statistics.folders": ("FolderComparison", "compare"),
    "aesbench.core.mask": ("Mask",),
    "aesbench.core.metrics": ("Metrics",),
    "aesbench.core.record": ("RunRecord", "read_records"),
    "aesbench.core.settings": ("require",),
    "aesbench.core.frame": ("benchmark_frame", "records_frame"),
    "aesbench.harness.runner": ("run",),
    "aesbench.models.training": ("fit",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AesbenchError",
    "Allocation",
    "Backbone",
    "BackboneConfig",
    "Block",
    "Claim",
    "Context",
    "DataFacts",
    "Dataset",
    "Evidence",
    "Exhibit",
    "Field",
    "FieldEmbedding",
    "Figure",
    "FolderComparison",
    "Mask",
    "Merged",
    "Method",
    "Metrics",
    "MixedEmbedding",
    "Options",
    "Outcome",
    "Paper",
    "Part",
    "Place",
    "Range",
    "Relative",
    "RunRecord",
    "RunSpec",
    "Score",
    "Source",
    "Split",
    "Study",
    "Table",
    "TrainConfig",
    "__version__",
    "benchmark_frame",
    "compare",
    "execute",
    "fit",
    "load_dataset",
    "load_model",
    "merge",
    "paired_differences",
    "plan",
    "read_records",
    "records_frame",
    "require",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'aesbench' has no attribute '{name}'")
    return getattr(import_module(_HOME_OF[name]), name)
