"""Figure 4: searches of one state and from end to end, apart."""

from aesbench.report.evidence import gather
from aesbench_methods.adass.paper.exhibits import fig4


def test_fig4_keeps_searches_of_one_state_and_from_end_to_end_apart(
    make_record, the_only, lines_of
):
    """Searches 0 to 3 of two supernets; end to end only the first of each seed counts."""
    records = [
        make_record(
            "adass:r+search-only",
            seed,
            dims=(8, 2) if search else (16, 2),
            prepare_id=f"supernet {seed}",
            search_index=search,
            retrain=False,
        )
        for seed in (0, 1)
        for search in range(4)
    ]
    records += [make_record("autodim", seed, dims=(2, (2, 64)[seed])) for seed in (0, 1)]
    exhibit = the_only(fig4.build, [*records, make_record("ues:32", 0)])
    assert sorted(exhibit.runs) == sorted(record.spec.run_id for record in records)
    summary, fields = exhibit.tables
    lines = lines_of(summary)
    assert [(line["method"], line["repeated"]) for line in lines] == [
        ("adass:r", "one state"),
        ("adass:r", "one state"),
        ("adass:r", "end to end"),
        ("autodim", "end to end"),
    ]
    first, _, whole, autodim = lines
    assert summary.column("method")[0] == "AdaS&S-R, prepared with seed 0"
    assert (first["searches"], first["modal share"], first["least"]) == (4, 0.875, 0.75)
    assert (whole["searches"], whole["modal share"], whole["different"]) == (2, 1.0, 1)
    assert (autodim["searches"], autodim["modal share"]) == (2, 0.75)
    (item,) = (x for x in lines_of(fields) if (x["method"], x["field"]) == ("autodim", "item"))
    assert (item["modal size"], item["size 2"], item["size 64"], item["size 8"]) == (2, 0.5, 0.5, 0)
    assert [figure.name for figure in exhibit.figures] == [
        "fig4-shared-tiny-widedeep",
        "fig4-end-to-end-tiny-widedeep",
    ]
    shared, ranked = exhibit.findings
    assert (
        "88% of cases (8 searches of 2 states); 50% of fields exceed the 75% of the AdaS&S paper"
        in shared
    )
    assert ranked.endswith("of: AdaS&S-R 100% (n = 2), AutoDim 50% (n = 2).")


def test_fig4_takes_sizes_from_retrained_runs_too_and_once_per_seed(
    make_record, the_only, lines_of
):
    """Search-only and retrained runs of a seed found the same: they are one search."""
    records = [make_record("adass:e", seed) for seed in range(3)]
    records += [make_record("adass:e+search-only", 0, retrain=False)]
    exhibit = the_only(fig4.build, records)
    (line,) = lines_of(exhibit.tables[0])
    assert line["searches"] == 3
    assert "AdaS&S-E 100% (n = 3, always 32 for all fields)" in exhibit.findings[0]
    assert fig4.build(gather([make_record("adass:e"), make_record("ues:32", 1)])) == []


def test_fig4_has_other_methods_where_they_searched_only(make_record, the_only, lines_of):
    """SSEDS's sizes, which are no candidates, are in the tables and not drawn."""
    records = [
        make_record("sseds+search-only", seed, dims=(3, 2), retrain=False) for seed in range(2)
    ]
    exhibit = the_only(fig4.build, [*records, *(make_record("mde:field", s) for s in range(2))])
    summary, fields = exhibit.tables
    assert [line["method"] for line in lines_of(summary)] == ["sseds"]
    user, _ = lines_of(fields)
    assert user["modal size"] == 3 and "size 3" not in user and user["size 2"] == 0
    assert exhibit.figures == []


def test_searches_that_failed_repeat_nothing(failed):
    """They found no sizes."""
    assert fig4.build(gather([failed("adass:r", seed) for seed in range(3)])) == []
