"""Tables equal what one works out by hand from the records."""

import csv
import dataclasses
import io
import math
import random

import pytest
from rich.console import Console

from aesbench import Allocation, Field, RunRecord, RunSpec, records_frame
from aesbench.config import TrainConfig
from aesbench.errors import RecordError
from aesbench.report.overall import method_order, overall
from aesbench.report.stats import summarise
from aesbench.report.tables import CSV_COLUMNS, as_csv, as_latex, as_markdown, render, write_tables

FIELDS = (Field("user", 90), Field("item", 10))


def record(label, seed, auc, dim=8, **changes):
    """A record of one seed; its whole model is ten parameters larger than its tables."""
    spec = RunSpec(
        dataset=changes.pop("dataset", "planted"),
        data_hash=changes.pop("data_hash", "ab" * 32),
        backbone="widedeep",
        backbone_config={"hidden": (128, 64)},
        unification="plain",
        method=label.split(":")[0],
        method_config={"dim": dim},
        label=label,
        seed=seed,
        train=changes.pop("train", TrainConfig()),
    )
    allocation = Allocation.uniform(FIELDS, dim)
    made = RunRecord(
        spec=spec,
        status="ok",
        allocation=allocation,
        metrics={"test": {"auc": auc, "logloss": 1 - auc}},
        parameters={"embedding": allocation.parameters, "transform": 0, "wide": 4, "dense": 6},
        flops=1000 * dim,
        seconds={"prepare": 1.0, "search": 0.5, "retrain": 2.0, "evaluate": 0.1},
    )
    return dataclasses.replace(made, **changes)


def failed(label, seed):
    """A record of a run that failed."""
    good = record(label, seed, 0.5)
    return RunRecord(spec=good.spec, status="failed", error={"type": "ValueError"})


RECORDS = [
    record("ues:32", 0, 0.80, 32),
    record("ues:32", 1, 0.82, 32),
    record("ues:32", 2, 0.84, 32),
    record("ues:8", 0, 0.81),
    failed("ues:8", 1),
    failed("mde", 0),
]


def test_a_summary_by_hand():
    """Mean 0.82, s = 0.02; t(0.975, 2) = 4.302653, so the half-width is 0.049683."""
    summary = summarise([0.80, 0.82, 0.84])
    assert (summary.n, summary.mean) == (3, pytest.approx(0.82))
    assert summary.std == pytest.approx(0.02)
    assert summary.high - summary.mean == pytest.approx(4.302653 * 0.02 / math.sqrt(3), abs=1e-7)
    assert summary.mean - summary.low == pytest.approx(summary.high - summary.mean)


def test_one_value_has_neither_spread_nor_interval():
    """They are missing, not zero."""
    summary = summarise([0.8])
    assert (summary.std, summary.low, summary.high) == (None, None, None)
    with pytest.raises(RecordError, match="at least one value"):
        summarise([])


def test_rows_count_successes_and_failures_apart():
    """A failed run enters no mean; a method with failures only is a row without numbers."""
    rows = {row.method: row for row in overall(RECORDS)}
    assert [(r.method, r.n, r.failed) for r in rows.values()] == [
        ("ues:8", 1, 1), ("ues:32", 3, 0), ("mde", 0, 1),
    ]  # fmt: skip
    assert rows["mde"].auc is None and rows["mde"].flops is None


def test_parameter_reductions_by_hand():
    """Size 8 for 32 saves 1 - 8/32 of the tables and 1 - 810/3210 of the model; UES-32 nothing."""
    rows = {row.method: row for row in overall(RECORDS)}
    assert rows["ues:8"].param_reduction == pytest.approx(0.75)
    assert rows["ues:8"].model_reduction == pytest.approx(1 - 810 / 3210)
    assert rows["ues:32"].param_reduction == rows["ues:32"].model_reduction == 0
    alone = overall([record("ues:8", 0, 0.81)])
    assert alone[0].param_reduction == 0.75 and alone[0].model_reduction is None


def test_the_order_of_the_files_does_not_matter():
    """Shuffled records give the same bytes."""
    shuffled = random.Random(0).sample(RECORDS, len(RECORDS))
    for form in (as_csv, as_markdown, as_latex):
        assert form(overall(shuffled)) == form(overall(RECORDS))


def test_methods_are_sorted_as_people_count():
    """Uniform sizes first, 8 before 16, then the others by name."""
    labels = ["mde:value", "ues:16", "autodim", "ues:8", "ues:32+transform", "ues:32"]
    assert sorted(labels, key=method_order) == [
        "ues:8", "ues:16", "ues:32", "ues:32+transform", "autodim", "mde:value",
    ]  # fmt: skip


def test_csv_has_the_promised_columns_in_full_precision():
    """What is missing is an empty cell; numbers come back to the last bit."""
    rows = list(csv.DictReader(io.StringIO(as_csv(overall(RECORDS)))))
    assert tuple(rows[0]) == CSV_COLUMNS
    single, several, none = rows
    assert float(several["auc_mean"]) == summarise([0.80, 0.82, 0.84]).mean
    assert several["search_s"] == "1.5" and several["retrain_s"] == "2.0"
    assert single["auc_mean"] == "0.81" and single["auc_std"] == single["auc_low"] == ""
    assert none["n"] == "0" and none["auc_mean"] == none["flops"] == ""


def test_markdown_marks_the_best_and_shows_what_failed():
    """The best mean of each metric is bold; a failed run is counted; nothing is a dash."""
    text = as_markdown(overall(RECORDS))
    line = {
        row.split(" | ")[0].strip("| "): row for row in text.splitlines() if row.startswith("|")
    }
    assert "**0.8200** ± 0.0200" in line["ues:32"] and "[0.7703, 0.8697]" in line["ues:32"]
    assert "1 (+1 failed)" in line["ues:8"] and "75.00%" in line["ues:8"]
    assert line["mde"].count("–") == 9
    assert len({row.count(" | ") for row in line.values()}) == 1


@pytest.mark.parametrize(
    ("name", "markdown", "latex"),
    [
        ("a_b", r"a\_b", r"a\_b"),
        ("a<b&c", "a&lt;b&amp;c", r"a\textless{}b\&c"),
        ("a|b", r"a\|b", "a|b"),
        ("a[x=50%]", r"a\[x=50%\]", r"a[x=50\%]"),
    ],
)
def test_odd_names_come_out_right(name, markdown, latex):
    """Markdown, LaTeX and the terminal show a method's name as it is."""
    rows = overall([record(name, 0, 0.8)])
    assert markdown in as_markdown(rows)
    assert latex in as_latex(rows)
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(render(rows))
    assert name in console.export_text()


def test_generated_data_show_the_noise_free_auc():
    """A column appears when a record has scores against the true probabilities."""
    metrics = {"test": {"auc": 0.8, "logloss": 0.2}, "test_expected": {"auc": 0.83, "logloss": 0.1}}
    rows = overall([record("ues:8", 0, 0.8, metrics=metrics)])
    assert "AUC (true)" in as_markdown(rows) and "0.8300" in as_markdown(rows)
    assert "AUC (true)" not in as_markdown(overall(RECORDS))


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([], "make some with 'aesbench run'"),
        (
            [record("ues:8", 0, 0.8), record("ues:8", 1, 0.8, data_hash="cd" * 32)],
            "'planted' come from different data: abababababababab and cdcdcdcdcdcdcdcd",
        ),
        (
            [record("ues:8", 0, 0.8), record("ues:8", 1, 0.8, train=TrainConfig(epochs=1))],
            "differ in train and must not be averaged",
        ),
    ],
)
def test_what_must_not_be_averaged_is_refused(records, words):
    """No records, other data under one name, other settings under one label."""
    with pytest.raises(RecordError, match=words):
        overall(records)


def test_tables_are_written_where_the_documentation_says(tmp_path):
    """<results>/tables/overall.{csv,md,tex}."""
    written = write_tables(tmp_path, overall(RECORDS))
    assert [path.relative_to(tmp_path).as_posix() for path in written] == [
        "tables/overall.csv", "tables/overall.md", "tables/overall.tex",
    ]  # fmt: skip
    assert all(path.read_text() for path in written)


def test_the_frame_has_a_row_per_run():
    """Ready to group: label, seed, metrics, parameters, seconds."""
    frame = records_frame(RECORDS)
    assert len(frame) == 6
    assert frame[frame.status == "ok"].groupby("method").test_auc.mean()["ues:32"] == pytest.approx(
        0.82
    )
    assert frame.test_auc.isna().sum() == 2
    assert frame.loc[0, ["seed", "embedding_params", "total_params", "search_s"]].tolist() == [
        0, 3200, 3210, 0.5,
    ]  # fmt: skip
