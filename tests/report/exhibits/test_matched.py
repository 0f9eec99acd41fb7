"""Methods at equal parameters."""

import pytest

from aesbench.report.evidence import gather
from aesbench.report.exhibits import matched

JITTER = (0.0, 0.001, -0.001, 0.0005, 0.1)


@pytest.fixture
def exhibit(make_record, the_only):
    """SSEDS beats random sizes by .02 at 50 %; at 25 % it is missing; UES-16 is its equal.

    A fifth seed of UES-16, which no method under the budget has, does not enter.
    """
    records = [
        make_record(
            label, seed, auc=auc + JITTER[seed] + extra * seed, budget=budget, dims=(dim,) * 2
        )
        for label, auc, budget, dim, extra in (
            ("sseds@0.5", 0.72, 1920, 16, 1e-5),
            ("random@0.5", 0.70, 1920, 16, 0.0),
            ("random@0.25", 0.69, 960, 8, 0.0),
            ("ues:16", 0.71, None, 16, 1e-6),
        )
        for seed in range(5 if label == "ues:16" else 4)
    ]
    return the_only(matched.build, records)


def lines_of(table):
    """{(method, budget): {column: value}} of a table."""
    return {(row["method"], row["budget"]): row for row in table.frame.to_dict("records")}


def test_methods_compare_within_each_budget(exhibit):
    """With random sizes and with the uniform size of as many parameters."""
    scores, versus_random, versus_uniform = map(lines_of, exhibit.tables)
    assert scores["sseds", 0.5]["used"] == 0.5 and scores["sseds", 0.25]["AUC"] is None
    assert scores["ues:16", 0.5]["seeds"] == 4 and scores["ues:8", 0.25]["seeds"] == 0
    assert versus_random["sseds", 0.5]["difference"] == pytest.approx(0.02, abs=1e-4)
    assert versus_random["sseds", 0.25]["pairs"] == 0
    assert versus_random["ues:16", 0.5]["difference"] == pytest.approx(0.01, abs=1e-5)
    assert versus_uniform["random", 0.5]["difference"] == pytest.approx(-0.01, abs=1e-5)
    assert "Holm over the 2 comparisons of a budget" in exhibit.tables[1].caption


def test_the_uniform_size_is_first_and_random_sizes_last(exhibit):
    """Budgets ascend, each with every method of any of them; bold is who leads, never alone."""
    scores = exhibit.tables[0]
    assert list(lines_of(scores)) == [
        *(("ues:8", 0.25), ("sseds", 0.25), ("random", 0.25)),
        *(("ues:16", 0.5), ("sseds", 0.5), ("random", 0.5)),
    ]
    assert scores.bold["AUC"] == [False, False, False, False, True, False]


def test_what_is_missing_is_said(exhibit):
    """In the caption of the figure that does not show it."""
    assert "Missing: UES-8 at 25%, SSEDS at 25%." in exhibit.figures[0].caption


def test_the_findings_say_who_leads_and_who_beats_random_sizes(exhibit):
    """A uniform size counts as a method; a budget under which one method ran has no finding."""
    assert exhibit.findings == [
        "tiny, Wide&Deep, 50% of UES-32's parameters: SSEDS has the highest mean test AUC of 3"
        " methods, 0.7201 (n = 4 seeds), clearly ahead of all others; of 2 methods held against"
        " random sizes, these beat them clearly (Holm-corrected p below .05): UES-16 and SSEDS."
    ]


def test_the_same_runs_under_two_names_do_not_lead_each_other(make_record, the_only):
    """Three seeds of one and two of the other, the third of which would raise its mean."""
    records = [
        make_record(label, seed, auc=0.7 + 0.1 * seed, budget=1152, dims=(8, 8))
        for label, n in (("sseds@0.3", 3), ("mde:value@0.3", 2))
        for seed in range(n)
    ]
    exhibit = the_only(matched.build, records)
    assert exhibit.findings == [
        "tiny, Wide&Deep, 30% of UES-32's parameters: MDE and SSEDS have the same mean test AUC,"
        " 0.7500 (n = 2 seeds)."
    ]
    assert exhibit.tables[0].bold["AUC"] == [True, True]


def test_the_exhibit_is_made_again_by_its_study(exhibit):
    """The command of the study, and the runs that entered: not the fifth seed."""
    assert exhibit.reproduce == [
        "aesbench reproduce matched --dataset tiny --backbones widedeep",
    ]
    assert len(exhibit.runs) == 16


def test_what_differs_in_more_than_its_budget_is_left_out(make_record, the_only):
    """A sweep's run under a budget is none of the method's own; a share may fit no size."""
    records = [
        make_record("sseds@0.3", budget=1152, dims=(8, 8)),
        make_record("sseds[epochs=9]@0.3", budget=1152, dims=(8, 8), auc=0.9),
    ]
    exhibit = the_only(matched.build, records)
    assert list(lines_of(exhibit.tables[0])) == [("sseds", 0.3)]
    assert matched.build(gather([records[1], make_record("ues:32")])) == []
    assert matched.build(gather([])) == []
