"""Reports: what records add up to, and how it is printed and written."""

import csv
import dataclasses
import io
import subprocess
import sys

import numpy as np
import pytest
from rich.console import Console
from scipy import stats

from aesbench.core.allocation import Allocation, Block
from aesbench.core.frame import records_frame
from aesbench.core.record import RunRecord, read_records, write_record
from aesbench.core.spec import RunSpec, TrainConfig
from aesbench.errors import RecordError
from aesbench.report.page.tables import (
    CSV_COLUMNS,
    as_csv,
    as_latex,
    as_markdown,
    render,
    write_tables,
)
from aesbench.report.statistics.overall import overall
from aesbench.report.statistics.summary import Summary, summarise

ROWS = 100  # The only field's cardinality: UES-32 has 32 * 100 embedding parameters.


def spec(label="ues:32", seed=0, **changes) -> RunSpec:
    """The spec of one run; ``changes`` are its attributes."""
    values = {
        "dataset": "tiny",
        "data_hash": "a" * 64,
        "backbone": "widedeep",
        "backbone_config": {"hidden": [4]},
        "unification": "plain",
        "method": label.partition(":")[0],
        "method_config": {},
    }
    return RunSpec(label=label, seed=seed, **{**values, **changes})


def ok(label="ues:32", seed=0, dim=32, auc=0.75, logloss=0.5, true_auc=None, **changes):
    """The record of a successful run that gave every row ``dim`` dimensions."""
    metrics = {
        "validation": {"auc": 0.7, "logloss": 0.6},
        "test": {"auc": auc, "logloss": logloss},
    }
    if true_auc is not None:
        metrics["test_expected"] = {"auc": true_auc, "logloss": 0.4}
    return RunRecord(
        spec=spec(label, seed, **changes),
        status="ok",
        allocation=Allocation(names=("user",), blocks=((Block(ROWS, dim),),)),
        prepare_id="p",
        metrics=metrics,
        epochs={"epochs": 3, "best_epoch": 2, "history": []},
        parameters={"embedding": ROWS * dim, "transform": 0, "wide": 100, "dense": 700},
        flops=12345,
        seconds={"prepare": 1.0, "search": 2.0, "retrain": 4.0, "evaluate": 0.5},
        peak_memory_bytes=1 << 20,
        environment={"git": {"commit": "c0ffee", "dirty": False}},
    )


def failed(label="ues:32", seed=0, **changes):
    """The record of a run that failed in its search."""
    return RunRecord(
        spec=spec(label, seed, **changes),
        status="failed",
        error={"type": "ValueError", "message": "a bug", "phase": "search", "traceback": ""},
        seconds={"prepare": 1.0},
    )


@pytest.fixture
def records() -> list[RunRecord]:
    """Three seeds of UES-32 and of UES-8, where UES-8 is better by AUC and worse by LogLoss."""
    return [
        *(ok("ues:32", seed, 32, 0.70 + seed / 100, 0.40) for seed in range(3)),
        *(ok("ues:8", seed, 8, 0.80 + seed / 100, 0.50) for seed in range(3)),
    ]


def csv_rows(records) -> list[dict[str, str]]:
    """The CSV's rows as text."""
    return list(csv.DictReader(io.StringIO(as_csv(overall(records)))))


def printed(records, width=200) -> str:
    """What a terminal of some width shows."""
    console = Console(width=width, file=io.StringIO())
    console.print(render(overall(records)))
    return console.file.getvalue()


def test_the_interval_of_three_values_is_students():
    """For 1, 2, 3: mean 2, deviation 1, and 4.3027 / sqrt(3) from the mean on either side."""
    half = 0.95 * (2 / (1 - 0.95**2)) ** 0.5 / 3**0.5  # t with 2 degrees of freedom, closed form.
    found = summarise([1.0, 2.0, 3.0])
    assert (found.n, found.mean, found.std) == (3, 2.0, 1.0)
    # The oldest scipy allowed computes this quantile to ten digits.
    assert (found.low, found.high) == pytest.approx((2 - half, 2 + half), rel=1e-9)


def test_the_interval_agrees_with_scipys():
    """Another road to the same interval: scipy's, from the standard error."""
    values = np.random.default_rng(0).normal(size=7)
    summary = summarise(list(values))
    expected = stats.t.interval(0.95, 6, loc=values.mean(), scale=stats.sem(values))
    assert (summary.low, summary.high) == pytest.approx(expected, rel=1e-12)


def test_one_value_has_a_mean_and_no_spread():
    """A single run says nothing of the spread: it is missing, neither 0 nor NaN."""
    assert summarise([0.5]) == Summary(1, 0.5, None, None, None)


def test_a_frame_holds_one_row_per_run_and_failures_too(records):
    """Every run is a row; what a failed one lacks is NaN."""
    frame = records_frame([*records, failed("mde")])
    assert len(frame) == 7 and frame.run_id.is_unique
    means = frame.groupby("method").test_auc.mean()
    assert means["ues:8"] == pytest.approx(0.81)
    broken = frame[frame.status == "failed"].iloc[0]
    assert broken.method == "mde" and np.isnan(broken.test_auc) and np.isnan(broken.total_params)
    assert frame.iloc[0].total_params == 3200 + 100 + 700
    assert frame.iloc[0].git_commit == "c0ffee" and np.isnan(frame.iloc[0].test_expected_auc)


def test_reductions_are_shares_of_ues_32(records):
    """UES-8 saves 3/4 of the tables, and 2400 of the 4000 parameters of the whole model."""
    reference, small = sorted(overall(records), key=lambda row: row.method)
    assert (reference.param_reduction, reference.model_reduction) == (0, 0)
    assert small.param_reduction == 1 - 8 / 32
    assert small.model_reduction == 1 - (800 + 800) / (3200 + 800)


def test_without_ues_32_the_models_reduction_is_missing(records):
    """The tables' reduction needs only their rows; the model's needs a run of UES-32."""
    (row,) = overall([record for record in records if record.spec.label == "ues:8"])
    assert row.param_reduction == 0.75 and row.model_reduction is None


def test_the_search_counts_with_what_it_prepared(records):
    """Search seconds include the preparation: 1 + 2."""
    assert {(row.search_s, row.retrain_s) for row in overall(records)} == {(3.0, 4.0)}


def test_failed_runs_are_counted_apart(records):
    """A failed seed changes no mean, and is shown beside n."""
    (with_failure, _), (without, _) = (
        sorted(overall(rs), key=lambda row: row.method)
        for rs in ([*records, failed("ues:32", 9)], records)
    )
    assert (with_failure.n, with_failure.failed) == (3, 1)
    assert with_failure.auc == without.auc
    assert "3 (+1 failed)" in as_markdown(overall([*records, failed("ues:32", 9)]))


def test_a_method_that_only_failed_is_printed_as_missing(records):
    """Its row stays: dashes in print, n = 0 and empty cells in the CSV."""
    everything = [*records, failed("mde")]
    (line,) = (x for x in as_markdown(overall(everything)).splitlines() if x.startswith("| mde"))
    assert "0 (+1 failed)" in line and line.count("–") == 9
    (row,) = (row for row in csv_rows(everything) if row["method"] == "mde")
    assert row["n"] == "0"
    assert all(row[name] == "" for name in CSV_COLUMNS[4:])
    assert "mde" in printed(everything)


def test_a_single_run_has_no_spread_in_any_table():
    """With n = 1 the CSV's cells of spread are empty and the tables show a dash."""
    (row,) = csv_rows([ok()])
    assert row["auc_mean"] == "0.75"
    assert all(row[name] == "" for name in ("auc_std", "auc_low", "auc_high", "logloss_std"))
    for text in (as_markdown(overall([ok()])), as_latex(overall([ok()])), printed([ok()])):
        assert "0.7500" in text and "–" in text and "nan" not in text.lower()


def test_rows_come_by_place_then_uniform_sizes_then_name():
    """Numbers inside a label sort by their value, and UES comes first."""
    labels = ["mde", "ues:16", "autodim", "ues:32+transform", "ues:8", "ues:32", "ues:2"]
    places = [{"backbone": "widedeep"}, {"backbone": "deepfm"}]
    rows = overall(ok(label, **place) for label in labels for place in places)
    expected = ["ues:2", "ues:8", "ues:16", "ues:32", "ues:32+transform", "autodim", "mde"]
    assert [(row.backbone, row.method) for row in rows] == [
        (backbone, label) for backbone in ("deepfm", "widedeep") for label in expected
    ]


def test_methods_that_take_no_budget_are_marked_beside_those_that_do():
    """Without a budgeted method on the same data and backbone there is nothing to mark."""
    free = dataclasses.replace(ok("autodim", 0), takes_budget=False)
    held = dataclasses.replace(ok("mde@0.5", 0, budget=1000), takes_budget=True)
    elsewhere = dataclasses.replace(ok("autodim", 0, backbone="deepfm"), takes_budget=False)
    rows = overall([free, held, elsewhere, ok("ues:32", 0)])
    marked = {(row.backbone, row.method): row.unbudgeted for row in rows}
    assert [key for key, mark in marked.items() if mark] == [("widedeep", "autodim")]
    assert "autodim (no budget)" in as_markdown(rows)
    assert "(no budget)" not in as_csv(rows)


def test_runs_of_one_label_with_other_settings_are_refused():
    """Seeds trained for 20 and for 3 epochs must not be averaged; the error names both runs."""
    one, other = ok(), ok(seed=1, train=TrainConfig(epochs=3))
    with pytest.raises(RecordError, match="ues:32.*train") as raised:
        overall([one, other])
    assert one.spec.run_id in str(raised.value) and other.spec.run_id in str(raised.value)
    with pytest.raises(RecordError, match="budget"):
        overall([one, ok(seed=1, budget=5)])


def test_seeds_and_searches_are_no_settings():
    """Runs that differ in their seed or search alone are averaged."""
    (row,) = overall([ok(seed=0), ok(seed=1), ok(seed=1, search_index=1)])
    assert row.n == 2


def test_a_run_just_made_compares_with_a_record_read():
    """The one's settings hold tuples where the other's hold lists; 8 and 16 are other settings."""
    made = ok(method_config={"dims": (8, 2)})
    (row,) = overall([made, ok(seed=1, method_config={"dims": [8, 2]})])
    assert row.n == 2
    with pytest.raises(RecordError, match="method_config"):
        overall([made, ok(seed=1, method_config={"dims": [16, 2]})])


def test_searches_of_one_seed_are_one_observation():
    """Their mean enters the mean over seeds: .6 and (.7 + .9) / 2, not three values."""
    runs = [ok(auc=0.6), ok(seed=1, auc=0.7, dim=8), ok(seed=1, auc=0.9, search_index=1, dim=8)]
    (row,) = overall(runs)
    assert row.auc == summarise([0.6, 0.8])
    assert row.embedding_params == (3200 + 800) / 2


def searched(label="ues:32+search-only", seed=0, **changes):
    """The record of a run that retrained nothing."""
    return RunRecord(
        spec=spec(label, seed, retrain=False, **changes),
        status="ok",
        allocation=Allocation(names=("user",), blocks=((Block(ROWS, 8),),)),
        seconds={"prepare": 1.0, "search": 2.0},
    )


def test_a_run_without_retraining_is_never_compared(records):
    """Neither in a row of its own nor in that of the same label; with no others it is an error."""
    assert overall([*records, searched(), searched("ues:32", 9)]) == overall(records)
    with pytest.raises(RecordError, match="only searches without a retraining"):
        overall([searched()])
    row = records_frame([searched()]).iloc[0]
    assert not row.retrained and np.isnan(row.test_auc) and row.param_reduction == 0.75


def test_two_versions_of_one_data_set_are_refused():
    """The error names the data set and both hashes, and says what to do."""
    with pytest.raises(RecordError, match="'tiny'.*aaaa.*bbbb.*move"):
        overall([ok(), ok("ues:8", data_hash="b" * 64)])


def test_no_records_is_an_error_that_names_the_next_step():
    """An empty results folder leads to `aesbench run`."""
    with pytest.raises(RecordError, match="aesbench run"):
        overall([])


def test_the_csv_gives_every_number_back(records):
    """Text to number and back loses no bit, and the columns are those documented."""
    text = as_csv(overall(records))
    assert text.splitlines()[0] == (
        "dataset,backbone,method,n,auc_mean,auc_std,auc_low,auc_high,logloss_mean,logloss_std,"
        "embedding_params,param_reduction,flops,search_s,retrain_s"
    )
    for row, read in zip(overall(records), csv_rows(records), strict=True):
        number = {name: float(read[name]) for name in CSV_COLUMNS[3:]}
        assert (number["auc_mean"], number["auc_std"]) == (row.auc.mean, row.auc.std)
        assert (number["auc_low"], number["auc_high"]) == (row.auc.low, row.auc.high)
        assert number["logloss_mean"] == row.logloss.mean
        assert number["logloss_std"] == row.logloss.std
        assert number["param_reduction"] == row.param_reduction
        assert number["embedding_params"] == row.embedding_params
        assert (number["search_s"], number["retrain_s"]) == (row.search_s, row.retrain_s)


def test_the_best_means_are_bold(records):
    """UES-8 has the higher AUC, UES-32 the lower LogLoss; nothing else is bold."""
    lines = {line.split(" | ")[0][2:]: line for line in as_markdown(overall(records)).splitlines()}
    assert "**0.8100** ± 0.0100" in lines["ues:8"] and lines["ues:8"].count("**") == 2
    assert "**0.4000** ± 0.0000" in lines["ues:32"] and lines["ues:32"].count("**") == 2
    tex = as_latex(overall(records))
    assert r"\textbf{0.8100}" in tex and r"\textbf{0.4000}" in tex
    assert tex.count(r"\textbf") == 2


def test_numbers_read_well(records):
    """Four decimals, thousands, per cent with two, seconds with one."""
    (line,) = (x for x in as_markdown(overall(records)).splitlines() if x.startswith("| ues:32"))
    cells = [cell.strip() for cell in line.strip("|").split(" | ")]
    for text in ("3,200", "0.00%", "12,345", "3.0", "4.0"):
        assert text in cells


def test_the_true_auc_has_a_column_where_it_is_known(records):
    """Generated data show the AUC against the truth; real data have no such column."""
    known = [*records, ok("mde", true_auc=0.9876)]
    for text in (as_markdown(overall(known)), as_latex(overall(known)), printed(known)):
        assert "AUC (true)" in text and "0.9876" in text
    assert "AUC (true)" not in as_markdown(overall(records))
    assert "0.9876" not in as_csv(overall(known))


NASTY = r"a_b<c>&d%e|f*g#h$i^j~k\l{m}[n=0.5]"


def test_markdown_shows_names_as_they_are():
    """No name breaks the table, turns into a tag or changes the type."""
    text = as_markdown(overall([ok(NASTY)]))
    (line,) = (x for x in text.splitlines() if x.startswith("| a"))
    header = next(x for x in text.splitlines() if x.startswith("| method"))
    assert line.replace(r"\|", "").count("|") == header.count("|")
    assert r"a\_b&lt;c>&amp;d%e\|f\*g" in line and "<" not in line


def test_latex_shows_names_as_they_are():
    """Every special character is escaped, and each row has as many cells as columns."""
    text = as_latex(overall([ok(NASTY)]))
    (line,) = (x for x in text.splitlines() if x.startswith("a"))
    name, *cells = line.replace(r"\&", "").split(" & ")
    assert name.startswith(r"a\_b\textless{}c\textgreater{}d\%e")
    assert r"g\#h\$i\textasciicircum{}j\textasciitilde{}k\textbackslash{}l\{m\}" in name
    (columns,) = (x for x in text.splitlines() if x.startswith(r"\begin{tabular}"))
    assert columns == rf"\begin{{tabular}}{{l{'r' * len(cells)}}}"
    assert text.index(r"\toprule") < text.index(r"\midrule") < text.index(r"\bottomrule")


def test_the_terminal_shows_names_as_they_are():
    """Rich reads no markup in a label's brackets."""
    assert "mde[alpha=0.5]" in printed([ok("mde[alpha=0.5]")])


def test_the_tables_do_not_depend_on_the_order_of_files(records, tmp_path):
    """The same records in any order, read from disk or not, give the same bytes."""
    everything = [*records, failed("mde"), ok("mde[alpha=0.5]", backbone="deepfm")]
    for record in reversed(everything):
        write_record(tmp_path, record)
    paths = write_tables(tmp_path, overall(read_records(tmp_path)))
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        "tables/overall.csv",
        "tables/overall.md",
        "tables/overall.tex",
    ]
    forms = (as_csv, as_markdown, as_latex)
    for shuffled in (everything, everything[::-1], everything[3:] + everything[:3]):
        for path, form in zip(paths, forms, strict=True):
            assert path.read_bytes() == form(overall(shuffled)).encode()


def test_reports_do_not_load_torch():
    """A report is made in a second, and on machines without torch."""
    code = (
        "import sys; import aesbench.core.frame, aesbench.report.page.write;"
        "import aesbench.terminal.run_page; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_equal_values_have_no_spread():
    """Three times 0.4 has the mean 0.4 and the deviation 0, to the last bit."""
    assert summarise([0.4] * 3) == Summary(3, 0.4, 0.0, 0.4, 0.4)


def test_a_frame_of_no_records_has_its_columns(records):
    """Code that groups by method works before the first run, too."""
    assert list(records_frame([]).columns) == list(records_frame(records).columns)


def test_a_frame_knows_reductions_and_errors(records):
    """A run's reduction and a failure's cause are at hand without the record."""
    frame = records_frame([*records, failed("mde")])
    assert list(frame.param_reduction[:6]) == [0.0] * 3 + [0.75] * 3
    assert frame.error.iloc[6] == "a bug"


def test_a_run_that_appears_twice_is_refused():
    """A copied file must not count as another seed."""
    with pytest.raises(RecordError, match="twice"):
        overall([ok(), ok()])


def test_methods_trained_differently_are_refused():
    """One protocol for every method: 20 epochs of one beside 3 of another do not compare."""
    with pytest.raises(RecordError, match="'ues:32'.*'mde'.*train"):
        overall([ok(), ok("mde", train=TrainConfig(epochs=3))])


def test_only_ues_itself_comes_first():
    """A method whose name begins like UES's is sorted among the others."""
    rows = overall([ok("uesx"), ok("autodim"), ok("ues:2")])
    assert [row.method for row in rows] == ["ues:2", "autodim", "uesx"]


def test_no_number_is_broken_at_80_columns(records):
    """Every number stands whole in a terminal of 80 columns, the true AUC's included."""
    text = printed([*records, ok("mde", true_auc=0.9), failed("mde", 9)], width=80)
    assert max(map(len, text.splitlines())) <= 80
    for whole in ("0.8100 ± 0.0100", "[0.7852, 0.8348]", "12,345", "75.00%", "(+1 failed)"):
        assert whole in text


def test_a_line_break_in_a_name_does_not_break_a_row():
    """White space of any kind is a space in Markdown and LaTeX."""
    assert "| a b |" in as_markdown(overall([ok("a\nb")]))
    assert "\na b &" in as_latex(overall([ok("a\nb")]))


def test_the_csv_counts_in_whole_numbers():
    """Parameters and FLOPs are integers where every run agrees."""
    (row,) = csv_rows([ok(seed=0), ok(seed=1)])
    assert (row["embedding_params"], row["flops"]) == ("3200", "12345")
