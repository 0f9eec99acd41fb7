"""Fixtures that all tests share.

``make_context(**changes)`` gives a method's context over tiny data in memory; ``tiny_dataset`` is
a prepared data set of the same rows on disk; ``planted_tiny`` is the generated data set of the
command line, prepared in ``cache_dir``; ``spec`` is a run that nobody need make.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from aesbench.config import RunSpec
from aesbench.conformance import example_context
from aesbench.datasets.base import Dataset
from aesbench.datasets.store import DatasetWriter, open_dataset
from aesbench.method import Context

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
    return example_context


@pytest.fixture
def context(make_context) -> Context:
    """A context over tiny data: four fields, Wide&Deep, no budget, on the CPU."""
    return make_context()


@pytest.fixture(scope="session")
def tiny_dataset(tmp_path_factory) -> Dataset:
    """A prepared data set on disk that holds the rows of ``context``, and a test split."""
    folder = tmp_path_factory.mktemp("tiny")
    writer = DatasetWriter(folder, "tiny", raw={}, settings={})
    source, test = example_context(), example_context(seed=1).validation
    for name, split in (("train", source.train), ("validation", source.validation), ("test", test)):
        ids, labels, _ = writer.split(name, *split.ids.shape)
        ids[:], labels[:] = split.ids, split.labels
        ids.flush(), labels.flush()
    writer.finish(source.fields)
    return open_dataset(folder)


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory) -> Path:
    """The folder that takes the place of the user's cache."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def planted_tiny(cache_dir) -> Dataset:
    """The data set `planted-tiny`, with its true probabilities."""
    from aesbench.catalog import load_dataset

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
