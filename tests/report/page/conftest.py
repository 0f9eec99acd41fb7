"""What tests of the written report share."""

from functools import partial

import pandas as pd
import pytest

from aesbench.plugins.exhibit import Exhibit, Figure, Table
from aesbench.report.evidence import gather

NASTY = "a_b<c>&d%e|f{g}"


@pytest.fixture
def records(make_record, failed):
    """Four seeds of four methods on a relative of the paper's data, one of which failed once."""
    scores = {"ues:32": 0.80, "ues:16": 0.801, "mde:value": 0.79, "adass:e": 0.81}
    made = [
        make_record(label, seed, auc=auc + seed * 1e-3 + (seed % 2) * auc * 1e-4, dataset="ml100k")
        for label, auc in scores.items()
        for seed in range(4)
    ]
    return [*made[:-1], failed("adass:e", 3, dataset="ml100k")]


@pytest.fixture
def evidence(records):
    """The evidence of these records."""
    return gather(records)


def _line(figure, last):
    figure.subplots().plot([0, last], [0, last])


@pytest.fixture
def nasty():
    """An exhibit whose every text would break a page or a table."""
    table = Table(
        "one",
        NASTY,
        NASTY,
        pd.DataFrame({NASTY: [NASTY], "x": [0.5]}),
        texts={"x": [NASTY]},
        bold={"x": [True]},
    )
    figure = Figure("two", NASTY, NASTY, f'"{NASTY}"', table, partial(_line, last=1))
    return Exhibit("three", NASTY, NASTY, (NASTY,), (table,), (figure,), (NASTY,))
