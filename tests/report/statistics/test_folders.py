"""Two results folders: what is equal, what is noise, and what is neither."""

import dataclasses
import math

import pytest

import aesbench
from aesbench.core.pack import PACK_TOLERANCE
from aesbench.core.record import write_record
from aesbench.errors import ConfigError, RecordError
from aesbench.report.statistics.folders import SEEDS_SPREAD, TOLERANCE


@pytest.fixture
def compare(tmp_path):
    """Return the function that compares two folders of these records."""

    def of(mine, theirs, **options):
        for name, records in (("mine", mine), ("theirs", theirs)):
            for record in records:
                write_record(tmp_path / name, record)
        return aesbench.compare(str(tmp_path / "mine"), tmp_path / "theirs", **options)

    return of


def moved(record, auc=0.0, logloss=0.0, split="test", **environment):
    """The record with one split's metrics moved, made elsewhere."""
    metrics = {name: dict(values) for name, values in record.metrics.items()}
    metrics[split]["auc"] += auc
    metrics[split]["logloss"] += logloss
    told = {**record.environment, **environment}
    return dataclasses.replace(record, metrics=metrics, environment=told)


def verdicts(found):
    """{seed: verdict}."""
    return dict(zip(found.runs["seed"], found.runs["verdict"], strict=True))


def test_equal_records_do_not_differ(compare, seeds):
    """To the last bit, whenever and however fast they were made."""
    records = seeds("ues:32", 0.75)
    later = [dataclasses.replace(r, seconds={"search": 9.0}) for r in records]
    found = compare(records, later)
    assert set(found.runs["verdict"]) == {"equal"} and not found.differs
    assert (found.methods["difference"] == 0).all() and not found.methods["beyond"].any()
    assert found.methods["same runs"].tolist() == [4] and found.environments.empty


@pytest.mark.parametrize("metric", ["auc", "logloss"])
@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_metric_beyond_the_tolerance_differs(compare, seeds, metric, split):
    """On machines that are alike: of any split, of AUC and of LogLoss, in either direction."""
    records = seeds("ues:32", 0.75)
    changes = (0.0, TOLERANCE / 2, -2 * TOLERANCE, TOLERANCE / 3)
    others = [moved(r, split=split, **{metric: d}) for r, d in zip(records, changes, strict=True)]
    found = compare(records, others)
    assert verdicts(found) == {0: "equal", 1: "within", 2: "beyond", 3: "within"}
    worst = found.runs.set_index("seed").loc[2]
    assert worst[metric] == pytest.approx(2 * TOLERANCE) and worst["excess"] == pytest.approx(2)
    assert found.differs and found.count("within", "equal") == 3


@pytest.mark.parametrize(("tolerance", "verdict"), [(0.004, "beyond"), (0.006, "within")])
def test_a_given_tolerance_counts_whatever_the_machines(compare, seeds, tolerance, verdict):
    """It is the user's word."""
    records = seeds("ues:32", 0.75)
    others = [moved(r, auc=0.005 if r.spec.seed == 1 else 0, cpu="Another") for r in records]
    found = compare(records, others, tolerance=tolerance)
    assert verdicts(found)[1] == verdict and found.differs == (verdict == "beyond")


def test_no_tolerance_at_all_wants_equal_bits(compare, seeds):
    """Zero divides nothing."""
    records = seeds("ues:32", 0.75)
    others = [moved(r, auc=1e-9 if r.spec.seed == 1 else 0) for r in records]
    found = compare(records, others, tolerance=0)
    assert verdicts(found) == {0: "equal", 1: "beyond", 2: "equal", 3: "equal"}
    assert found.runs["excess"].max() == math.inf


@pytest.mark.parametrize(
    "fact", [{"cpu": "Another"}, {"threads": 2}, {"packages": {"torch": "3"}}, {"device": "H"}]
)
def test_other_machines_may_differ_as_seeds_do(compare, seeds, fact):
    """Three standard deviations of the difference of two seeds: the median over methods."""
    records = [*seeds("ues:32", 0.75, n=8), *seeds("ues:8", 0.7, n=8), *seeds("ues:2", 0.6, n=8)]
    wild = seeds("random", 0.7, n=8, noise=40)  # What it draws, not its training, is what varies.
    frame = aesbench.records_frame(records + wild)
    spread = frame.groupby("method")["test_auc"].std()
    limit = SEEDS_SPREAD * spread.median()
    assert spread["random"] > 10 * spread.median() and limit > 2 * TOLERANCE
    changes = {("ues:8", 0): 0.9 * limit, ("ues:8", 1): 1.1 * limit}
    others = [moved(r, auc=changes.get((r.spec.label, r.spec.seed), 0), **fact) for r in records]
    found = compare(records + wild, others + wild)
    runs = found.runs[found.runs["method"] == "ues:8"].set_index("seed")
    assert runs["limit auc"].tolist() == pytest.approx([limit] * 8)
    assert runs["verdict"].tolist() == ["within", "beyond", *["equal"] * 6]
    assert not runs["alike"].any() and found.environments["runs"].tolist() == [24]


def test_a_limit_is_never_below_the_tolerance(compare, make_record):
    """One seed tells no spread."""
    record = make_record()
    found = compare([record], [moved(record, auc=TOLERANCE / 2, cpu="Another")])
    assert verdicts(found) == {0: "within"} and found.runs["limit auc"].tolist() == [TOLERANCE]


def test_what_failed_in_one_only_differs(compare, seeds, failed):
    """Whichever it is; what failed in both does not."""
    ok = seeds("ues:32", 0.75)
    found = compare(
        [failed(seed=0), ok[1], failed(seed=2), ok[3]],
        [ok[0], failed(seed=1), failed(seed=2), ok[3]],
    )
    assert verdicts(found) == {
        0: "failed in mine", 1: "failed in theirs", 2: "both failed", 3: "equal",
    }  # fmt: skip
    assert found.differs


def test_what_only_one_folder_holds_is_counted_and_no_difference(compare, seeds):
    """A study in progress beside a finished one."""
    records = seeds("ues:32", 0.75)
    found = compare(records[:3], records[1:])
    assert verdicts(found) == {0: "only mine", 1: "equal", 2: "equal", 3: "only theirs"}
    assert not found.differs and found.methods["pairs"].tolist() == [2]


def test_searches_are_judged_by_their_sizes(compare, make_record):
    """On one machine equal specs find equal sizes; on another one nothing says what they are."""
    searched = [make_record("ues:32+search-only", seed, retrain=False) for seed in range(3)]
    sized = [make_record("ues:32+search-only", s, retrain=False, dims=(8, 8)) for s in range(3)]
    elsewhere = {**sized[2].environment, "cpu": "Another"}
    others = [*searched[:1], sized[1], dataclasses.replace(sized[2], environment=elsewhere)]
    found = compare(searched, others)
    assert verdicts(found) == {0: "equal", 1: "beyond", 2: "other sizes"}


def test_scores_of_a_supernet_are_compared(compare, make_record):
    """By the allocation that differs most."""
    record = make_record("ues:32+2-scores", retrain=False, scores=2)
    scores = {"2-8": {"auc": 0.7, "logloss": 0.5}, "8-2": {"auc": 0.6, "logloss": 0.5}}
    changed = {**scores, "8-2": {"auc": 0.61, "logloss": 0.5}}
    found = compare(
        [dataclasses.replace(record, allocation=None, scores=scores)],
        [dataclasses.replace(record, allocation=None, scores=changed)],
    )
    assert verdicts(found) == {0: "beyond"}
    assert found.runs["auc"].iloc[0] == pytest.approx(-0.01)


def test_methods_of_other_ids_are_compared_by_seed(compare, seeds):
    """Another protocol, the same data: no run is in both, and the mean's difference is tested."""
    train = aesbench.TrainConfig(epochs=3)
    found = compare(seeds("ues:32", 0.75), seeds("ues:32", 0.76, noise=0.2, train=train))
    assert set(found.runs["verdict"]) == {"only mine", "only theirs"}
    (row,) = found.methods.to_dict("records")
    assert (row["pairs"], row["same runs"], row["beyond"]) == (4, 0, True)
    assert row["difference"] == pytest.approx(-0.01, abs=2e-4) and row["Holm p"] < 0.05
    assert found.differs


def test_a_mean_that_differs_clearly_by_nothing_is_no_difference(compare, seeds):
    """A shift of a tenth of the tolerance, however regular."""
    records = seeds("ues:32", 0.75)
    shifts = (1.0, 1.1, 0.9, 1.05)
    others = [moved(r, auc=d * TOLERANCE / 10) for r, d in zip(records, shifts, strict=True)]
    found = compare(records, others)
    assert found.methods["Holm p"].iloc[0] < 0.001 and not found.differs


def test_other_data_do_not_compare(compare, seeds, make_record):
    """The data set is named, and where nothing else is in common that is the error."""
    records = seeds("ues:32", 0.75)
    with pytest.raises(RecordError, match="'tiny' is a{16} in .*mine and b{16}.*data info"):
        compare(records, seeds("ues:32", 0.75, data_hash="b" * 64))
    both = make_record(dataset="small")
    found = compare([*records, both], [both])
    assert found.other_data == {"tiny": ("a" * 64, "b" * 64)} and len(found.methods) == 1


def test_nothing_in_common_is_an_error(compare, seeds):
    """Not a folder that agrees."""
    with pytest.raises(RecordError, match="neither a run nor a method.*list runs"):
        compare(seeds("ues:32", 0.75), seeds("ues:8", 0.75))


def test_a_folder_without_records_and_the_same_twice_are_errors(tmp_path, make_record):
    """A misspelt folder is no empty one; a link to a folder is that folder."""
    write_record(tmp_path / "mine", make_record())
    with pytest.raises(RecordError, match="theirs holds no records"):
        aesbench.compare(tmp_path / "mine", tmp_path / "theirs")
    (tmp_path / "theirs").symlink_to(tmp_path / "mine", target_is_directory=True)
    with pytest.raises(ConfigError, match="are one folder"):
        aesbench.compare(tmp_path / "mine", tmp_path / "theirs")


@pytest.mark.parametrize("tolerance", [-0.1, math.nan, math.inf])
def test_a_tolerance_is_a_number(tmp_path, tolerance):
    """The value is named."""
    with pytest.raises(ConfigError, match="tolerance = .*a number of at least 0"):
        aesbench.compare(tmp_path, tmp_path, tolerance=tolerance)


def test_environments_are_told_apart(compare, make_record):
    """Version, package, provider, commit and processor, with the runs that they are of."""
    record = make_record()
    other = moved(
        record, aesbench="0.2.0", cpu="Another", packages={"torch": "3"},
        git={"commit": "beef", "dirty": True}, providers={"method": "p 1"},
    )  # fmt: skip
    found = compare([record], [other])
    assert found.environments["fact"].tolist() == [
        "aesbench", "git commit", "cpu", "package torch", "provider method",
    ]  # fmt: skip
    assert found.environments["mine"].tolist()[2:] == ["A processor", "2.13.0", "unknown"]


@pytest.mark.parametrize("sides", ["mine", "theirs", "both"])
def test_packs_differ_within_their_tolerance(compare, seeds, packed, sides):
    """On machines that are alike: more than runs alone may, and no more than is stated."""
    records = seeds("ues:32", 0.75)
    most = PACK_TOLERANCE["auc"]
    shifts = (0.0, TOLERANCE * 1.1, -most * 0.9, most * 1.1)
    others = [moved(r, auc=d) for r, d in zip(records, shifts, strict=True)]
    mine = records if sides == "theirs" else list(map(packed, records))
    theirs = others if sides == "mine" else [packed(r, models=4) for r in others]
    found = compare(mine, theirs)
    assert verdicts(found) == {0: "equal", 1: "within", 2: "within", 3: "beyond"}
    assert found.runs["packed"].all() and set(found.runs["limit auc"]) == {most}
    (fact,) = found.environments.to_dict("records")
    told = {"mine": ("8 models, width 352", "none"), "theirs": ("none", "4 models, width 352"),
            "both": ("8 models, width 352", "4 models, width 352")}  # fmt: skip
    assert (fact["fact"], fact["mine"], fact["theirs"], fact["runs"]) == ("pack", *told[sides], 4)


def test_packs_on_other_machines_may_differ_as_seeds_do(compare, seeds, packed):
    """The wider of the two limits; a tolerance that is given is the limit of all."""
    wide = [packed(r) for r in seeds("ues:32", 0.75, noise=20)]
    others = [moved(r, cpu="Another") for r in wide]
    assert (compare(wide, others).runs["limit auc"] > PACK_TOLERANCE["auc"]).all()
    assert set(compare(wide, others, tolerance=1e-4).runs["limit auc"]) == {1e-4}
