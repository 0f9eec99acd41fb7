"""The tables of an allocation for TorchRec: a Python file of ``EmbeddingBagConfig``s."""

from __future__ import annotations

import re

from aesbench.core.record import RunRecord
from aesbench.export.fixed_sizes import FieldSize, field_sizes

FILE = "torchrec_tables.py"
FUSED_MULTIPLE = 4
"""FBGEMM's fused kernels, which sharded collections use, take multiples of it only."""

_HEAD = '''\
"""Tables for TorchRec: EmbeddingBagCollection(tables=TABLES).

Ids are those of aesbench's prepared data; a field's last row is for values out of vocabulary.
A field of several values is averaged, and so is a history, which shares the table of its field.
"""

from torchrec import EmbeddingBagConfig, PoolingType

RUN = {run!r}
METHOD = {method!r}
DATASET = {dataset!r}

TABLES = [
{tables}]
'''
_TABLE = """\
    EmbeddingBagConfig(
        name={name!r},
        feature_names={features!r},
        num_embeddings={rows},
        embedding_dim={dim},
        pooling=PoolingType.MEAN,
    ),
"""


def torchrec_tables(record: RunRecord) -> str:
    """Return the file; fields of size 0 have no table.

    Texts of the record enter as Python literals only: a record may be somebody else's.

    Raises:
        ConfigError: sizes differ inside a field.
        RecordError: the run has no allocation.
    """
    spec = record.spec
    sizes = field_sizes(record, "TorchRec")
    tables = [
        _TABLE.format(
            # A name is a key of an nn.ModuleDict, which takes no dot; the number keeps it unique.
            name=f"t{number}_{re.sub(r'[^A-Za-z0-9_]', '_', size.name)}",
            features=[size.name, *(name for name, of in record.ties.items() if of == size.name)],
            rows=size.cardinality,
            dim=size.dim,
        )
        for number, size in enumerate(sizes)
        if size.dim
    ]
    return _HEAD.format(
        run=spec.run_id, method=spec.label, dataset=spec.dataset, tables="".join(tables)
    )


def unfused(record: RunRecord) -> list[FieldSize]:
    """Return the fields whose size FBGEMM's fused kernels would refuse."""
    return [size for size in field_sizes(record, "TorchRec") if size.dim % FUSED_MULTIPLE]
