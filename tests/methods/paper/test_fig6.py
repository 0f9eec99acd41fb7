"""Figure 6: whose clock is read, how stages add up, and when there is nothing to show."""

from dataclasses import replace

from aesbench.report.evidence import gather
from aesbench_methods.adass.paper.exhibits.fig6 import build, costs_of


def test_stages_are_stacked_in_processor_time_where_all_runs_have_it(make_record, the_only, values):
    """MDE has processor time in one record, AdaS&S in both; FLOPs are paired by seed."""
    processor = {"prepare": 30.0, "search": 5.0}
    records = [
        *(make_record("ues:32", seed) for seed in range(2)),
        *(make_record("mde:value", seed) for seed in range(2)),
        *(
            replace(make_record("adass:r", seed), cpu_seconds=processor, flops=500)
            for seed in range(2)
        ),
    ]
    records[2] = replace(records[2], cpu_seconds=processor)
    exhibit = the_only(build, records)
    rows = values(exhibit.tables[0])
    ours, mde, esapn = rows["AdaS&S-R"], rows["MDE"], rows["ESAPN"]
    assert (ours["clock"], ours["prepare (s)"], ours["search (s)"], ours["both (s)"]) == (
        *("processor", 30.0, 5.0, 35.0),
    )
    assert (mde["clock"], mde["both (s)"]) == ("wall", 3.0)
    assert (ours["FLOPs / UES-32"], mde["FLOPs / UES-32"]) == (0.5, 1.0)
    assert (ours["low"], ours["high"], ours["seeds"]) == (35.0, 35.0, 2)
    assert esapn["seeds"] == 0 and esapn["clock"] == "" and esapn["both (s)"] != esapn["both (s)"]
    assert exhibit.findings == [
        # AdaS&S-R alone has processor time: what it takes is not held against wall time.
        "tiny, Wide&Deep: UES-32 and MDE are equal in the longest time to search, 3.0 wall seconds"
        " (n = 2 common seeds).",
        "tiny, Wide&Deep: AdaS&S-R takes 30.0 processor seconds for its supernet and 5.0 for each"
        " search (n = 2); its FLOPs are 50% of UES-32's.",
        "tiny, Wide&Deep: AdaS&S-R has the fewest FLOPs of 3 methods, 50% of UES-32's (n = 2 common"
        " seeds).",
    ]
    assert list(exhibit.runs) == [record.spec.run_id for record in records]


def test_only_uniform_size_32_stands_beside_the_methods(make_record, the_only, values):
    """Other uniform sizes search nothing; UES-32's place is kept where it did not run."""
    records = [make_record(label) for label in ("ues:16", "ues:32+transform", "autodim")]
    table = the_only(build, records).tables[0]
    assert table.frame["method"].str.startswith("ues").sum() == 1
    rows = values(table)
    assert rows["UES-32"]["seeds"] == 0 and rows["AutoDim"]["seeds"] == 1
    assert table.frame["FLOPs / UES-32"].isna().all(), "nothing to refer them to"


def test_searches_of_one_seed_count_as_one(make_record):
    """Seed 0 has searches of 2 and 4 s, seed 1 one of 5 s: 3 and 5 s, preparation of 1 s each."""
    took = {(0, 0): 2.0, (0, 1): 4.0, (1, 0): 5.0}
    records = [
        replace(
            make_record("adass:r", seed, search_index=index),
            seconds={"prepare": 1.0, "search": search},
        )
        for (seed, index), search in took.items()
    ]
    evidence = gather(records)
    (cost,) = (c for c in costs_of(evidence, evidence.runs) if c.row.key == "adass:r")
    assert cost.seconds["search"].to_dict() == {0: 3.0, 1: 5.0}
    assert cost.both.to_dict() == {0: 4.0, 1: 6.0}


def test_nothing_is_drawn_where_nothing_was_trained_before(make_record):
    """UES and MDE alone take no time to search."""
    quick = {"prepare": 0.0, "search": 0.001, "retrain": 4.0}
    records = [replace(make_record("ues:32"), seconds=quick)]
    assert build(gather(records)) == []


def test_who_takes_longest_does_so_over_common_seeds(make_record, the_only):
    """AutoDim is slower in the seeds that both have; AdaS&S-R has a seed of twice the time."""
    took = {"autodim": (9.0, 9.0), "adass:r": (5.0, 5.0, 99.0)}
    records = [
        replace(make_record(label, seed), seconds={"prepare": 0.0, "search": one, "retrain": 4.0})
        for label, seconds in took.items()
        for seed, one in enumerate(seconds)
    ]
    assert the_only(build, records).findings == [
        "tiny, Wide&Deep: AutoDim has the longest time to search of 2 methods, 9.0 wall seconds"
        " (n = 2 common seeds).",
        "tiny, Wide&Deep: AdaS&S-R takes 0.0 wall seconds for its supernet and 36.3 for each"
        " search (n = 3).",
    ]


def test_who_lacks_the_common_seeds_is_named(make_record, the_only):
    """One seed of AutoDim beside three of the others, and not theirs."""
    records = [make_record(label, seed) for label in ("ues:32", "mde:value") for seed in range(3)]
    time, flops = the_only(build, [*records, make_record("autodim", 5)]).findings
    assert time.endswith("(n = 3 common seeds); not compared, for want of these seeds: AutoDim.")
    assert flops.endswith("(n = 3 common seeds).")  # AutoDim's are multiples of nothing.


def test_one_method_takes_longest_of_nobody(make_record, failed, the_only):
    """Its figure has words all the same; where all failed there is nothing to show."""
    exhibit = the_only(build, [make_record("autodim"), failed("adass:r"), failed("ues:32")])
    assert exhibit.findings == [] and exhibit.figures[0].alternative == exhibit.tables[0].title
    assert build(gather([failed("autodim"), failed("ues:32")])) == []
