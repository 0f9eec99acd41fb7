"""What tests of reports share: records by the handful, tables by their texts."""

import pytest

JITTER = (0.0, 0.001, -0.0005, 0.0007, -0.0012, 0.0003, -0.0002, 0.0009)


@pytest.fixture
def seeds(make_record):
    """Return the function that makes records of one method for some seeds.

    A seed moves every method's AUC by the same share of ``JITTER``, and ``noise`` of it apart.
    """

    def make(label, auc, n=4, noise=0.1, **values):
        def moved(seed):
            return auc + JITTER[seed] + noise * JITTER[-1 - seed]

        return [make_record(label, seed, auc=moved(seed), **values) for seed in range(n)]

    return make


@pytest.fixture
def uniform(make_record):
    """Three seeds of UES-32 and of UES-8, where UES-8 is better by AUC and worse by LogLoss."""
    return [
        make_record(label, seed, dims=(dim, dim), auc=auc + seed / 100, logloss=logloss)
        for label, dim, auc, logloss in (("ues:32", 32, 0.7, 0.4), ("ues:8", 8, 0.8, 0.5))
        for seed in range(3)
    ]


@pytest.fixture
def cells():
    """Return the function that gives ``{first cell's text: {column: text}}`` of a table."""

    def read(table):
        rows = [[text for text, _ in row] for row in table.rows()]
        return {row[0]: dict(zip(table.frame.columns, row, strict=True)) for row in rows}

    return read
