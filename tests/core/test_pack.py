"""What a record says of a pack, and how near results of packs must be."""

import pytest

from aesbench.core.pack import PACK_TOLERANCE, Pack, agree
from aesbench.errors import RecordError

EIGHT = Pack(8, 352)
SCORES = {"validation": {"auc": 0.8, "logloss": 0.5}, "test": {"auc": 0.75, "logloss": 0.5}}


def moved(by, split="test", metric="auc"):
    """``SCORES`` with one metric moved."""
    return {**SCORES, split: {**SCORES[split], metric: SCORES[split][metric] + by}}


def test_a_run_without_a_pack_was_trained_alone():
    """As were all before there were packs."""
    assert Pack.of({"threads": 1}) is None
    assert Pack.of({"pack": {"models": 8, "width": 352}}) == EIGHT


@pytest.mark.parametrize(
    "told",
    [8, [8, 352], {}, {"models": 8}, {"models": 1, "width": 9}, {"models": 8, "width": 0},
     {"models": "8", "width": 9}, {"models": True, "width": 9}],
)  # fmt: skip
def test_what_is_no_pack_is_refused(told):
    """With what stands there."""
    with pytest.raises(RecordError, match="pack = .*: expected"):
        Pack.of({"pack": told})


@pytest.mark.parametrize(("split", "metric"), [("test", "auc"), ("validation", "logloss")])
def test_bits_are_promised_alone_and_nearness_in_packs(split, metric):
    """Whichever of the two was in a pack, and of every metric of every split."""
    most = PACK_TOLERANCE[metric]
    least, within, beyond = (moved(by, split, metric) for by in (1e-12, 0.9 * most, -1.1 * most))
    assert agree(SCORES, dict(SCORES), None, None) and not agree(SCORES, least, None, None)
    for packs in ((EIGHT, None), (None, EIGHT), (EIGHT, EIGHT), (EIGHT, Pack(2, 9))):
        assert agree(SCORES, least, *packs) and agree(SCORES, within, *packs)
        assert not agree(SCORES, beyond, *packs)


def test_other_metrics_do_not_agree():
    """A split that only one was scored on is a difference, in packs, too."""
    fewer = {"test": SCORES["test"]}
    assert not agree(SCORES, fewer, EIGHT) and not agree(fewer, SCORES, EIGHT)
    assert not agree({"test": {"auc": 0.75}}, fewer, EIGHT)
