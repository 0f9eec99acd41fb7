"""A paper's main table."""

from dataclasses import replace

import pandas as pd
import pytest

from aesbench.plugins.exhibit import MISSING
from aesbench.plugins.paper import Paper
from aesbench.plugins.registry import PAPERS
from aesbench.report.evidence import View, gather
from aesbench.report.exhibits import comparison
from aesbench.report.statistics.paired import compare


@pytest.fixture
def table3():
    """Return the function that makes the view of AdaS&S of some records."""

    def made(records):
        evidence = gather(records, View(papers=("adass",)))
        (found,) = (one for one in comparison.build(evidence) if one.name.startswith("table3"))
        return found

    return made


def tables_of(exhibit):
    """{name: table} of an exhibit."""
    return {table.name: table for table in exhibit.tables}


def auc_of(records):
    """{seed: test AUC} of some records."""
    return pd.Series({r.spec.seed: r.metrics["test"]["auc"] for r in records})


def test_it_shows_scores_and_the_papers_beside_them(seeds, table3, values, cells):
    """Mean, parameters saved, and the published row; what did not run is a dash."""
    records = [
        *seeds("ues:32", 0.80, dataset="ml100k", noise=0),
        *seeds("adass:e", 0.81, dataset="ml100k", dims=(16, 8)),
    ]
    exhibit = table3(records)
    table = tables_of(exhibit)["table3-ml100k-widedeep"]
    found = values(table)
    best, reference = found["AdaS&S-E"], found["UES-32"]
    bold = dict(zip(found, table.bold["AUC"], strict=True))
    assert bold["AdaS&S-E"] and not bold["UES-32"]
    assert reference["AUC"] == pytest.approx(auc_of(records[:4]).mean())
    assert best["embedding params"] == 100 * 16 + 20 * 8
    assert best["P-R embedding"] == 1 - 1760 / 3840
    assert best["P-R model"] == 1 - (1760 + 320) / (3840 + 320)
    assert best["paper AUC"] == 0.7905 and best["paper P-R"] == 0.2271
    shown = cells(table)["ESAPN"]
    assert (shown["AUC"], shown["seeds"], shown["paper AUC"]) == (MISSING, "0", "0.7870")
    assert any("no ML-100K" in finding for finding in exhibit.findings)
    assert sorted(exhibit.runs) == sorted(record.spec.run_id for record in records)


def test_it_compares_with_ues_32_and_with_the_best_uniform_size(seeds, the_only, values):
    """Differences, intervals and p-values are those of the paired comparison."""
    records = [
        *seeds("ues:32", 0.80, noise=0),
        *seeds("ues:16", 0.81, noise=0.6),
        *seeds("mde:value", 0.79, noise=0.3),
    ]
    tables = tables_of(the_only(comparison.build, records))
    against_32 = tables["comparison-tiny-widedeep-auc-vs-ues32"]
    mde = values(against_32)["MDE"]
    expected = compare(auc_of(records[8:]), auc_of(records[:4]))
    for name in ("difference", "95 % low", "bootstrap high", "t-test p", "effect size"):
        assert mde[name] == expected[name]
    # UES-16 is the best uniform size, too: it counts once.
    assert mde["Holm p"] > mde["t-test p"]
    assert "over the 2 comparisons of this table" in against_32.caption
    versus_best = values(tables["comparison-tiny-widedeep-auc-vs-best-ues"])
    assert versus_best["MDE"]["difference"] < mde["difference"]
    assert "Best UES on validation (UES-16)" not in versus_best and "UES-32" in versus_best
    of_loss = values(tables["comparison-tiny-widedeep-logloss-vs-ues32"])["MDE"]
    assert (of_loss["difference"], of_loss["t-test p"]) == (0, None)


def test_it_draws_a_line_for_every_row(seeds, the_only):
    """Both panels hold every method, the control under the other unification on one line."""
    records = [
        *seeds("ues:32", 0.80),
        *seeds("ues:32+transform", 0.79),
        *seeds("mde:value", 0.79),
        *seeds("ues:32", 0.80, backbone="deepfm", unification="transform"),
        *seeds("ues:32+plain", 0.79, backbone="deepfm"),
        *seeds("mine", 0.79, backbone="deepfm"),
    ]
    (figure,) = the_only(comparison.build, records).figures
    frame = figure.data.frame.assign(name=figure.data.column("method"))
    lines = {tuple(row) for row in frame[["backbone", "name", "pairs"]].to_numpy()}
    for line in (
        ("Wide&Deep", "UES-32, other unification", 4),
        ("DeepFM", "UES-32, other unification", 4),
        ("Wide&Deep", "mine", 0),
        ("DeepFM", "mine", 4),
    ):
        assert line in lines
    assert len(frame) % 2 == 0 and "n = 4" in figure.caption


def test_deleting_a_record_makes_its_cell_read_as_missing(make_record, table3, cells):
    """In a paper's table a method of one run, deleted, keeps its row; its number is a dash."""
    run = make_record("adass:e", dataset="ml100k", auc=0.81)
    others = [make_record("ues:32", dataset="ml100k"), make_record("ues:32", 1, dataset="ml100k")]
    with_it, without = (
        cells(tables_of(table3(records))["table3-ml100k-widedeep"])["AdaS&S-E"]
        for records in ([run, *others], others)
    )
    assert with_it["AUC"] == "0.8100" and without["AUC"] == MISSING


def test_a_failed_run_is_counted_in_its_row(make_record, failed, the_only, cells):
    """It enters no number."""
    records = [make_record("ues:32"), make_record("mde:value"), failed("mde:value", 1)]
    table = tables_of(the_only(comparison.build, records))["comparison-tiny-widedeep"]
    assert cells(table)["MDE"]["seeds"] == "1 (+1 failed)"


def test_claims_stand_beside_ours_with_a_verdict(seeds, the_only, values):
    """Where the paper has the data set or a relative, and nowhere else."""
    records = [
        *seeds("ues:32", 0.80, noise=0, dataset="ml100k"),
        *seeds("adass:e", 0.81, dataset="ml100k"),
        *seeds("adass:e", 0.81, dataset="others"),
    ]
    evidence = gather(records, View(papers=("adass",)))
    found = {exhibit.name: exhibit for exhibit in comparison.build(evidence)}
    related, other = found["table3-ml100k"], found["table3-others"]
    assert not any("claims" in name for name in tables_of(found["comparison-ml100k"]))
    claims = values(tables_of(related)["table3-ml100k-widedeep-claims"])
    found = claims["AdaS&S-E beats UES-32 by AUC"]
    assert (found["verdict"], found["pairs"]) == ("confirmed", 4)
    assert found["paper"] == pytest.approx(0.0032) and found["ours"] == pytest.approx(
        0.01, abs=1e-4
    )
    assert claims["ESAPN is below UES-32 by AUC"]["verdict"] == "not testable at this n"
    assert any(
        f"{len(claims)} claims of AdaS&S: 1 confirmed" in finding for finding in related.findings
    )
    assert not any("claims" in name for name in tables_of(other))
    assert any("does not have these data" in finding for finding in other.findings)


def test_the_findings_name_the_leader_and_its_lead(seeds, the_only):
    """With interval and p-value against both baselines, or against the one that it is not."""
    records = [*seeds("ues:32", 0.80, noise=0), *seeds("adass:e", 0.81)]
    records += seeds("ues:16", 0.805, noise=0.3)
    finding = the_only(comparison.build, records).findings[0]
    assert finding.startswith(
        "Wide&Deep: AdaS&S-E has the highest mean test AUC of 3 methods, 0.81"
    )
    assert "(n = 4 seeds), clearly ahead of all others; +0.01" in finding
    assert "against UES-32; +0.005" in finding
    assert finding.endswith("against Best UES on validation (UES-16).")


def test_the_best_uniform_size_leads_a_line_up_that_lacks_it(seeds, table3):
    """It is in bold, and the sentence holds it against UES-32 alone."""
    records = [*seeds("ues:32", 0.80, noise=0), *seeds("ues:64", 0.82), *seeds("adass:e", 0.81)]
    exhibit = table3(records)
    rows = dict(zip(exhibit.tables[0].column("method"), exhibit.tables[0].bold["AUC"], strict=True))
    best = "Best UES on validation (UES-64)"
    assert [name for name, is_bold in rows.items() if is_bold] == [best]
    assert exhibit.findings[0].startswith(f"Wide&Deep: {best} has the highest mean test AUC of 3")
    assert exhibit.findings[0].endswith("against UES-32.")


def test_nobody_leads_itself(seeds, make_record, the_only):
    """One method under two names, three seeds and two: a tie over the seeds that both have."""
    records = [
        *(make_record("one", seed, auc=0.8 + seed / 100) for seed in range(3)),
        *(make_record("two", seed, auc=0.8 + seed / 100) for seed in range(2)),
    ]
    exhibit = the_only(comparison.build, records)
    assert exhibit.findings == (
        "Wide&Deep: one and two have the same mean test AUC, 0.8050 (n = 2 seeds).",
    )
    assert list(exhibit.tables[0].bold["AUC"]) == [True, True]


def test_the_rows_are_what_was_run(seeds, the_only, cells):
    """Whatever was changed; and no dashes for what did not run."""
    labels = ("ues:5", "ues:32", "random", "fixed:2-8", "mde:field[alpha=0.2]", "mde:field@0.5")
    records = [record for label in labels for record in seeds(label, 0.8)]
    exhibit = the_only(comparison.build, records)
    assert exhibit.name == "comparison-tiny"
    rows = cells(exhibit.tables[0])
    assert len(rows) == len(labels) + 1, "and the best uniform size"
    assert all(row["AUC"] != MISSING for row in rows.values())


def test_others_are_held_against_the_baseline_that_was_asked_for(seeds, values):
    """In the tables of differences, the findings and the figure."""
    records = [*seeds("ues:32", 0.80, noise=0), *seeds("mine", 0.81), *seeds("random", 0.7)]
    (exhibit,) = comparison.build(gather(records, View(baseline="random")))
    tables = tables_of(exhibit)
    assert not [name for name in tables if "vs-ues32" in name or "vs-best" in name]
    mine = values(tables["comparison-tiny-widedeep-auc-vs-random"])["mine"]
    assert mine["difference"] == pytest.approx(0.11, abs=0.001)
    assert exhibit.findings[0].endswith("against Random sizes.")
    assert "from Random sizes" in exhibit.figures[0].title


def test_a_place_where_all_runs_failed_takes_nothing_else_down(seeds, failed, the_only):
    """Its rows are there, without numbers; nobody leads."""
    records = [*seeds("ues:32", 0.8), *seeds("mine", 0.81), failed("mine", 0, backbone="deepfm")]
    exhibit = the_only(comparison.build, records)
    assert len(exhibit.findings) == 1 and len(exhibit.figures) == 1


def test_what_nothing_is_held_against_has_no_differences(seeds, the_only):
    """Without UES-32 there is no figure, and no traceback."""
    exhibit = the_only(comparison.build, [*seeds("mine", 0.8), *seeds("theirs", 0.7)])
    assert len(exhibit.tables) == 1 and not exhibit.figures


def test_nothing_that_ran_has_no_table():
    """Nor an exhibit without one."""
    assert comparison.build(gather([])) == []


def test_each_paper_that_is_asked_for_has_its_own(seeds, cells, monkeypatch):
    """Its heading, its table's name, its line-up and nobody else, its claim by its name."""
    paper = Paper(
        "b", "B", "B 2026", ("mine", "ues:8"), heading="Table 9", table="nine", claim="Ours wins."
    )
    monkeypatch.setattr(PAPERS, "_from_files", {"b": (paper, "this test")})
    records = [*seeds("ues:32", 0.8), *seeds("mine", 0.8), *seeds("autodim", 0.8)]
    assert [one.name for one in comparison.build(gather(records))] == ["comparison-tiny"]
    _, first, second = comparison.build(gather(records, View(papers=("adass", "b"))))
    assert first.name == "table3-tiny" and second.name == "nine-tiny"
    assert (second.title, second.claim) == ("Table 9: tiny", "B: Ours wins.")
    assert list(cells(second.tables[0])) == [
        *("UES-32", "UES-8", "UES-32 (transform)", "Best UES on validation (UES-32)", "mine"),
    ]


def test_int8_tables_stand_beside_where_all_runs_of_a_row_have_them(seeds, the_only, cells):
    """Older records have none: a mean over some seeds would stand beside one over others."""
    known = [
        replace(record, int8={"auc": 0.79 + seed / 100, "logloss": 0.5, "bytes": 4320})
        for seed, record in enumerate(seeds("ues:32", 0.80))
    ]
    half = seeds("ues:16", 0.81)
    half[0] = replace(half[0], int8={"auc": 0.7, "logloss": 0.5, "bytes": 2400})
    tables = tables_of(the_only(comparison.build, [*known, *half]))
    table = tables["comparison-tiny-widedeep"]
    shown = cells(table)
    assert (shown["UES-32"]["AUC int8"], shown["UES-32"]["int8 bytes"]) == ("0.8050", "4,320")
    assert shown["UES-16"]["AUC int8"] == shown["UES-16"]["int8 bytes"] == MISSING
    assert "eight bits" in table.caption
    older = tables_of(the_only(comparison.build, [*seeds("ues:32", 0.8), *seeds("ues:16", 0.81)]))
    assert "AUC int8" not in older["comparison-tiny-widedeep"].frame
    assert "eight bits" not in older["comparison-tiny-widedeep"].caption


def test_scores_show_what_masks_keep_and_cost(seeds, make_record, masked, table3, values):
    """Beside the parameters, which hold both; a place without masks has no such columns."""
    plain = seeds("ues:32", 0.80, dataset="ml100k", noise=0)
    own = [masked(make_record("adass:e", seed, dataset="ml100k")) for seed in (0, 1)]
    table = tables_of(table3([*plain, *own]))["table3-ml100k-widedeep"]
    found = values(table)["AdaS&S-E"]
    assert (found["embedding params"], found["kept values"], found["index bytes"]) == (
        2340, 2240, 400,
    )  # fmt: skip
    assert "index that finds them" in table.caption
    table = tables_of(table3(plain))["table3-ml100k-widedeep"]
    assert "kept values" not in table.frame and "index" not in table.caption
