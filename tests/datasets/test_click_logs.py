"""Criteo and Avazu: every row read exactly, every damage named, every interruption survived."""

import errno
import gzip
import multiprocessing
import os
import random
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import zstandard

from aesbench.datasets import writer as writer_module
from aesbench.datasets.base import SPLITS
from aesbench.datasets.clicklog import stage
from aesbench.datasets.custom.source import CustomSource
from aesbench.datasets.sources.avazu import CATEGORIES, LAYOUT, Avazu, AvazuConfig
from aesbench.datasets.sources.criteo import Criteo, CriteoConfig
from aesbench.datasets.store import prepare
from aesbench.errors import ConfigError, DataError

DATA = Path(os.environ.get("AESBENCH_DATA", ""))
real_data = pytest.mark.skipif(
    "AESBENCH_DATA" not in os.environ, reason="set AESBENCH_DATA to the folder of real data"
)
HEADER = ",".join(LAYOUT.columns)


def criteo_lines(rows, seed=0):
    """Lines of Criteo's form: small vocabularies, missing values, numbers below 0."""
    rng = random.Random(seed)
    lines = []
    for _ in range(rows):
        numbers = [rng.choice(["", str(int(rng.expovariate(0.02)) - 2)]) for _ in range(13)]
        categories = [
            rng.choice(["", f"{int(rng.paretovariate(0.6)) % 997:08x}"]) for _ in range(26)
        ]
        lines.append("\t".join([str(rng.randrange(2)), *numbers, *categories]))
    return lines


def avazu_lines(rows, seed=0):
    """Lines of Avazu's form, in order of time, fifty rows an hour."""
    rng = random.Random(seed)
    return [
        ",".join(
            [
                str(rng.randrange(10**18, 10**20)),
                str(rng.randrange(2)),
                f"1410{21 + row // 1200}{row // 50 % 24:02d}",
                *(f"{rng.randrange(5 + place):x}" for place in range(21)),
            ]
        )
        for row in range(rows)
    ]


def write(folder, lines, name="train.txt", end="\n"):
    """Write lines as Kaggle's file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes("".join(line + end for line in lines).encode())
    return folder


def bucket_of(text):
    """The paper's bucket of a whole number."""
    if text in ("", "1", "2") or int(text) <= 2:
        return text
    return str(int(np.log(int(text)) ** 2 // 1))


def criteo_values(line):
    """The 39 values of a line, by plain Python."""
    parts = line.split("\t")
    return [*map(bucket_of, parts[1:14]), *parts[14:]], int(parts[0])


def avazu_values(line):
    """The 22 values of a line, by plain Python."""
    parts = line.split(",")
    return [*parts[3:], str(int(parts[2][6:]))], int(parts[1])


def decoded(dataset, split):
    """The rows of a split as text, through the stored vocabularies; ? is rare or unseen."""
    columns = []
    for number in range(len(dataset.fields)):
        frame = pl.read_parquet(dataset.folder / "vocabulary" / f"{number}.parquet")
        values = np.array(["?" if value is None else value for value in frame["value"]], object)
        columns.append(values[getattr(dataset, split).ids[:, number]])
    return [list(row) for row in zip(*columns, strict=True)]


def check_rows(dataset, lines, values, min_count, parts=None):
    """Compare every row, label, count and the order of the ids with plain dictionaries."""
    rows = [values(line) for line in lines]
    if parts is None:
        ends = [0, (len(rows) * 8 + 5) // 10, (len(rows) * 9 + 5) // 10, len(rows)]
        parts = [range(a, b) for a, b in zip(ends[:-1], ends[1:], strict=True)]
    counts = [Counter(column) for column in zip(*(rows[i][0] for i in parts[0]), strict=True)]
    for split, part in zip(SPLITS, parts, strict=True):
        expected = [
            [v if c[v] >= min_count else "?" for v, c in zip(rows[i][0], counts, strict=True)]
            for i in part
        ]
        assert decoded(dataset, split) == expected
        assert getattr(dataset, split).labels.tolist() == [rows[i][1] for i in part]
    for number, (field, counted) in enumerate(zip(dataset.fields, counts, strict=True)):
        ranked = sorted(counted.items(), key=lambda pair: (-pair[1], pair[0].encode()))
        kept = [(value, count) for value, count in ranked if count >= min_count]
        rare = sum(count for _, count in ranked[len(kept) :])
        frame = pl.read_parquet(dataset.folder / "vocabulary" / f"{number}.parquet")
        assert list(frame.iter_rows()) == [*kept, (None, rare)]
        assert field.counts.tolist() == [*(count for _, count in kept), rare]


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of 64 lines, so that small files have many."""
    monkeypatch.setattr(stage, "BLOCK_ROWS", 64)


@pytest.mark.parametrize("min_count", [1, 2, 5])
def test_criteo_gives_every_row_as_plain_dictionaries_do(
    tmp_path, cache_dir, small_blocks, min_count
):
    """39 fields, buckets, missing values, rare values and the order of ids, over many blocks."""
    lines = criteo_lines(1000)
    source = Criteo(CriteoConfig(min_count=min_count))
    dataset = prepare(source, data_dir=write(tmp_path, lines), cache_dir=cache_dir)
    assert [field.name for field in dataset.fields] == [
        *(f"I{n}" for n in range(1, 14)),
        *(f"C{n}" for n in range(1, 27)),
    ]
    check_rows(dataset, lines, criteo_values, min_count)


def test_avazu_gives_every_row_as_plain_dictionaries_do(tmp_path, cache_dir, small_blocks):
    """22 fields, the hour of day among them, in the order of time."""
    lines = avazu_lines(1500)
    folder = write(tmp_path, [HEADER, *lines], "train.csv")
    dataset = prepare(Avazu(), data_dir=folder, cache_dir=cache_dir)
    assert [field.name for field in dataset.fields] == [*CATEGORIES, "hour"]
    assert len(dataset.fields) == 22
    check_rows(dataset, lines, avazu_values, 2)


def test_the_encoder_of_tables_gives_the_same_data(tmp_path, cache_dir, small_blocks):
    """A TOML file that describes Criteo goes another way to the same hash."""
    lines = criteo_lines(900)
    write(tmp_path, lines)
    fields = "".join(
        f'[[field]]\nname = "{name}"\nkind = "{kind}"\nallow_constant = true\n'
        for kind, names in (
            ("numeric", (f"I{n}" for n in range(1, 14))),
            ("categorical", (f"C{n}" for n in range(1, 27))),
        )
        for name in names
    )
    names = ", ".join(
        f'"{name}"'
        for name in (
            "click",
            *(f"I{n}" for n in range(1, 14)),
            *(f"C{n}" for n in range(1, 27)),
        )
    )
    (tmp_path / "same.toml").write_text(
        'label = "click"\nmin_count = 2\n[rows]\nfiles = ["train.txt"]\nseparator = "\\t"\n'
        f'columns = [{names}]\n[split]\nrule = "order"\n{fields}'
    )
    one = prepare(Criteo(), data_dir=tmp_path, cache_dir=cache_dir)
    two = prepare(CustomSource.from_toml(tmp_path / "same.toml"), cache_dir=cache_dir)
    assert one.hash == two.hash


def test_the_random_split_takes_rows_from_everywhere(tmp_path, cache_dir, small_blocks):
    """Its rows are those of the seeded permutation; another seed gives others."""
    lines = criteo_lines(500)
    folder = write(tmp_path, lines)
    settings = CriteoConfig(split="random", split_seed=3)
    dataset = prepare(Criteo(settings), data_dir=folder, cache_dir=cache_dir)
    places = np.repeat([0, 1, 2], [400, 50, 50]).astype(np.uint8)
    dealt = np.random.default_rng(3).permutation(places)
    parts = [np.flatnonzero(dealt == place) for place in range(3)]
    check_rows(dataset, lines, criteo_values, 2, parts)
    other = CriteoConfig(split="random", split_seed=4)
    assert prepare(Criteo(other), data_dir=folder, cache_dir=cache_dir).hash != dataset.hash


@pytest.mark.parametrize("ending", [".gz", ".zst", ".gz in two parts", ".zst in two parts"])
def test_compressed_files_give_the_same_data(tmp_path, cache_dir, small_blocks, ending):
    """gzip and zstd, also where several compressed streams follow each other."""
    folder = write(tmp_path / "plain", criteo_lines(300))
    raw = (folder / "train.txt").read_bytes()
    compress = gzip.compress if ".gz" in ending else zstandard.compress
    parts = [raw[:1234], raw[1234:]] if "two" in ending else [raw]
    packed = tmp_path / "packed" / "criteo" / f"train.txt{ending.split()[0]}"
    packed.parent.mkdir(parents=True)
    packed.write_bytes(b"".join(compress(part) for part in parts))
    one = prepare(Criteo(), data_dir=folder, cache_dir=cache_dir)
    two = prepare(Criteo(), data_dir=tmp_path / "packed", cache_dir=cache_dir)
    assert one.hash == two.hash
    assert one.folder != two.folder


def test_windows_line_ends_change_nothing(tmp_path, cache_dir, small_blocks):
    """The last field has no carriage return in it, whether its value is there or missing."""
    lines = criteo_lines(300)
    one = prepare(Criteo(), data_dir=write(tmp_path / "a", lines), cache_dir=cache_dir)
    folder = write(tmp_path / "b", lines, end="\r\n")
    assert prepare(Criteo(), data_dir=folder, cache_dir=cache_dir).hash == one.hash


def test_text_beyond_ascii_is_text(tmp_path, cache_dir):
    """A value of UTF-8 characters is a value."""
    lines = criteo_lines(100)
    lines[:60] = [line.rpartition("\t")[0] + "\tñandú" for line in lines[:60]]
    dataset = prepare(Criteo(), data_dir=write(tmp_path, lines), cache_dir=cache_dir)
    check_rows(dataset, lines, criteo_values, 2)


def change(lines, number, edit):
    """The lines with one of them, counted from 1, edited."""
    return [edit(line) if n == number else line for n, line in enumerate(lines, 1)]


def cell(place, text):
    """An edit that puts a text into a column, counted from 0."""

    def edit(line):
        separator = "\t" if "\t" in line else ","
        parts = line.split(separator)
        parts[place] = text
        return separator.join(parts)

    return edit


BAD_CRITEO = {
    "wrong column count": (
        lambda line: line.rpartition("\t")[0],
        r"train.txt:150: expected 40 columns separated by '\\t', got 39: .*; mend or remove",
    ),
    "wrong label": (
        cell(0, "2"),
        r"train.txt:150: the label 'label' is 0 or 1, got '2'; mend or remove the line",
    ),
    "not a whole number": (
        cell(5, "1.5"),
        r"train.txt:150: 'I5' must be a whole number, got '1.5'; mend or remove the line",
    ),
    "value too long": (
        cell(20, "0123456789"),
        r"train.txt:150: 'C7' has at most 8 bytes, got '0123456789'; the line is damaged",
    ),
    "zero byte": (cell(20, "a\0b"), r"train.txt:150: a byte is 0, which no text has"),
}


@pytest.mark.parametrize("kind", BAD_CRITEO)
def test_a_bad_line_is_named_by_file_and_line(tmp_path, cache_dir, small_blocks, kind):
    """Each kind of damage gives the place, what stands there and what to do; nothing is kept."""
    edit, message = BAD_CRITEO[kind]
    lines = change(criteo_lines(300), 150, edit)
    cache = tmp_path / "cache"
    with pytest.raises(DataError, match=message):
        prepare(Criteo(), data_dir=write(tmp_path, lines), cache_dir=cache)
    assert not [path for path in (cache / "processed").iterdir() if path.is_dir()]


def test_invalid_utf8_is_named_by_file_and_line(tmp_path, cache_dir, small_blocks):
    """The byte, the line, and what to do."""
    folder = write(tmp_path, criteo_lines(200))
    raw = (folder / "train.txt").read_bytes().split(b"\n")
    raw[99] = raw[99][:-1] + b"\xe9"
    (folder / "train.txt").write_bytes(b"\n".join(raw))
    with pytest.raises(DataError, match="train.txt:100: byte 0xe9 is not UTF-8; save the file as"):
        prepare(Criteo(), data_dir=folder, cache_dir=cache_dir)


def test_the_first_of_several_bad_lines_is_named(tmp_path, cache_dir):
    """Whatever is checked first, the earliest line of the file is reported."""
    lines = change(criteo_lines(300), 200, lambda line: line + "\tmore")
    lines = change(change(lines, 120, cell(3, "x")), 110, cell(2, "y"))
    with pytest.raises(DataError, match="train.txt:110: 'I2' must be a whole number, got 'y'"):
        prepare(Criteo(), data_dir=write(tmp_path, lines), cache_dir=cache_dir)


def test_a_number_may_be_longer_than_a_value(tmp_path, cache_dir, small_blocks):
    """What is kept of it is its bucket; numbers that begin alike stay apart."""
    lines = criteo_lines(300)
    lines = change(change(lines, 10, cell(3, "1234567890")), 20, cell(3, "1234567891234567"))
    lines = change(lines, 30, cell(3, "-123456789"[:8]))
    source = Criteo(CriteoConfig(min_count=1))
    dataset = prepare(source, data_dir=write(tmp_path, lines), cache_dir=cache_dir)
    check_rows(dataset, lines, criteo_values, 1)
    with pytest.raises(DataError, match="train.txt:40: 'I2' has at most 8 bytes, got '-123456789"):
        lines = change(lines, 40, cell(2, "-1234567890"))
        prepare(source, data_dir=write(tmp_path, lines), cache_dir=cache_dir)


def test_a_header_where_none_belongs_is_called_so(tmp_path, cache_dir):
    """The message says that the official file has none."""
    names = ["label", *(f"I{n}" for n in range(1, 14)), *(f"C{n}" for n in range(1, 27))]
    folder = write(tmp_path, ["\t".join(names), *criteo_lines(100)])
    with pytest.raises(DataError, match="train.txt:1: the label .* got 'label'; if the line is a"):
        prepare(Criteo(), data_dir=folder, cache_dir=cache_dir)


def test_a_missing_header_is_an_error(tmp_path, cache_dir):
    """Avazu's file names its columns; another first line is another file."""
    folder = write(tmp_path, avazu_lines(100), "train.csv")
    with pytest.raises(DataError, match="train.csv:1: the first line must name the columns id,cli"):
        prepare(Avazu(), data_dir=folder, cache_dir=cache_dir)


@pytest.mark.parametrize(("name", "source"), [("train.txt", Criteo), ("train.csv", Avazu)])
def test_an_empty_file_is_an_error(tmp_path, cache_dir, name, source):
    """Nothing at all, and nothing but a header."""
    folder = write(tmp_path, [], name)
    with pytest.raises(DataError, match="train.* holds no rows; fetch it again|train.csv:1: the"):
        prepare(source(), data_dir=folder, cache_dir=cache_dir)
    if source is Avazu:
        write(folder, [HEADER], name)
        with pytest.raises(DataError, match="train.csv holds no rows"):
            prepare(source(), data_dir=folder, cache_dir=cache_dir)


def test_a_file_that_ends_within_a_line_was_cut_short(tmp_path, cache_dir, small_blocks):
    """Even where the line has all its columns, its last value may lack characters."""
    folder = write(tmp_path, criteo_lines(130))
    path = folder / "train.txt"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="train.txt:130: the last line has no line end, so the fi"):
        prepare(Criteo(), data_dir=folder, cache_dir=cache_dir)


@pytest.mark.parametrize("ending", [".gz", ".zst"])
@pytest.mark.parametrize("damage", ["cut", "garbled"])
def test_a_damaged_compressed_file_is_named(tmp_path, cache_dir, small_blocks, ending, damage):
    """Cut in the middle or with other bytes in it: file, line reached, and what to do."""
    raw = (write(tmp_path, criteo_lines(2000)) / "train.txt").read_bytes()
    packed = (gzip.compress if ending == ".gz" else zstandard.compress)(raw)
    half = len(packed) // 2
    packed = packed[:half] if damage == "cut" else packed[:half] + b"no" * 999 + packed[half:]
    (tmp_path / "train.txt").unlink()
    (tmp_path / f"train.txt{ending}").write_bytes(packed)
    expected = rf"cannot read .*train.txt{ending}:\d+: the compressed file (ends in|is damaged)"
    with pytest.raises(DataError, match=expected + r".*; fetch it again"):
        prepare(Criteo(), data_dir=tmp_path, cache_dir=cache_dir)


def test_a_file_without_line_ends_is_no_text_file(tmp_path, cache_dir):
    """It is refused before it fills the memory."""
    (tmp_path / "train.txt").write_bytes(b"x" * (1 << 25))
    with pytest.raises(DataError, match="train.txt:1: no line end in .* MiB; this is no text file"):
        prepare(Criteo(), data_dir=tmp_path, cache_dir=cache_dir)


@pytest.mark.parametrize("row", [700, 705])
def test_a_file_out_of_order_is_not_split_by_time(tmp_path, cache_dir, small_blocks, row):
    """Within a block of 64 lines or at its beginning; a random split takes the file as it is."""
    lines = change(avazu_lines(1500), row, cell(2, "14102100"))
    folder = write(tmp_path, [HEADER, *lines], "train.csv")
    expected = rf"train.csv:{row + 1}: 'hour' is earlier than in the lines before.*split=random"
    with pytest.raises(DataError, match=expected):
        prepare(Avazu(), data_dir=folder, cache_dir=cache_dir)
    random_split = AvazuConfig(split="random")
    assert len(prepare(Avazu(random_split), data_dir=folder, cache_dir=cache_dir).train) == 1200


def test_an_hour_that_is_none_is_named(tmp_path, cache_dir):
    """24 o'clock does not exist."""
    folder = write(
        tmp_path, [HEADER, *change(avazu_lines(60), 60, cell(2, "14102124"))], "train.csv"
    )
    with pytest.raises(
        DataError, match="train.csv:61: 'hour' must be a time YYMMDDHH, .* got '141"
    ):
        prepare(Avazu(), data_dir=folder, cache_dir=cache_dir)


def test_bad_lines_can_be_left_out_and_are_counted(tmp_path, cache_dir, small_blocks):
    """What remains is the file without them, and the manifest says how many of each kind."""
    lines = criteo_lines(700)
    places = random.Random(1).sample(range(len(lines)), len(BAD_CRITEO) * 4)
    kinds = [*BAD_CRITEO] * 4
    damaged = list(lines)
    for place, kind in zip(places, kinds, strict=True):
        damaged[place] = BAD_CRITEO[kind][0](lines[place])
    clean = [line for n, line in enumerate(lines) if n not in places]
    folder = write(tmp_path / "bad", damaged)
    with (folder / "train.txt").open("ab") as file:
        file.write(b"1\t2")
    dataset = prepare(Criteo(CriteoConfig(on_bad_row="skip")), data_dir=folder, cache_dir=cache_dir)
    same = prepare(Criteo(), data_dir=write(tmp_path / "good", clean), cache_dir=cache_dir)
    assert dataset.hash == same.hash
    counted = dict.fromkeys(BAD_CRITEO, 4) | {"no line end": 1}
    assert dataset.manifest["facts"] == {"skipped_lines": counted}
    assert same.manifest["facts"] == {}


def test_a_file_of_bad_lines_only_is_an_error(tmp_path, cache_dir):
    """Leaving all lines out leaves no data set."""
    folder = write(tmp_path, ["not", "a", "row"])
    with pytest.raises(DataError, match="holds no rows"):
        prepare(Criteo(CriteoConfig(on_bad_row="skip")), data_dir=folder, cache_dir=cache_dir)


def test_a_missing_file_says_where_to_fetch_it_and_put_it(tmp_path):
    """Kaggle's files cannot be downloaded by a program."""
    for source, name in ((Criteo, "train.txt"), (Avazu, "train.csv")):
        expected = rf"lacks {name}, or else {name}.gz, .*fetch it from https://www.kaggle.com/"
        with pytest.raises(DataError, match=expected):
            source().files(tmp_path, tmp_path / "cache")
        with pytest.raises(DataError, match=rf"{tmp_path / 'cache' / 'raw'}.* lacks {name}"):
            source().files(None, tmp_path / "cache")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"split": "time"}, "split = 'time': expected order or random"),
        ({"on_bad_row": "ignore"}, "on_bad_row = 'ignore': expected stop or skip"),
        ({"min_count": 0}, "whole number from 1 on, got 0"),
        ({"split_seed": -1}, "whole number from 0 on, or none, got -1"),
    ],
)
def test_a_wrong_setting_is_named(settings, message):
    """The message shows the value and what is expected."""
    with pytest.raises(ConfigError, match=message):
        CriteoConfig(**settings)


def test_progress_is_told_and_ends_with_all_rows(tmp_path, small_blocks):
    """Each step counts rows up to all of them."""
    told = []
    prepare(
        Criteo(),
        data_dir=write(tmp_path, criteo_lines(300)),
        cache_dir=tmp_path / "cache",
        progress=lambda *what: told.append(what),
    )
    for step in ("read", "count", "encode", "check"):
        own = [(rows, share) for what, rows, share in told if what == step]
        assert own == sorted(own)
        assert own[-1] == (300, 1.0)


def full(*_, **__):
    """What a full disk answers."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("owner", "name"), [(stage, "write_block"), (os, "posix_fallocate"), (os, "replace")]
)
def test_a_full_disk_keeps_what_is_done(tmp_path, monkeypatch, small_blocks, owner, name):
    """The error says to run again; the next call reads no line twice and ends with the same."""
    folder = write(tmp_path, criteo_lines(300))
    whole = prepare(Criteo(), data_dir=folder, cache_dir=tmp_path / "undisturbed")
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, full)
        with pytest.raises(DataError, match="No space left.*what is done is kept: run the same"):
            prepare(Criteo(), data_dir=folder, cache_dir=tmp_path / "cache")
    if owner is os and name == "posix_fallocate":
        monkeypatch.setattr(stage, "_stage_block", full)  # All lines have been read.
    after = prepare(Criteo(), data_dir=folder, cache_dir=tmp_path / "cache")
    assert after.hash == whole.hash
    left = {path.name for path in after.folder.iterdir()}
    assert left == {path.name for path in whole.folder.iterdir()}


def test_an_interruption_of_the_last_check_does_not_repeat_the_work(
    tmp_path, monkeypatch, small_blocks
):
    """Ctrl-C while the manifest is made: the rows are there."""
    folder = write(tmp_path, criteo_lines(300))

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(writer_module, "processed_hash", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare(Criteo(), data_dir=folder, cache_dir=tmp_path)
    monkeypatch.setattr(stage, "_stage_block", full)
    dataset = prepare(Criteo(), data_dir=folder, cache_dir=tmp_path)
    check_rows(dataset, criteo_lines(300), criteo_values, 2)


LIFE = """
import os, signal, sys
from pathlib import Path
from aesbench.datasets.clicklog import stage
from aesbench.datasets.sources.criteo import Criteo
from aesbench.datasets.store import prepare

stage.BLOCK_ROWS = 64
left, EVENTS = allowed, ("open", "os.rename", "os.remove", "shutil.rmtree")

def watch(event, arguments):
    global left
    if event in EVENTS and ".criteo-" in str(arguments):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watch)
prepare(Criteo(), data_dir=Path(data), cache_dir=Path(cache))
Path(cache, f"operations-{allowed}").write_text(str(allowed - left))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_killed_at_ten_random_moments_it_ends_with_the_same_data(tmp_path):
    """Between any two accesses to its files; a half-written data set never has the name."""
    folder = write(tmp_path, criteo_lines(1500))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["aesbench.datasets.sources.criteo", "aesbench.datasets.store"])

    def live(cache, allowed):
        names = {"data": str(folder), "cache": str(cache), "allowed": allowed}
        process = context.Process(target=exec, args=(LIFE, names))
        process.start()
        process.join(60)
        return process.exitcode

    endless = 1 << 40
    assert live(tmp_path / "whole", endless) == 0
    operations = int((tmp_path / "whole" / f"operations-{endless}").read_text())
    rng = random.Random(0)
    for _ in range(10):
        assert live(tmp_path / "killed", rng.randrange(1, operations // 12)) == -9
        assert not list((tmp_path / "killed" / "processed").glob("criteo-*"))
    assert live(tmp_path / "killed", endless) == 0
    one, two = (
        prepare(Criteo(), data_dir=folder, cache_dir=tmp_path / name)
        for name in ("whole", "killed")
    )
    assert one.hash == two.hash
    check_rows(two, criteo_lines(1500), criteo_values, 2)


SAMPLES = [
    pytest.param(Criteo, CriteoConfig, "criteo/train.txt", criteo_values, id="criteo"),
    pytest.param(Avazu, AvazuConfig, "avazu/train.csv", avazu_values, id="avazu"),
]


@real_data
@pytest.mark.parametrize(("source", "config", "name", "values"), SAMPLES)
def test_real_rows_agree_with_plain_dictionaries(cache_dir, source, config, name, values):
    """Every field's values, missing ones, counts and every row of the samples."""
    lines = (DATA / "samples" / name).read_text().splitlines()[source is Avazu :]
    for min_count in (1, 2):
        dataset = prepare(
            source(config(min_count=min_count)), data_dir=DATA / "samples", cache_dir=cache_dir
        )
        check_rows(dataset, lines, values, min_count)


@real_data
@pytest.mark.parametrize(("source", "config", "name", "values"), SAMPLES)
def test_real_fields_have_the_cardinality_missing_share_and_click_rate_of_the_file(
    cache_dir, source, config, name, values
):
    """Per field, over the train split, counted once more by plain Python."""
    lines = (DATA / "samples" / name).read_text().splitlines()[source is Avazu :]
    dataset = prepare(source(config(min_count=1)), data_dir=DATA / "samples", cache_dir=cache_dir)
    rows = [values(line) for line in lines[: (len(lines) * 8 + 5) // 10]]
    clicks = sum(label for _, label in rows)
    assert dataset.train.labels.mean() == pytest.approx(clicks / len(rows))
    for number, field in enumerate(dataset.fields):
        column = [row[0][number] for row in rows]
        assert field.cardinality == len(set(column)) + 1
        vocabulary = pl.read_parquet(dataset.folder / "vocabulary" / f"{number}.parquet")["value"]
        ids = dataset.train.ids[:, number]
        missing = ids == (vocabulary == "").fill_null(False).arg_max()
        missing &= "" in vocabulary
        absent = [value == "" for value in column]
        assert missing.mean() == pytest.approx(sum(absent) / len(rows))
        most, times = Counter(column).most_common(1)[0]
        rate = sum(row[1] for row, value in zip(rows, column, strict=True) if value == most) / times
        found = ids == list(vocabulary).index(most)
        assert dataset.train.labels[found].mean() == pytest.approx(rate)


@real_data
def test_the_samples_have_the_rows_and_click_rates_that_are_known(cache_dir):
    """10,000 rows with 21.8 % clicks, and 9,999 with 17.06 %."""
    for source, rows, rate in ((Criteo, 10_000, 0.218), (Avazu, 9_999, 0.1706)):
        dataset = prepare(source(), data_dir=DATA / "samples", cache_dir=cache_dir)
        labels = np.concatenate([getattr(dataset, split).labels for split in SPLITS])
        assert len(labels) == rows
        assert labels.mean() == pytest.approx(rate, abs=5e-4)


def test_the_command_line_says_what_it_left_out(tmp_path, small_blocks):
    """`--on-bad-row skip` counts by kind; without it the command fails and names the line."""
    from click.testing import CliRunner

    from aesbench.cli import cli

    lines = change(change(criteo_lines(200), 5, cell(0, "7")), 9, cell(1, "x"))
    command = ["data", "prepare", "criteo", "--data-dir", str(write(tmp_path, lines))]
    command += ["--cache-dir", str(tmp_path / "cache")]
    with pytest.raises(DataError, match="train.txt:5: the label"):
        CliRunner().invoke(cli, command, standalone_mode=False, catch_exceptions=False)
    result = CliRunner().invoke(cli, [*command, "--on-bad-row", "skip"])
    assert result.exit_code == 0
    said = " ".join(result.output.split())
    assert "2 bad lines of criteo were left out: 1 not a whole number, 1 wrong label" in said
