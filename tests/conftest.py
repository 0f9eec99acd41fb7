"""Fixtures that all tests share.

``make_context(**changes)`` gives a method's context over tiny data in memory; ``tiny_dataset`` is
a prepared data set of the same rows on disk, ``tiny_history`` one with a history; ``planted_tiny``
is the generated data set of the command line, prepared in ``cache_dir``; ``spec`` is a run that
nobody need make, ``make_record`` gives the record of a run as a report reads it, ``failed`` that of
one that failed, ``packed`` one of a pack, ``masked`` one with a mask; ``the_only`` an exhibit made
of records, ``values`` a
table's numbers.
"""

import dataclasses
import io
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from matplotlib.figure import Figure

from aesbench.core.allocation import Allocation, Block
from aesbench.core.label import Label
from aesbench.core.record import RunRecord
from aesbench.core.spec import RunSpec
from aesbench.datasets.base import Dataset, Field
from aesbench.datasets.store import open_dataset
from aesbench.datasets.writer import DatasetWriter
from aesbench.plugins.method import Context
from aesbench.report.evidence import gather
from aesbench.testing import tiny_context

# The same examples on every machine; no deadline, since a shared processor can stall.
settings.register_profile("aesbench", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("aesbench")


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Tiny tensors gain nothing from threads, and one thread gives the same bits everywhere."""
    torch.set_num_threads(1)


@pytest.fixture
def make_context() -> Callable[..., Context]:
    """Return the function that builds a context over tiny data, a fresh generator in each.

    ``make_context(budget=2000, unification="transform")`` changes attributes of the context;
    ``make_context(shapes=(("user", 30, 1),))`` changes its fields: (name, cardinality, columns).
    """
    return tiny_context


@pytest.fixture
def context(make_context) -> Context:
    """A context over tiny data: four fields, Wide&Deep, no budget, on the CPU."""
    return make_context()


@pytest.fixture(scope="session")
def tiny_dataset(tmp_path_factory) -> Dataset:
    """A prepared data set on disk that holds the rows of ``context``, and a test split."""
    return _written(tmp_path_factory.mktemp("tiny"), "tiny")


@pytest.fixture(scope="session")
def tiny_history(tmp_path_factory) -> Dataset:
    """A prepared data set like ``tiny_dataset``, with a history of the field ``item``."""
    return _written(tmp_path_factory.mktemp("tiny-history"), "tiny-history", history_of="item")


def _written(folder, name, **options) -> Dataset:
    """Write the rows of a tiny context, and those of another seed for its test split."""
    writer = DatasetWriter(folder, name, raw={}, settings={})
    source, test = tiny_context(**options), tiny_context(seed=1, **options).validation
    for split, own in (("train", source.train), ("validation", source.validation), ("test", test)):
        ids, labels, _ = writer.split(split, *own.ids.shape)
        ids[:], labels[:] = own.ids, own.labels
        ids.flush(), labels.flush()
    writer.finish(source.fields, histories=source.histories)
    return open_dataset(folder)


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory) -> Path:
    """The folder that takes the place of the user's cache."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def planted_tiny(cache_dir) -> Dataset:
    """The data set `planted-tiny`, with its true probabilities."""
    from aesbench.harness.load_data import load_dataset

    return load_dataset("planted-tiny", cache_dir=cache_dir)


@pytest.fixture
def spec() -> RunSpec:
    """One run of a method with changed settings, under the other unification and a budget."""
    return RunSpec(
        dataset="planted",
        data_hash="ab" * 32,
        backbone="widedeep",
        backbone_config={"hidden": (128, 64)},
        unification="plain",
        method="mde",
        method_config={"alpha": 0.3},
        label="mde:value[alpha=0.3]+transform@0.5",
    )


@pytest.fixture
def make_record() -> Callable[..., RunRecord]:
    """Return the function that makes the record of a successful run of a method without settings.

    ``make_record("mde:value", seed=1, dims=(8, 2), auc=0.8)``: two fields, ``user`` of 100 values
    and ``item`` of 20, unless ``dims`` maps fields to sizes; further arguments change the spec.
    """

    def make(
        label: str = "ues:32",
        seed: int = 0,
        *,
        dims=(32, 32),
        auc: float = 0.75,
        validation_auc: float | None = None,
        logloss: float = 0.5,
        true_auc: float | None = None,
        prepare_id: str = "p",
        datasheet=None,
        takes_budget: bool | None = None,
        **changes,
    ) -> RunRecord:
        called = Label.parse(label)
        values = {
            "dataset": "tiny",
            "data_hash": "a" * 64,
            "backbone": "widedeep",
            "backbone_config": {"hidden": [4]},
            "unification": called.unification or "plain",
            "method": label.partition(":")[0],
            # Whatever tells rows apart must be in their settings, as it is in a run's.
            "method_config": {"preset": called.preset, **dict(called.settings)},
            "budget": None if called.share is None else int(called.share * 120 * 32),
        }
        sizes = dims if isinstance(dims, dict) else dict(zip(("user", "item"), dims, strict=True))
        rows = dict.fromkeys(sizes, 20) | {"user": 100}
        allocation = Allocation(
            names=tuple(sizes), blocks=tuple((Block(rows[n], dim),) for n, dim in sizes.items())
        )
        spec = RunSpec(label=label, seed=seed, **{**values, **changes})
        metrics = {
            "validation": {"auc": validation_auc or auc, "logloss": logloss},
            "test": {"auc": auc, "logloss": logloss},
        }
        if true_auc is not None:
            metrics["test_expected"] = {"auc": true_auc, "logloss": logloss}
        return RunRecord(
            spec=spec,
            status="ok",
            allocation=allocation,
            prepare_id=prepare_id,
            takes_budget=takes_budget,
            metrics=metrics if spec.retrain else {},
            parameters={
                "embedding": allocation.parameters,
                "transform": 0,
                "wide": 120,
                "dense": 200,
            },
            flops=1000,
            seconds={"prepare": 1.0, "search": 2.0, "retrain": 4.0, "evaluate": 0.5},
            peak_memory_bytes=1 << 20,
            environment={
                "aesbench": "0.1.0",
                "git": {"commit": "c0ffee" * 6, "dirty": False},
                "python": "3.11",
                "packages": {"torch": "2.13.0"},
                "cpu": "A processor",
                "cpus": 2,
                "threads": 1,
                "platform": "Linux",
                "device": "cpu",
            },
            datasheet=datasheet or {},
        )

    return make


@pytest.fixture
def failed(make_record):
    """Return the function that makes the record of a run that failed in its search."""

    def make(label="ues:32", seed=0, **changes):
        error = {"type": "ValueError", "message": "a bug", "phase": "search", "traceback": ""}
        nothing = {"metrics": {}, "allocation": None, "parameters": {}, "flops": None}
        record = make_record(label, seed, **changes)
        return dataclasses.replace(
            record, status="failed", error=error, seconds={"prepare": 1.0}, **nothing
        )

    return make


@pytest.fixture
def packed():
    """Return the function that gives the record of a run as one that was retrained in a pack."""

    def of(record, models=8, width=352):
        told = {**record.environment, "pack": {"models": models, "width": width}}
        return dataclasses.replace(record, environment=told)

    return of


@pytest.fixture
def masked():
    """Return the function that lets ``make_record``'s run keep the first 50 of user's 100 rows.

    Of size 32 both: 50 x 32 + 20 x 32 = 2,240 values, and 400 bytes of index: 100 parameters more.
    """

    def of(record):
        keeps = [
            np.arange(rows * dim).reshape(rows, dim) < (50 if number == 0 else rows) * dim
            for number, ((rows, dim),) in enumerate(record.allocation.to_dict().values())
        ]
        fields = [
            Field(name, rows)
            for name, rows in zip(
                record.allocation.names, record.allocation.field_rows, strict=True
            )
        ]
        found = Allocation.masked(fields, keeps)
        parameters = record.parameters | {"embedding": found.parameters}
        return dataclasses.replace(record, allocation=found, parameters=parameters)

    return of


@pytest.fixture
def the_only():
    """Return the function that gives a builder's single exhibit of some records.

    Its figures have been drawn, by a function that another process could call, and its tables
    measured.
    """

    def built(build, records):
        (exhibit,) = build(gather(records))
        for table in exhibit.tables:
            columns = list(table.frame.columns)
            assert len(set(columns)) == len(columns), table.name
            assert {*table.texts, *table.bold} <= set(columns), table.name
            assert {len(row) for row in table.rows()} <= {len(columns)}, table.name
        for figure in exhibit.figures:
            drawing, svg = Figure(figsize=figure.size, layout="constrained"), io.StringIO()
            pickle.loads(pickle.dumps(figure.draw))(drawing)
            drawing.savefig(svg, format="svg")
            assert "<path" in svg.getvalue() and "<image" not in svg.getvalue(), "pixels in an SVG"
            assert "n = " in figure.caption and figure.alternative
        return exhibit

    return built


@pytest.fixture
def values():
    """Return the function that gives ``{first cell's text: {column: value}}`` of a table."""
    return lambda table: dict(
        zip(table.column(table.frame.columns[0]), table.frame.to_dict("records"), strict=True)
    )
