"""Which runs a report puts together, and what it calls those that it keeps apart."""

import dataclasses

import pytest

from aesbench.core.spec import TrainConfig
from aesbench.errors import RecordError
from aesbench.plugins.paper import Place
from aesbench.report.evidence import gather


def rows(evidence) -> list[tuple[str, str, str, int]]:
    """Return data set, backbone, method and number of runs of every row."""
    columns = ["dataset", "backbone", "method"]
    return [(*key, len(own)) for key, own in evidence.runs.groupby(columns, sort=True)]


def by(record, **providers):
    """Return a record whose method, backbone or data set somebody else provides."""
    return dataclasses.replace(record, providers={**record.providers, **providers})


def test_seeds_and_searches_are_one_row(make_record):
    """Settings are equal as lists and as tuples, which a run just made holds."""
    records = [
        make_record("fixed", 0, method_config={"dims": (8, 2)}),
        make_record("fixed", 1, method_config={"dims": [8, 2]}),
        make_record("fixed", 1, method_config={"dims": [8, 2]}, search_index=1),
    ]
    assert rows(gather(records)) == [("tiny", "widedeep", "fixed", 3)]


def test_equal_settings_are_one_row_however_they_are_called(make_record):
    """Under the label without a change; that of a tuning stays its own."""
    config = {"alpha": 0.3}
    labels = ("mde:field", "mde:field[alpha=0.30]", "mde:value[rule=field]", "mde:field+tuned")
    records = [make_record(label, 0, method="mde", method_config=config) for label in labels]
    evidence = gather(records)
    assert rows(evidence) == [
        ("tiny", "widedeep", "mde:field", 3),
        ("tiny", "widedeep", "mde:field+tuned", 1),
    ]
    assert set(evidence.runs["choice"]) == {"mde:field"}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"data_hash": "b" * 64}, f"data {'b' * 16}"),
        ({"train": TrainConfig(l2=0.5)}, "train.l2 0.5"),
        ({"protocol": 2}, "protocol 2"),
    ],
)
def test_what_does_not_compare_is_another_data_set(make_record, changes, text):
    """Both are in the report, each with what sets it apart; the newer protocol has the name."""
    records = [make_record("ues:8", seed) for seed in (0, 1)]
    other = make_record("ues:8", 2, **changes)
    evidence = gather([*records, other])
    names = sorted(evidence.runs["dataset"].unique(), key=len)
    assert names[0] == "tiny" and names[1].startswith("tiny-")
    of_other = evidence.runs["dataset"][evidence.runs["seed"] == 2].item()
    assert evidence.title(of_other) == f"tiny ({text})"
    assert of_other == names["protocol" not in changes]
    assert evidence.known(Place(of_other, "widedeep")) == Place("tiny", "widedeep")


def test_other_settings_of_a_backbone_are_another_backbone(make_record):
    """So are two backbones of one name by different providers."""
    one = make_record("ues:8", backbone_config={"hidden": [4]})
    wide = make_record("ues:8", 1, backbone_config={"hidden": [8, 8]})
    evidence = gather(
        [one, dataclasses.replace(one, spec=dataclasses.replace(one.spec, seed=3)), wide]
    )
    (other,) = set(evidence.runs["backbone"]) - {"widedeep"}
    assert evidence.title(other) == "Wide&Deep (widedeep.hidden 8-8)"
    mine = by(make_record("ues:8", 1), backbone="mine.py sha256:00")
    assert len(set(gather([one, mine]).runs["backbone"])) == 2


def test_own_data_are_never_a_registered_data_set(make_record):
    """Whatever the TOML file is called: no title, no published number, no claim of a paper."""
    own = by(make_record("ues:32", dataset="avazu"), dataset="avazu.toml")
    evidence = gather([own])
    (name,) = set(evidence.runs["dataset"])
    assert name.startswith("avazu-") and evidence.title(name).endswith("(own data)")
    (paper,) = evidence.papers
    place = Place(name, "widedeep")
    assert not paper.published_at(evidence.known(place))
    theirs = gather([by(make_record("ues:32", dataset="avazu"), dataset="aesbench 0.1.0")])
    assert set(theirs.runs["dataset"]) == {"avazu"}
    assert paper.published_at(theirs.known(Place("avazu", "widedeep")))


def test_own_data_keep_a_name_that_is_nobodys(make_record):
    """`clicks.toml` is `clicks`."""
    own = by(make_record("ues:32", dataset="clicks"), dataset="clicks.toml")
    evidence = gather([own])
    assert set(evidence.runs["dataset"]) == {"clicks"} and evidence.title("clicks") == "clicks"


def test_two_versions_of_a_plugin_are_two_rows(make_record):
    """The later one has the label, the other says who provided it."""

    def made(seed, provider, finished):
        record = by(make_record("mine", seed), method=provider)
        return dataclasses.replace(record, environment={"finished": finished})

    records = [
        *(made(seed, "mine.py sha256:aa", "2026-01-01") for seed in (0, 1)),
        made(2, "mine.py sha256:bb", "2026-01-02"),
    ]
    evidence = gather(records)
    assert rows(evidence) == [
        ("tiny", "widedeep", "mine", 1),
        ("tiny", "widedeep", "mine[by=mine.py sha256:aa]", 2),
    ]
    assert evidence.method("mine[by=mine.py sha256:aa]") == "mine[by=mine.py sha256:aa]"


def test_two_tunings_are_two_rows(make_record):
    """Each names the settings in which it differs from the later one."""
    labels = {0: 0.1, 1: 0.1, 2: 0.2}
    records = [
        dataclasses.replace(
            make_record("mde+tuned", seed, method_config={"alpha": alpha}),
            environment={"finished": f"2026-01-0{seed + 1}"},
        )
        for seed, alpha in labels.items()
    ]
    assert rows(gather(records)) == [
        ("tiny", "widedeep", "mde+tuned", 1),
        ("tiny", "widedeep", "mde[alpha=0.1]+tuned", 2),
    ]


def test_a_run_that_appears_twice_is_refused(make_record):
    """A copied file must not count as another seed."""
    with pytest.raises(RecordError, match="twice"):
        gather([make_record(), make_record()])


def test_settings_of_the_protocol_that_were_tuned_may_differ(make_record):
    """Between rows, that of the default included; nothing else may, and no row holds two."""
    plain = make_record("ues:8")
    tuned = [
        make_record("ues:8+tuned", seed, train=TrainConfig(l2=l2), tuned=("train.l2",))
        for seed, l2 in ((0, 0.1), (1, 0.2))
    ]
    evidence = gather([plain, *tuned])
    assert set(evidence.runs["dataset"]) == {"tiny"}
    methods = sorted(evidence.runs["method"])
    assert methods[0] == "ues:8" and methods[1] == "ues:8+tuned"
    assert methods[2] in ("ues:8[train_l2=0.1]+tuned", "ues:8[train_l2=0.2]+tuned")
    longer = make_record("ues:2", train=TrainConfig(l2=0.1, epochs=3), tuned=("train.l2",))
    assert len(set(gather([plain, longer]).runs["dataset"])) == 2


def test_an_untuned_setting_beside_a_tuned_one_is_another_row(make_record):
    """One label, tuned over its own settings once and over the weight decay, too, once."""
    own = make_record("mde+tuned", 0)
    both = make_record("mde+tuned", 1, train=TrainConfig(l2=0.0), tuned=("train.l2",))
    own, both = (
        dataclasses.replace(record, environment={"finished": f"2026-01-0{day}"})
        for day, record in ((1, own), (2, both))
    )
    assert sorted(gather([own, both]).runs["method"]) == ["mde+tuned", "mde[train_l2=1e-06]+tuned"]


def test_a_renamed_plugin_file_is_the_same(make_record):
    """Its hash decides."""
    records = [by(make_record("mine", s), method=f"{n}.py sha256:aa") for s, n in enumerate("ab")]
    assert rows(gather(records)) == [("tiny", "widedeep", "mine", 2)]
