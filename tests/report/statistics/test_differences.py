"""Every method against a baseline: a frame in, a frame out, nothing but seeds that both have."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

import aesbench
from aesbench.errors import ConfigError, RecordError


@pytest.fixture
def frame(seeds, failed):
    """Two places; a failed run, a search without scores, and a method that lacks a seed."""
    records = [
        *seeds("ues:32", 0.75),
        *seeds("ues:8", 0.76, n=3, noise=0.2),
        *seeds("mde:value", 0.74, noise=0.3),
        failed("mde:value", 9),
        *seeds("ues:32", 0.6, backbone="deepfm"),
        *seeds("ues:8", 0.6, backbone="deepfm"),
    ]
    searched = records[0].spec, {"label": "ues:32+search-only", "retrain": False}
    records.append(
        dataclasses.replace(records[0], spec=dataclasses.replace(searched[0], **searched[1]))
    )
    return aesbench.records_frame(records)


def test_differences_are_paired_by_seed_on_each_place(frame):
    """Means, intervals and p by scipy, Holm by hand over the methods of the place."""
    table = aesbench.paired_differences(frame)
    assert list(zip(table["backbone"], table["method"], table["pairs"], strict=True)) == [
        ("deepfm", "ues:8", 4),
        ("widedeep", "ues:8", 3),
        ("widedeep", "mde:value", 4),
    ]
    own = frame[(frame["status"] == "ok") & frame["retrained"] & (frame["backbone"] == "widedeep")]
    scores = own.pivot(index="seed", columns="method", values="test_auc")
    wide = table[table["backbone"] == "widedeep"].set_index("method")
    found = {}
    for method in ("ues:8", "mde:value"):
        pairs = scores[[method, "ues:32"]].dropna()
        test = stats.ttest_rel(pairs[method], pairs["ues:32"])
        interval = test.confidence_interval()
        row = wide.loc[method]
        assert row["difference"] == pytest.approx(np.mean(pairs[method] - pairs["ues:32"]))
        assert row["t-test p"] == pytest.approx(test.pvalue)
        assert (row["95 % low"], row["95 % high"]) == pytest.approx((interval.low, interval.high))
        found[method] = test.pvalue
    low, high = sorted(found, key=found.get)
    assert wide.loc[low, "Holm p"] == pytest.approx(min(1, 2 * found[low]))
    assert wide.loc[high, "Holm p"] == pytest.approx(max(2 * found[low], found[high]))


def test_numbers_are_numbers_and_missing_is_nan(seeds):
    """One seed has a difference and no test."""
    records = [*seeds("ues:32", 0.75, n=1), *seeds("ues:8", 0.76, n=1)]
    table = aesbench.paired_differences(aesbench.records_frame(records))
    assert table["pairs"].dtype == int and table["difference"].dtype == float
    assert table["t-test p"].isna().all() and table["difference"].notna().all()


def test_another_baseline_and_measure(frame):
    """Any label, any column of numbers."""
    table = aesbench.paired_differences(frame, baseline="ues:8", measure="total_params")
    assert set(table["method"]) == {"ues:32", "mde:value"} and (table["difference"] == 0).all()


def test_the_order_of_runs_changes_no_number(frame):
    """The same records give the same table, but for the order of its rows."""
    table, other = (
        aesbench.paired_differences(runs).sort_values(["backbone", "method"], ignore_index=True)
        for runs in (frame, frame[::-1])
    )
    assert table.equals(other)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"baseline": "ues:9"}, "baseline = 'ues:9': no run of it .* did you mean 'ues:8'"),
        ({"measure": "auc"}, "measure = 'auc': no column of numbers; did you mean 'test_auc'"),
        ({"measure": "method"}, "measure = 'method': no column of numbers"),
    ],
)
def test_a_wrong_name_is_an_error_that_helps(frame, options, words):
    """What there is instead is named."""
    with pytest.raises(ConfigError, match=words):
        aesbench.paired_differences(frame, **options)


def test_runs_that_do_not_compare_are_refused(seeds, make_record):
    """Other data under one name, and a copy of a run."""
    records = [*seeds("ues:32", 0.75), make_record("ues:8", data_hash="b" * 64)]
    with pytest.raises(RecordError, match="'tiny' come from different data"):
        aesbench.paired_differences(aesbench.records_frame(records))
    with pytest.raises(RecordError, match="appears twice"):
        aesbench.paired_differences(aesbench.records_frame([records[0], records[0]]))


def test_costs_of_packs_are_compared_with_nothing(make_record, packed):
    """Of two methods with three seeds each, one pair was alone on both sides."""
    records = [make_record(label, seed) for label in ("ues:32", "mde") for seed in range(3)]
    records[0], records[4] = packed(records[0]), packed(records[4])
    frame = aesbench.records_frame(records)
    pairs = []
    for measure in ("retrain_s", "peak_memory_bytes", "test_auc"):
        pairs += list(aesbench.paired_differences(frame, measure=measure)["pairs"])
    assert pairs == [1, 1, 3]
