"""People's own data, described in TOML: read like built-in data, and errors written for them."""

import gzip
import os
import zipfile
from pathlib import Path

import polars as pl
import pytest

from aesbench.core.settings import plain_settings
from aesbench.datasets.base import PADDING_ID
from aesbench.datasets.custom.source import CustomSource
from aesbench.datasets.sources.ml1m import ML1M
from aesbench.datasets.sources.ml1m_static import ML1MStatic
from aesbench.datasets.store import prepare
from aesbench.errors import ConfigError, DataError

DATA = Path(os.environ.get("AESBENCH_DATA", ""))
real_data = pytest.mark.skipif(
    "AESBENCH_DATA" not in os.environ, reason="set AESBENCH_DATA to the folder of real data"
)
EXAMPLE = Path(__file__).parents[2] / "examples" / "custom.toml"

# 20 rows; each user's times rise. In the order of the file the label alternates.
COLUMNS = {
    "who": [f"u{n % 2}" for n in range(20)],
    "item": [f"0{n % 3}" for n in range(20)],
    "price": ["", "1", "2", "3", "8", "-4", "1.9", "100", "2.5", "20"] * 2,
    "when": [str(1_000_000_000 + 3600 * n) for n in range(20)],
    "rating": [str(1 + 4 * (n % 2)) for n in range(20)],
}
BASIC = """
label = "rating > 3"
[rows]
files = ["data.csv"]
[split]
user = "who"
timestamp = "when"
[[field]]
name = "who"
[[field]]
name = "item"
"""
ORDER = BASIC.replace('user = "who"\ntimestamp = "when"', 'rule = "order"')


@pytest.fixture
def run(tmp_path, cache_dir):
    """Return a function that writes ``toml`` beside the data and prepares the data set."""
    if not (tmp_path / "data.csv").exists():
        pl.DataFrame(COLUMNS).write_csv(tmp_path / "data.csv")

    def prepared(toml, **options):
        path = tmp_path / "mine.toml"
        path.write_text(toml)
        return prepare(CustomSource.from_toml(path), cache_dir=cache_dir, **options)

    return prepared


def zstd(content):
    """Wrap 256 to 65,791 bytes as a zstd frame of one uncompressed block, as its format says."""
    header = b"\x28\xb5\x2f\xfd\x60" + (len(content) - 256).to_bytes(2, "little")
    return header + (len(content) << 3 | 1).to_bytes(3, "little") + content


def zipped(path, contents):
    """Write an archive of these files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in contents.items():
            archive.writestr(name, text)


def change_csv(tmp_path, change):
    """Rewrite the rows' bytes."""
    path = tmp_path / "data.csv"
    path.write_bytes(change(path.read_bytes()))


def values(dataset, number):
    """Return the vocabulary of a field without the last id."""
    path = dataset.folder / "vocabulary" / f"{number}.parquet"
    return pl.read_parquet(path)["value"].to_list()[:-1]


def decoded(dataset, split, column=0):
    """Return a single-valued leading field's values in a split."""
    names = values(dataset, column)
    return [names[i] for i in getattr(dataset, split).ids[:, column]]


def test_rows_are_split_and_text_stays_text(run):
    """By hand: each user's 10 rows go 8:1:1 by time, and 00 is not 0."""
    dataset = run(BASIC)
    assert dataset.name == "mine"
    assert decoded(dataset, "train") == COLUMNS["who"][:16]
    assert decoded(dataset, "train", 1) == COLUMNS["item"][:16]
    assert decoded(dataset, "validation", 1) == COLUMNS["item"][16:18]
    assert dataset.train.labels.tolist() == [0, 1] * 8
    assert values(dataset, 1) == ["00", "01", "02"]


@pytest.mark.parametrize(
    ("name", "settings", "write"),
    [
        ("d.tsv", "", lambda f, p: f.write_csv(p, separator="\t")),
        ("d.csv.gz", "", lambda f, p: p.write_bytes(gzip.compress(f.write_csv().encode()))),
        ("d.csv.zst", "", lambda f, p: p.write_bytes(zstd(f.write_csv().encode()))),
        ("d.csv.zip", "", lambda f, p: zipped(p, {"inner.csv": f.write_csv()})),
        ("d.parquet", "", lambda f, p: f.write_parquet(p)),
        (
            "d.parquet",
            "",
            lambda f, p: f.cast({"when": pl.Int64, "rating": pl.Float32}).write_parquet(p),
        ),
        ("d.txt", 'separator = ";"', lambda f, p: f.write_csv(p, separator=";")),
        (
            "d.txt",
            'separator = "::"\ncolumns = ["who", "item", "price", "when", "rating"]',
            lambda f, p: p.write_text("".join("::".join(row) + "\n" for row in f.rows())),
        ),
        (
            "d.csv",
            'columns = ["who", "item", "price", "when", "rating"]',
            lambda f, p: f.write_csv(p, include_header=False),
        ),
    ],
)
def test_the_form_of_the_file_does_not_matter(run, tmp_path, name, settings, write):
    """The same rows give the same data set from CSV, TSV, parquet, compressed or not."""
    write(pl.DataFrame(COLUMNS), tmp_path / name)
    toml = BASIC.replace('files = ["data.csv"]', f'files = ["{name}"]\n{settings}')
    toml += '[[field]]\nname = "hour"\ncolumn = "when"\nkind = "hour"\n'
    plain = BASIC + '[[field]]\nname = "hour"\ncolumn = "when"\nkind = "hour"\n'
    assert run(toml).hash == run(plain).hash


def test_another_encoding_can_be_named(run, tmp_path):
    """A latin-1 file reads as what it means, with or without an end to its last line."""
    text = pl.DataFrame(COLUMNS).with_columns(pl.col("item").replace("00", "\u00e9"))
    (tmp_path / "data.csv").write_bytes(text.write_csv().rstrip().encode("latin-1"))
    dataset = run(BASIC.replace("[split]", 'encoding = "latin-1"\n[split]'))
    assert values(dataset, 1) == ["\u00e9", "01", "02"]


def test_numbers_fall_into_the_papers_buckets(run):
    """v > 2 gives floor(ln(v)^2), smaller ones their whole part, none its own: by hand."""
    buckets = {"": "", "1": "1", "2": "2", "3": "1", "8": "4", "-4": "-4", "1.9": "1"}
    buckets |= {"100": "21", "2.5": "0", "20": "8"}
    toml = ORDER + '[[field]]\nname = "price"\nkind = "numeric"\n'
    dataset = run(toml)
    assert decoded(dataset, "train", 2) == [buckets[price] for price in COLUMNS["price"][:16]]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("hour", [str(1 + n) for n in range(16)]),
        ("weekend", ["weekend"] * 16),
        ("weekday", ["7"] * 16),
        ("day", ["2001-09-09"] * 16),
    ],
)
@pytest.mark.parametrize("form", ["s", "ms", "%d.%m.%Y %H", "datetime"])
def test_parts_of_a_time_are_in_utc(run, tmp_path, kind, expected, form):
    """1,000,000,000 seconds is Sunday 2001-09-09 01:46:40, whatever form it is written in."""
    times = pl.from_epoch(pl.Series("when", COLUMNS["when"]).cast(pl.Int64))
    how, name = f'unit = "{form}"', "data.csv"
    frame = pl.DataFrame(COLUMNS)
    if form == "ms":
        frame = frame.with_columns(pl.col("when") + "000")
    elif form.startswith("%"):
        frame, how = frame.with_columns(times.dt.strftime(form)), f'format = "{form}"'
    elif form == "datetime":
        local = times.dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Tokyo")
        frame, how, name = frame.with_columns(local), "", "data.parquet"
    (frame.write_parquet if name.endswith("parquet") else frame.write_csv)(tmp_path / name)
    toml = ORDER.replace("data.csv", name)
    toml += f'[[field]]\nname = "t"\ncolumn = "when"\nkind = "{kind}"\n{how}\n'
    dataset = run(toml + "allow_constant = true\n")
    assert decoded(dataset, "train", 2) == expected


def test_a_format_puts_times_in_order(run, tmp_path):
    """Day before month does not sort as text; with its format it sorts by time."""
    when = [f"{1 + n % 2:02}/{1 + n // 2:02}/2020" for n in range(20)]
    frame = pl.DataFrame(COLUMNS | {"when": when})
    frame.reverse().write_csv(tmp_path / "data.csv")
    toml = BASIC.replace('user = "who"', 'rule = "time"')
    toml = toml.replace('timestamp = "when"', 'timestamp = "when"\nformat = "%d/%m/%Y"')
    assert decoded(run(toml), "train") == COLUMNS["who"][:16][::-1]


@pytest.mark.parametrize("rule", ["", 'rule = "group"\n'])
def test_whole_groups_are_held_out(run, tmp_path, rule):
    """A column alone asks for it; its 10 values are dealt 8:1:1, each with both of its rows."""
    patients = [f"p{n // 2}" for n in range(20)]
    pl.DataFrame(COLUMNS | {"patient": patients}).write_csv(tmp_path / "data.csv")
    toml = BASIC.replace('user = "who"\ntimestamp = "when"', f'{rule}group = "patient"')
    dataset = run(toml.replace('name = "item"', 'name = "patient"'))
    rows = [len(split) for split in (dataset.train, dataset.validation, dataset.test)]
    assert rows == [16, 2, 2]
    assert len(set(decoded(dataset, "train", 1))) == 8
    unseen = dataset.fields[1].cardinality - 1
    assert unseen == 8 and (dataset.test.ids[:, 1] == unseen).all()


def test_rows_that_agree_in_several_columns_are_one_group(run, tmp_path):
    """Ten pairs, of which no column alone tells which row belongs where."""
    columns = {"a": [f"{n // 10}" for n in range(20)], "b": [f"{n // 2 % 5}" for n in range(20)]}
    pl.DataFrame(COLUMNS | columns).write_csv(tmp_path / "data.csv")
    toml = BASIC.replace('user = "who"\ntimestamp = "when"', 'group = ["a", "b"]')
    dataset = run(toml.replace('"who"', '"a"').replace('"item"', '"b"'))
    assert [len(split) for split in (dataset.train, dataset.validation, dataset.test)] == [16, 2, 2]
    pairs = [
        {*zip(*(decoded_or_unseen(dataset, split, n) for n in (0, 1)), strict=True)}
        for split in ("train", "validation", "test")
    ]
    assert [len(found) for found in pairs] == [8, 1, 1]
    assert not pairs[0] & pairs[1] and not pairs[0] & pairs[2]


def decoded_or_unseen(dataset, split, column):
    """Return a field's values in a split, those of no train row as None."""
    names = [*values(dataset, column), None]
    return [names[i] for i in getattr(dataset, split).ids[:, column]]


def test_rows_can_be_left_out_by_a_condition(run, tmp_path):
    """Those without a rating, which is no label, and those for which it cannot be told."""
    frame = pl.concat([pl.DataFrame(COLUMNS)] * 6)
    ratings = [r if n % 5 else "" for n, r in enumerate(frame["rating"])]
    frame.with_columns(pl.Series("rating", ratings)).write_csv(tmp_path / "data.csv")
    with pytest.raises(DataError, match="also have missing; .*where = "):
        run(ORDER)
    dataset = run('where = "rating IS NOT NULL AND price > 1"\n' + ORDER)
    kept = [n for n in range(120) if n % 5 and float(frame["price"][n] or 0) > 1]
    rows = [*dataset.train.labels, *dataset.validation.labels, *dataset.test.labels]
    assert rows == [n % 2 for n in kept]


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("ratng > 3", "where .*'ratng', .*did you mean 'rating'"),
        ("rating >", "where is no SQL expression"),
        ("rating", "where .*true or false for every row, such as rating IS NOT NULL"),
    ],
)
def test_a_condition_that_is_none_is_named(run, where, message):
    """An unknown column, no SQL, or no condition."""
    with pytest.raises(ConfigError, match=message):
        run(f'where = "{where}"\n' + ORDER)


def test_rows_that_repeat_can_be_kept_once(run, tmp_path):
    """Equal in all fields and in the label: no row of a split then stands in another."""
    rows = [(f"{n % 7}", f"{n % 3}|x", f"{n % 2}") for n in range(420)]  # Ten times each of 42.
    frame = pl.DataFrame(rows, schema=["who", "tags", "click"], orient="row")
    frame.write_csv(tmp_path / "data.csv")
    toml = ORDER.replace("rating > 3", "click").replace("item", "tags").replace("order", "random")
    toml += 'kind = "multi"\n'

    def shared(dataset):
        found = [
            {(*map(int, ids), int(label)) for ids, label in zip(s.ids, s.labels, strict=True)}
            for s in (dataset.train, dataset.validation, dataset.test)
        ]
        return len(found[0] & (found[1] | found[2]))

    assert shared(run(toml)) > 30
    once = run("deduplicate = true\n" + toml)
    assert shared(once) == 0
    assert sum(len(s) for s in (once.train, once.validation, once.test)) == 42
    in_order = run("deduplicate = true\n" + toml.replace("random", "order"))
    assert decoded(in_order, "train") == [row[0] for row in rows[:34]]


def test_a_row_of_train_is_not_tested_again(run, tmp_path):
    """Of a given split, the first part keeps it."""
    frame = pl.DataFrame(COLUMNS)
    for name, part in (("a", frame[:12]), ("b", frame[10:16]), ("c", frame[8:])):
        part.write_csv(tmp_path / f"{name}.csv")
    toml = ORDER.replace('rule = "order"', 'train = "a.csv"\nvalidation = "b.csv"\ntest = "c.csv"')
    toml = toml.replace('files = ["data.csv"]', "") + '[[field]]\nname = "when"\n'
    dataset = run("deduplicate = true\n" + toml)
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [12, 4, 4]


def test_multi_valued_fields_are_split_at_their_separator(run, tmp_path):
    """a;b gives two ids, an empty value the missing one."""
    tags = ["a;b", "b", "", "b;c"] * 5
    pl.DataFrame(COLUMNS | {"tags": tags}).write_csv(tmp_path / "data.csv")
    toml = ORDER + '[[field]]\nname = "tags"\nkind = "multi"\nseparator = ";"\n'
    dataset = run(toml)
    assert values(dataset, 2) == ["b", "", "a", "c"]
    assert dataset.train.ids[:4, 2:].tolist() == [
        [2, 0],
        [0, PADDING_ID],
        [1, PADDING_ID],
        [0, 3],
    ]


HISTORY = """
[[field]]
name = "had"
kind = "history"
of = "item"
"""


def histories(dataset, split):
    """Return the first history's items in a split, as text."""
    first, names = sum(field.columns for field in dataset.fields), values(dataset, 1)
    ids = getattr(dataset, split).ids[:, first : first + dataset.histories[0].columns]
    return [[names[i] for i in row if i != PADDING_ID] for row in ids]


def test_a_history_is_of_the_splits_user_and_time(run):
    """By default; validation and test rows have what their user did in train."""
    dataset = run(BASIC + HISTORY + "length = 3\n")
    assert [field.name for field in dataset.fields] == ["who", "item"]
    own = {user: [f"0{n % 3}" for n in range(20) if n % 2 == user] for user in (0, 1)}
    train = histories(dataset, "train")
    for user, rows in own.items():
        assert train[user::2] == [rows[max(0, n - 3) : n] for n in range(8)]
        for split in ("validation", "test"):
            assert histories(dataset, split)[user] == rows[5:8]
    assert dataset.histories[0].shares == "item"
    plain = run(BASIC)
    assert (plain.train.ids == dataset.train.ids[:, :2]).all() and plain.histories == ()


def test_a_history_can_be_by_other_columns_than_the_splits(run, tmp_path):
    """Text of a format is in the order of time, and rows that are left out are in no history."""
    days = [f"{1 + n // 10}/{1 + n % 10}/2020" for n in range(20)]  # Month, day: 10 after 9.
    frame = pl.DataFrame(COLUMNS).with_columns(pl.Series("day", days), pl.lit("x").alias("all"))
    frame.write_csv(tmp_path / "data.csv")
    changed = 'by = "all"\ntime = "day"\nformat = "%m/%d/%Y"\n'
    shares = ORDER.replace('rule = "order"', 'rule = "order"\nshares = [6, 4, 4]')
    dataset = run('where = "item <> 2"\n' + shares + HISTORY + changed)
    kept = [item for item in COLUMNS["item"] if item != "02"]
    found = [row for split in ("train", "validation", "test") for row in histories(dataset, split)]
    assert found == [kept[: min(n, 6)] for n in range(14)]


def test_settings_of_a_history_leave_other_data_as_they_are(tmp_path):
    """A description without one is prepared under the key that it always had."""
    path = tmp_path / "mine.toml"
    path.write_text(BASIC)
    settings = plain_settings(CustomSource.from_toml(path).config)
    assert set(settings["field"][0]) == {
        "name", "kind", "column", "expression", "separator", "unit", "format", "allow_constant"
    }  # fmt: skip
    path.write_text(BASIC + HISTORY)
    assert plain_settings(CustomSource.from_toml(path).config)["field"][2]["of"] == "item"


@pytest.mark.parametrize(
    ("base", "history", "message"),
    [
        (BASIC, HISTORY.replace('"item"', '"itm"'), "of 'itm', which is no field.*mean 'item'"),
        (BASIC, HISTORY.replace('of = "item"', ""), 'of a field.s values: name it, as in of = "i'),
        (BASIC, HISTORY + 'column = "item"\n', "no column of its own; name those of by and time"),
        (BASIC, HISTORY + "length = 0\n", "length of history 'had' = 0"),
        (BASIC, HISTORY + 'by = "whom"\n', "history 'had' names the column 'whom'.*mean 'who'"),
        (BASIC, HISTORY + 'time = "wen"\n', "history 'had' names the column 'wen'.*mean 'when'"),
        (ORDER, HISTORY, "history 'had' needs a column: by = ...; the split names none"),
        (ORDER, HISTORY + 'by = "who"\n', "history 'had' needs a column: time = ..."),
        (BASIC + 'of = "who"\n', "", 'of, by and time belong to kind = "history", this is \'cat'),
        (BASIC, HISTORY.replace("had", "item"), "field names must be distinct, got 'item' twice"),
        (BASIC.partition("[[field]]")[0], HISTORY, "of 'item', which is no field"),
    ],
)
def test_a_mistake_in_a_history_is_named(run, base, history, message):
    """Each says which history, what is wrong, and what to write."""
    with pytest.raises(ConfigError, match=message):
        run(base + history)


def test_a_given_split_has_files_of_its_own(run, tmp_path):
    """Rows come from the file of their split, and only train has a say in the vocabulary."""
    frame = pl.DataFrame(COLUMNS)
    for name, rows in (("a", frame[:8]), ("b", frame[8:14]), ("c", frame[14:])):
        rows.with_columns(pl.lit(name).alias("item")).write_csv(tmp_path / f"{name}.csv")
    toml = ORDER.replace('rule = "order"', 'train = "a.csv"\nvalidation = "b.csv"\ntest = "c.csv"')
    toml = toml.replace('files = ["data.csv"]', "") + "allow_constant = true\n"
    dataset = run(toml)
    assert [len(split) for split in (dataset.train, dataset.validation, dataset.test)] == [8, 6, 6]
    assert values(dataset, 1) == ["a"]
    assert set(dataset.test.ids[:, 1]) == {1}


def test_side_tables_are_joined_and_a_missing_partner_is_a_missing_value(run, tmp_path):
    """Each row takes the columns of its key's line."""
    (tmp_path / "items.csv").write_text("item,colour\n00,red\n01,blue\n")
    toml = ORDER + '[[field]]\nname = "colour"\n[[join]]\nfiles = "items.csv"\non = "item"\n'
    colour = {"00": "red", "01": "blue", "02": ""}
    assert decoded(run(toml), "train", 2) == [colour[item] for item in COLUMNS["item"][:16]]


def test_files_follow_each_other_and_may_lie_in_the_data_folder(run, tmp_path):
    """Two halves give what the whole gives."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    frame = pl.DataFrame(COLUMNS)
    frame[:7].write_csv(folder / "one.csv")
    frame[7:].write_csv(folder / "two.csv")
    halves = run(BASIC.replace('"data.csv"', '"one.csv", "two.csv"'), data_dir=folder)
    assert halves.hash == run(BASIC).hash


def test_what_stands_for_missing_can_be_named(run):
    """The value 02 then counts as missing."""
    dataset = run(ORDER.replace("[split]", 'missing = ["02"]\n[split]'))
    assert values(dataset, 1) == ["00", "", "01"]


def test_a_column_of_zeros_and_ones_is_a_label(run, tmp_path):
    """And a condition on text is one as well."""
    clicks = pl.DataFrame(COLUMNS | {"click": [str(n % 2) for n in range(20)]})
    clicks.write_csv(tmp_path / "data.csv")
    by_rating = run(ORDER)
    assert run(ORDER.replace("rating > 3", "click")).hash == by_rating.hash
    assert run(ORDER.replace("rating > 3", "who = 'u1' AND rating >= 5")).hash == by_rating.hash


def test_the_example_is_the_built_in_loader(tmp_path, cache_dir):
    """examples/custom.toml over tiny official files has the built-in loader's hash."""
    users = ["1::F::1::10::48067", "2::M::56::16::70072", "3::M::25::15::55117"]
    movies = [f"{n}::Mis\u00e9rables {n} ({1990 + n % 3})::Drama|War" for n in range(1, 21)]
    movies[4] = "5::Other (1999)::Comedy"
    rows = [f"{1 + n % 3}::{1 + n // 3}::{1 + n % 5}::{977666400 + 10000 * n}" for n in range(60)]
    for name, lines in (("users", users), ("movies", movies), ("ratings", rows)):
        text = "".join(line + "\n" for line in lines)
        (tmp_path / f"{name}.dat").write_bytes(text.encode("latin-1"))
    mine = prepare(CustomSource.from_toml(EXAMPLE), data_dir=tmp_path, cache_dir=cache_dir)
    assert mine.hash == prepare(ML1M(), data_dir=tmp_path, cache_dir=cache_dir).hash


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("label =", "lable ="), "mine.toml: unknown key 'lable'; did you mean 'label'"),
        (('timestamp = "when"', 'timestmp = "when"'), "in split: unknown key 'timestmp'"),
        (('name = "item"', 'name = "item"\nknd = "x"'), "in field 'item': unknown key 'knd'"),
        (('name = "item"', 'name = "item"\nkind = "multy"'), "kind 'multy'; did you mean 'multi'"),
        (('name = "item"', 'column = "item"'), "in field 2: 'name' is missing; add it"),
        (('name = "item"', 'name = "who"'), "field names must be distinct, got 'who' twice"),
        (("[[field]]", "[field]"), r"mine.toml:\d+: not valid TOML|write it as \[\[field\]\]"),
        (("[rows]", "[rows"), r"mine.toml:3: not valid TOML"),
        (('files = ["data.csv"]', ""), "no files; name them under"),
        (('files = ["data.csv"]', "files = [1]"), "rows.files: expected text in quotes, got 1"),
        (("[split]", '[split]\nseed = "a"'), "split.seed: expected a whole number, got 'a'"),
        (("[split]", "[split]\nshares = [8, 2]"), r"split.shares: expected 3 values, got \[8, 2\]"),
        (("[split]", '[split]\nrule = "usertime"'), "did you mean 'user-time'"),
        (('user = "who"', 'rule = "user-time"'), "'user-time' split needs a column: user = ..."),
        (('user = "who"', 'rule = "group"'), "'group' split needs a column: group = ..."),
        (("[split]", 'encoding = "latin-0"\n[split]'), "unknown encoding 'latin-0'"),
        (("label =", "min_count = 0\nlabel ="), "whole number from 1 on, got 0"),
        (('"rating > 3"', '"rating >"'), "the label is no SQL expression: 'rating >'"),
        (
            ('"rating > 3"', '"ratng > 3"'),
            "the label .*'ratng', .*did you mean 'rating'.*Columns: w",
        ),
        (('name = "item"', 'name = "itm"'), "field 'itm' names the column 'itm'.*mean 'item'"),
        (('user = "who"', 'user = "whom"'), "the split names the column 'whom'.*mean 'who'"),
        (
            ('user = "who"', 'rule = "group"\ngroup = "whom"'),
            "the split names the column 'whom'.*mean 'who'",
        ),
        (("label =", 'sort_by = "wen"\nlabel ='), "sort_by names the column 'wen'"),
        (('"data.csv"', '"data.txt"'), "cannot tell the format of 'data.txt'"),
        (
            ("[split]", '[[join]]\nfiles = "data.csv"\non = "item"\n[split]'),
            "the rows have a column 'price' already",
        ),
        (
            ('name = "item"', 'name = "item"\nexpression = "item + 1 > 2 AND 5"'),
            "field 'item'.*CAST",
        ),
    ],
)
def test_a_mistake_in_the_file_is_named(run, tmp_path, change, message):
    """Each says where, what stands there, and what was expected."""
    (tmp_path / "data.txt").write_text("a\n")
    with pytest.raises(ConfigError, match=message):
        run(BASIC.replace(*change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda raw: raw.replace(b"u1,00,3,", b"u1,00,", 1),
            r"data.csv:5: expected 5 columns separated by ',', got 4: 'u1,00,1000010800,5'",
        ),
        (
            lambda raw: raw.replace(b"u1,00,3,", b"u1,00,3,3,", 1),
            r"data.csv:5: expected 5 columns separated by ',', got 6",
        ),
        (lambda raw: raw[:-15], r"data.csv:21: expected 5 columns .*got 3.*cut short"),
        (lambda raw: raw.replace(b"u1,00", b"u1,\xff", 1), r"data.csv:5: byte 0xff is not utf-8"),
        (lambda raw: raw + b"\n", r"data.csv:22: expected 5 columns .*got 0"),
        (lambda raw: b"", r"cannot read .*data.csv: empty CSV"),
    ],
)
def test_a_damaged_row_is_named_by_file_and_line(run, tmp_path, change, message):
    """polars pads or stops without a line; the loader finds the line."""
    change_csv(tmp_path, change)
    with pytest.raises(DataError, match=message):
        run(BASIC)


def test_a_cut_gzip_file_is_an_error(run, tmp_path):
    """Half a compressed file does not pass as a smaller data set."""
    rows = "".join(f"u{n % 2},{n * n % 97},{n % 2}\n" for n in range(5000))
    raw = gzip.compress(f"who,item,rating\n{rows}".encode())
    (tmp_path / "data.csv.gz").write_bytes(raw[: len(raw) // 2])
    with pytest.raises(DataError, match="data.csv.gz"):
        run(ORDER.replace("data.csv", "data.csv.gz"))


def test_a_gzip_file_that_was_written_over_is_an_error(run, tmp_path):
    """In the midst of what is compressed, where no checksum has been read yet."""
    rows = "".join(f"{i},x,{i % 6}\n" for i in range(20_000))
    raw = bytearray(gzip.compress(f"who,item,rating\n{rows}".encode()))
    raw[1000:1400] = bytes(400)
    (tmp_path / "data.csv.gz").write_bytes(raw)
    with pytest.raises(DataError, match="data.csv.gz"):
        run(ORDER.replace("data.csv", "data.csv.gz"))


def test_a_zip_archive_of_other_than_one_file_is_an_error(run, tmp_path):
    """Two files, or what is no archive; what macOS adds does not count; a bad line has a number."""
    rows, path = pl.DataFrame(COLUMNS).write_csv(), tmp_path / "data.csv.zip"
    toml = ORDER.replace("data.csv", "data.csv.zip")
    zipped(path, {"a.csv": rows, "b.csv": rows})
    with pytest.raises(DataError, match="data.csv.zip must hold one file .* holds 2: a.csv, b.csv"):
        run(toml)
    path.write_bytes(b"no archive")
    with pytest.raises(DataError, match="cannot read .*data.csv.zip: .*unpack it"):
        run(toml)
    zipped(path, {"a.csv": rows.replace("u1,00,3,", "u1,00,", 1), "__MACOSX/a.csv": ""})
    with pytest.raises(DataError, match="data.csv.zip:5: expected 5 columns .*, got 4"):
        run(toml)


def test_a_gap_in_the_last_column_is_no_damage(run, tmp_path):
    """A line that ends in a comma has all its columns; a quoted line break is no new row."""
    frame = pl.DataFrame(COLUMNS | {"note": ["", "two\nlines", "x", "y"] * 5})
    frame.write_csv(tmp_path / "data.csv")
    dataset = run(ORDER + '[[field]]\nname = "note"\n')
    assert values(dataset, 2) == ["", "two\nlines", "x", "y"]


@pytest.mark.parametrize(
    ("column", "value", "extra", "message"),
    [
        ("rating", "bad", "", "'rating' must be a number in every row, got 'bad'"),
        ("when", "noon", "", "'timestamp' must be a number in every row, got 'noon'"),
        (
            "price",
            "cheap",
            '[[field]]\nname = "price"\nkind = "numeric"\n',
            "'price' must be a number in every row, got 'cheap'",
        ),
        (
            "when",
            "noon",
            '[[field]]\nname = "h"\ncolumn = "when"\nkind = "hour"\n',
            "'h' must be a time in s in every row, got 'noon'",
        ),
    ],
)
def test_a_value_that_is_no_number_is_named(
    run, tmp_path, monkeypatch, column, value, extra, message
):
    """The first rows were numbers, so a later text is shown as what it is."""
    monkeypatch.setattr("aesbench.datasets.custom.conversions._PEEK_ROWS", 10)
    frame = pl.DataFrame(COLUMNS | {column: [*COLUMNS[column][:15], value, *COLUMNS[column][16:]]})
    frame.write_csv(tmp_path / "data.csv")
    with pytest.raises(DataError, match=message):
        run((ORDER if "'h'" in message else BASIC) + extra)


def test_a_label_with_text_among_its_first_numbers_is_an_error(run, tmp_path):
    """Then the column counts as text, and the message shows the label."""
    change_csv(tmp_path, lambda raw: raw.replace(b",1\n", b",bad\n", 1))
    with pytest.raises(DataError, match="label"):
        run(BASIC)


def test_a_label_that_is_not_binary_shows_its_values(run):
    """A rating is no label."""
    with pytest.raises(DataError, match="a label is 0 or 1, but the rows also have 5.0"):
        run(BASIC.replace("rating > 3", "rating"))


def test_a_missing_file_is_named_with_the_places_looked_in(run, tmp_path):
    """Both the data folder and the TOML file's."""
    with pytest.raises(DataError, match=f"'mine' lacks other.csv; put it into {tmp_path / 'd'} or"):
        run(BASIC.replace("data.csv", "other.csv"), data_dir=tmp_path / "d")
    with pytest.raises(ConfigError, match="cannot read .*no.toml"):
        CustomSource.from_toml(tmp_path / "no.toml")


def test_files_that_do_not_agree_are_named(run, tmp_path):
    """Files that are read together need the same columns."""
    (tmp_path / "more.csv").write_text("who,item\na,b\n")
    with pytest.raises(DataError, match="more.csv has who, item"):
        run(BASIC.replace('"data.csv"', '"data.csv", "more.csv"'))


def test_a_side_table_with_a_key_twice_is_an_error(run, tmp_path):
    """Rows would otherwise multiply."""
    (tmp_path / "items.csv").write_text("item,colour\n00,red\n00,blue\n")
    with pytest.raises(DataError, match="item = '00' stands there 2 times"):
        run(ORDER + '[[join]]\nfiles = "items.csv"\non = "item"\n')


PARQUET = """
label = "rating > 3"
sort_by = ["user_id", "movie_id"]
[rows]
files = ["ml-1m/ratings_without_timestamps.parquet"]
[split]
rule = "random"
""" + "".join(
    f'[[field]]\nname = "{name}"\ncolumn = "{column}"\n'
    for name, column in {
        "user": "user_id",
        "gender": "gender",
        "age": "age",
        "occupation": "occupation",
        "zip": "zip_code",
        "movie": "movie_id",
        "year": "year",
        "genres": "genres",
    }.items()
)


@real_data
def test_the_real_parquet_file_is_ml1m_static(run, cache_dir):
    """1,000,209 rows through TOML have the built-in loader's hash."""
    mine = run(PARQUET, data_dir=DATA)
    assert mine.hash == prepare(ML1MStatic(), data_dir=DATA, cache_dir=cache_dir).hash


@real_data
def test_the_example_reads_the_real_sample_like_ml1m(cache_dir):
    """100,000 rows of raw MovieLens through the shipped example have the built-in hash."""
    source = CustomSource.from_toml(EXAMPLE)
    mine = prepare(source, data_dir=DATA / "samples" / "ml-1m", cache_dir=cache_dir)
    assert mine.hash == prepare(ML1M(), data_dir=DATA / "samples", cache_dir=cache_dir).hash


@real_data
def test_the_real_avazu_sample_reads_as_csv(run):
    """9,999 rows, 17.06 % positive, all of one hour, every categorical column a field."""
    with (DATA / "samples" / "avazu" / "train.csv").open() as file:
        columns = file.readline().strip().split(",")[3:]
    toml = 'label = "click"\n[rows]\nfiles = ["avazu/train.csv"]\n[split]\nrule = "order"\n'
    toml += '[[field]]\nname = "hour"\nkind = "hour"\nformat = "%y%m%d%H"\nallow_constant = true\n'
    toml += "".join(f'[[field]]\nname = "{name}"\n' for name in columns)
    dataset = run(toml, data_dir=DATA / "samples")
    rows = sum(split["rows"] for split in dataset.manifest["splits"].values())
    positives = sum(split["positives"] for split in dataset.manifest["splits"].values())
    assert (rows, round(100 * positives / rows, 2)) == (9_999, 17.06)
    assert values(dataset, 0) == ["0"]
    assert len(dataset.fields) == 22
