"""How far searches agree: shares and chances by hand, and which searches repeat each other."""

from math import log2

import numpy as np
import pandas as pd
import pytest

from aesbench.report.evidence import gather
from aesbench.report.statistics.agreement import (
    Agreement,
    by_search,
    by_state,
    end_to_end,
    entropies,
    modal_shares,
    pairwise_agreement,
    size_shares,
    sizes_of,
)

CANDIDATES = (2, 8, 16, 32, 64)


def runs_of(records):
    """The runs of an evidence."""
    return gather(records).runs


def test_agreement_of_searches_by_hand():
    """Three searches of two fields: the first always 8, the second 2, 2, 64."""
    sizes = pd.DataFrame({"user": [8, 8, 8], "item": [2, 2, 64]})
    shares = size_shares(sizes, CANDIDATES)
    assert shares.loc["user"].tolist() == [0, 1, 0, 0, 0]
    assert shares.loc["item"].tolist() == pytest.approx([2 / 3, 0, 0, 0, 1 / 3])
    bits = -(2 / 3) * log2(2 / 3) - (1 / 3) * log2(1 / 3)
    assert entropies(shares).to_dict() == {"user": 0, "item": pytest.approx(bits)}
    found = pairwise_agreement(sizes)
    assert found.mean == pytest.approx((1 + 1 / 3) / 2)  # Of three pairs, one agrees on the second.
    assert 0 <= found.low < found.mean < found.high <= 1
    assert pairwise_agreement(sizes[:1]) == Agreement(None, None, None)
    assert pairwise_agreement(sizes[:2]) == Agreement(1.0, None, None)


def test_the_agreement_of_random_searches_is_covered_by_its_interval():
    """Sizes drawn from five at random agree in a fifth of pairs; 200 samples of 12 searches."""
    draw = np.random.default_rng(0)
    samples = (pd.DataFrame(draw.choice(CANDIDATES, size=(12, 8))) for _ in range(200))
    found = [pairwise_agreement(sample) for sample in samples]
    assert np.mean([one.mean for one in found]) == pytest.approx(0.2, abs=0.01)
    assert 0.88 <= np.mean([one.low <= 0.2 <= one.high for one in found]) <= 1.0


def test_agreement_is_the_share_of_the_most_frequent_size(make_record):
    """Of three searches two give user 8 (2/3), and all give item 2 (1)."""
    runs = runs_of([make_record("m", s, dims=(d, 2)) for s, d in enumerate((8, 8, 16))])
    assert modal_shares(sizes_of(runs)).to_dict() == {"user": 2 / 3, "item": 1.0}


def test_sizes_inside_a_field_agree_where_all_of_its_blocks_do(make_record):
    """MDE gives a field several sizes: two searches that cut it alike agree, a third does not."""
    split, other = ({"user": [[60, 8], [40, 2]]}, {"user": [[50, 8], [50, 2]]})
    blocks = (type(make_record().allocation).from_dict(one) for one in (split, split, other))
    records = [replaced(make_record("m", seed), one) for seed, one in enumerate(blocks)]
    assert modal_shares(sizes_of(runs_of(records))).to_dict() == {"user": 2 / 3}


def replaced(record, allocation):
    """A record with another allocation."""
    return type(record)(**{**vars(record), "allocation": allocation})


def test_searches_end_to_end_are_one_of_each_seed(make_record):
    """Two seeds, of which one searched twice: two end to end, two of one state."""
    records = [
        make_record("m", 0, prepare_id="a"),
        make_record("m", 0, prepare_id="a", search_index=1, dims=(2, 2)),
        make_record("m", 1, prepare_id="b"),
    ]
    runs = runs_of(records)
    assert end_to_end(runs)["record"].tolist() == [records[0], records[2]]
    (state,) = by_state(runs)
    assert state["record"].tolist() == records[:2]
    assert by_state(runs_of(records[1:])) == []


def test_a_search_that_was_retrained_too_is_one_search(make_record):
    """Of a state, searches 0 and 1, the first recorded twice; and under one label."""
    records = [
        make_record("m", 0),
        *(make_record("m+search-only", 0, search_index=i, retrain=False) for i in range(2)),
    ]
    runs = runs_of(records)
    (state,) = by_state(runs)
    assert state["search_index"].tolist() == [0, 1]
    assert [(label, len(own)) for label, own in by_search(runs).items()] == [("m", 3)]
