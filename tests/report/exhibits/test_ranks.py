"""Ranks over data sets."""

import pytest

from aesbench.core.spec import TrainConfig
from aesbench.plugins.exhibit import MISSING
from aesbench.report.evidence import gather
from aesbench.report.exhibits import ranks
from aesbench.report.page.write_tables import as_csv

LABELS = {"ues:32": 0.7, "mde:value": 0.71, "adass:r": 0.72}


@pytest.fixture
def records(make_record):
    """Three methods on two data sets, and a variant that only an ablation judges."""
    return [
        make_record(label, auc=auc, dataset=dataset)
        for dataset in ("one", "two")
        for label, auc in {**LABELS, "adass:r[groups=1]": 1}.items()
    ]


def test_methods_that_ran_everywhere_are_ranked(records, the_only):
    """Seed by seed; two data sets are few, and say so."""
    exhibit = the_only(ranks.build, records)
    (table,) = exhibit.tables
    assert table.frame[["method", "mean rank"]].to_numpy().tolist() == [
        *(["adass:r", 1], ["mde:value", 2], ["ues:32", 3]),
    ]
    assert table.column("method") == ["AdaS&S-R", "MDE", "UES-32"]
    assert table.column("data sets needed") == [MISSING, "2", "2"]
    assert "Friedman" not in table.caption and "n = 1 at each of 2 places" in table.caption
    assert exhibit.findings == [
        "Over 2 data sets AdaS&S-R has the best mean rank of 3 methods, 1.00 [1.00, 1.00]; clearly"
        " behind (Holm-corrected p below .05): nobody.",
        "To tell AdaS&S-R from others by ranks that differ as they do here (t-test at .05, power"
        " 80 %), so many data sets would be needed: MDE (1.00 ranks behind): 2; UES-32 (2.00 ranks"
        " behind): 2.",
        "A bootstrap over 2 data sets says little: it draws from 2 values, so that its intervals"
        " are too narrow, and the numbers of data sets needed are as rough.",
    ]
    assert len(exhibit.runs) == 6


def test_a_place_with_too_few_of_them_is_left_out_and_named(records, make_record, the_only):
    """It is no evidence against those that did not run there; nor is a method that ran once."""
    more = [make_record("ues:32", dataset="three"), make_record("esapn", dataset="one")]
    assert the_only(ranks.build, [*records, *more]).findings[3:] == [
        "Left out, as fewer of these methods ran there: three, Wide&Deep.",
        "Not ranked, for want of places or seeds: ESAPN.",
    ]


def test_seeds_that_not_all_have_rank_nobody(records, make_record, the_only):
    """A third seed of two of the methods would turn their ranks, and a method has none of it."""
    again = [make_record(label, 1, auc=auc, dataset="one") for label, auc in LABELS.items()]
    more = [make_record("ues:32", 2, auc=0.9, dataset="one")]
    more += [make_record("mde:value", 2, dataset="one")]
    exhibit = the_only(ranks.build, [*records, *again, *more])
    assert list(exhibit.tables[0].frame["mean rank"]) == [1, 2, 3] and len(exhibit.runs) == 9
    assert "n = 1 to 2 at each of 2 places" in exhibit.tables[0].caption


def test_the_backbones_of_one_data_set_are_one_data_set(make_record, the_only):
    """It tells nothing of others, and has no spread to count data sets by."""
    records = [
        make_record(label, auc=auc, backbone=backbone)
        for backbone in ("widedeep", "deepfm")
        for label, auc in LABELS.items()
    ]
    exhibit = the_only(ranks.build, records)
    assert exhibit.findings == [
        "Over 1 data set AdaS&S-R has the best mean rank of 3 methods, 1.00 [1.00, 1.00]; one data"
        " set tells nothing of others, nor how many would."
    ]
    assert exhibit.tables[0].column("data sets needed") == [MISSING] * 3


def test_two_protocols_on_one_data_set_are_one_data_set(make_record, the_only):
    """They are places apart, and tell nothing of other data."""
    records = [
        make_record(label, auc=auc, train=TrainConfig(l2=l2))
        for l2 in (1e-6, 0.1)
        for label, auc in LABELS.items()
    ]
    assert "Over 1 data set " in the_only(ranks.build, records).findings[0]


def test_one_result_under_several_names_leads_nothing(make_record, the_only):
    """All share the rank, or the lead."""
    same = [make_record(label, dataset=dataset) for dataset in ("one", "two") for label in LABELS]
    assert the_only(ranks.build, same).findings[0] == (
        "Over 2 data sets UES-32, MDE and AdaS&S-R have the same mean rank."
    )
    worse = [make_record("esapn", auc=0.6, dataset=dataset) for dataset in ("one", "two")]
    exhibit = the_only(ranks.build, [*same, *worse])
    assert "UES-32, MDE and AdaS&S-R share the best mean rank of 4" in exhibit.findings[0]
    assert exhibit.tables[0].column("data sets needed") == [
        MISSING,
        "none would",
        "none would",
        "2",
    ]


def test_ten_data_sets_are_enough_for_a_critical_difference(make_record, the_only):
    """Friedman's test has blocks that are data sets, and says how many; bars are drawn."""
    records = [
        make_record(label, auc=auc, dataset=f"set{number}")
        for number in range(10)
        for label, auc in LABELS.items()
    ]
    exhibit = the_only(ranks.build, records)
    assert "Friedman's test over the n = 10 data sets" in exhibit.tables[0].caption
    assert "critical difference" in exhibit.figures[0].caption and len(exhibit.findings) == 2


def test_a_number_of_data_sets_beyond_reach_is_not_spelled(make_record, the_only):
    """MDE is ahead on one data set, and behind in 11 of 12 seeds of the other.

    A mean of 1/12 and a deviation of 1.30: (2.80 x 15.56)² is 1,900, which the CSV file has.
    """
    up, down = (0.7, 0.71, 0.6), (0.71, 0.7, 0.6)
    labels = ("ues:32", "mde:value", "adass:r")
    records = [
        make_record(label, seed, auc=auc, dataset=dataset)
        for dataset, turns in (("one", [up]), ("two", [up, *[down] * 11]))
        for seed, aucs in enumerate(turns)
        for label, auc in zip(labels, aucs, strict=True)
    ]
    (table,) = the_only(ranks.build, records).tables
    assert table.column("method")[:2] == ["MDE", "UES-32"]
    assert table.column("data sets needed")[1] == "> 1,000"
    assert int(as_csv(table).splitlines()[2].split(",")[8]) == pytest.approx(1900, abs=5)


def test_data_sets_of_one_title_have_a_column_each(records, the_only):
    """Their names tell them apart."""
    for record in records:
        record.titles["dataset"] = "Same"
    (table,) = the_only(ranks.build, records).tables
    assert list(table.frame.columns)[-2:] == ["Same (one)", "Same (two)"]


def test_one_place_has_no_ranks(records, failed):
    """Nor has none, nor have runs that failed."""
    assert ranks.build(gather(r for r in records if r.spec.dataset == "one")) == []
    assert ranks.build(gather([])) == []
    runs = [failed(label, dataset=dataset) for dataset in ("one", "two") for label in LABELS]
    assert ranks.build(gather(runs)) == []
