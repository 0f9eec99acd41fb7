"""AUC against parameters."""

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from aesbench.report.evidence import gather
from aesbench.report.exhibits import pareto


def test_given_sizes_are_the_ground_and_variants_are_the_ablations(make_record, the_only):
    """The best of many given allocations is so by chance: it is drawn and on no front."""
    records = [
        make_record("ues:2", auc=0.70, dims=(2, 2)),
        make_record("ues:8", auc=0.72, dims=(8, 8)),
        make_record("mde:value@0.5", auc=0.71, dims=(16, 16)),
        *(make_record(f"fixed:2-{d}", auc=0.99, dims=(2, d)) for d in range(4, 15)),
        make_record("adass:r[groups=1]", auc=0.99, dims=(2, 8)),
    ]
    exhibit = the_only(pareto.build, records)
    assert len(exhibit.runs) == 3
    frame = exhibit.tables[0].frame
    assert dict(zip(frame["method"], frame["front"], strict=True)) == {
        **{"ues:2": "yes", "ues:8": "yes", "mde:value@0.5": ""},
    }
    assert exhibit.tables[0].bold["AUC"] == [True, True, False]
    assert "11 allocations that no method chose" in exhibit.figures[0].caption
    assert exhibit.findings == [
        "tiny, Wide&Deep: on the front are, from small to large, UES-2 (240 parameters,"
        " AUC 0.7000), UES-8 (960 parameters, AUC 0.7200)."
    ]
    few = the_only(pareto.build, records[:6])
    assert len(few.runs) == 6, "a few given by hand are points like any other"
    assert pareto.build(gather(records[:2])) == [] == pareto.build(gather([]))


def test_two_seeds_have_no_bar(make_record, the_only):
    """Their interval, 13 standard errors to each side, would hide the others'."""
    records = [
        make_record(label, seed, auc=0.7 + seed / 1000, dims=(dim, dim))
        for label, n, dim in (("ues:8", 3, 8), ("ues:16", 3, 16), ("ues:32", 2, 32))
        for seed in range(n)
    ]
    (figure,) = the_only(pareto.build, records).figures
    drawn = Figure()
    figure.draw(drawn)
    (axis,) = drawn.axes
    lines = [one for one in axis.collections if isinstance(one, LineCollection)]
    bars = {
        round(float(bar[0, 0])): np.ptp(bar[:, 1])
        for line in lines
        for bar in line.get_segments()
        if len(bar)
    }
    assert bars.keys() == {960, 1920} and all(height > 0 for height in bars.values())


def test_the_front_is_of_common_seeds_and_names_equals(make_record, the_only):
    """Two names of one result are both on it, though one has a seed more, which is easy."""
    records = [
        make_record(label, seed, auc=0.7 + 0.1 * seed - worse, dims=(8, 8))
        for label, n, worse in (("autodim", 2, 0), ("sseds", 3, 0), ("esapn", 3, 0.05))
        for seed in range(n)
    ]
    assert the_only(pareto.build, records).findings == [
        "tiny, Wide&Deep: on the front are, from small to large, AutoDim (960 parameters,"
        " AUC 0.7500), SSEDS (960 parameters, AUC 0.8000)."
    ]
    # Without a seed in common nobody beats anybody; alone at the top, nobody stands beside one.
    records[3:] = [make_record("esapn", 5, auc=0.6, dims=(8, 8))]
    records[2:3] = [make_record("ues:8", 0, auc=0.5, dims=(8, 8))]
    (finding,) = the_only(pareto.build, records).findings
    assert "AutoDim" in finding and "ESAPN" in finding and "UES-8" not in finding
    records[-1] = make_record("esapn", 0, auc=0.6, dims=(8, 8))
    (finding,) = the_only(pareto.build, records).findings
    assert finding.endswith("on the front is AutoDim (960 parameters, AUC 0.7500) alone.")
