"""The overall comparison as files, and as a table of the terminal."""

import csv
import io

from rich.console import Console

from aesbench.core.record import write_record
from aesbench.report.evidence import evidence_under, gather
from aesbench.report.page.overall_tables import STACKS, overall_files, overall_tables
from aesbench.report.page.write_tables import as_rich
from aesbench.report.statistics.overall import COLUMNS, overall


def files_of(records):
    """{suffix: text} of the comparison's files."""
    files = overall_files(overall(gather(records)))
    return {name.removeprefix("overall."): text for name, text in files.items()}


def csv_rows(records):
    """The CSV's rows as text."""
    return list(csv.DictReader(io.StringIO(files_of(records)["csv"])))


def lines_of(records):
    """{method as printed: its line} of the Markdown file."""
    lines = files_of(records)["md"].splitlines()
    return {line.split(" | ")[0][2:]: line for line in lines if line.startswith("| ")}


def printed(records, width=200):
    """What a terminal of some width shows."""
    console = Console(width=width, file=io.StringIO())
    for table in overall_tables(overall(gather(records))):
        console.print(as_rich(table, STACKS))
    return console.file.getvalue()


def test_failed_runs_are_shown_beside_n(uniform, failed):
    """Only there."""
    line = lines_of([*uniform, failed("ues:32", 9)])["ues:32"]
    assert line.replace("3 (+1 failed)", "3") == lines_of(uniform)["ues:32"]


def test_a_method_that_only_failed_is_printed_as_missing(uniform, failed):
    """Its row stays: dashes in print, n = 0 and empty cells in the CSV."""
    everything = [*uniform, failed("mde")]
    line = lines_of(everything)["mde"]
    assert "0 (+1 failed)" in line and line.count("–") == 9
    (row,) = (row for row in csv_rows(everything) if row["method"] == "mde")
    assert row["n"] == "0"
    assert all(row[name] == "" for name in COLUMNS[4:])
    assert "mde" in printed(everything)


def test_a_single_run_has_no_spread_in_any_table(make_record):
    """With n = 1 the CSV's cells of spread are empty and the tables show a dash."""
    (row,) = csv_rows([make_record()])
    assert row["auc_mean"] == "0.75"
    assert all(row[name] == "" for name in ("auc_std", "auc_low", "auc_high", "logloss_std"))
    files = files_of([make_record()])
    for text in (files["md"], files["tex"], printed([make_record()])):
        dash = r"\textendash{}" if text == files["tex"] else "–"
        assert "0.7500" in text and dash in text and "nan" not in text.lower()


def test_methods_that_take_no_budget_are_marked_in_print(make_record):
    """And not in the CSV, whose rows are found by their labels."""
    records = [
        make_record("autodim", takes_budget=False),
        make_record("mde@0.5", budget=1000, takes_budget=True),
    ]
    assert "autodim (no budget)" in lines_of(records)
    assert "(no budget)" not in files_of(records)["csv"]


def test_the_csv_gives_every_number_back(uniform):
    """Text to number and back loses no bit, and the columns are those documented."""
    assert files_of(uniform)["csv"].splitlines()[0] == (
        "dataset,backbone,method,n,auc_mean,auc_std,auc_low,auc_high,logloss_mean,logloss_std,"
        "embedding_params,param_reduction,flops,search_s,retrain_s"
    )
    rows = overall(gather(uniform)).to_dict("records")
    for row, read in zip(rows, csv_rows(uniform), strict=True):
        assert {name: float(read[name]) for name in COLUMNS[3:]} == {n: row[n] for n in COLUMNS[3:]}


def test_the_csv_counts_in_whole_numbers(make_record):
    """Parameters and FLOPs are integers where every run agrees."""
    (row,) = csv_rows([make_record(seed=0), make_record(seed=1)])
    assert (float(row["embedding_params"]), float(row["flops"])) == (3840, 1000)
    assert "." not in row["embedding_params"] + row["flops"] + row["n"]


def test_the_best_means_are_bold(uniform):
    """UES-8 has the higher AUC, UES-32 the lower LogLoss; nothing else is bold."""
    lines = lines_of(uniform)
    assert "**0.8100 ± 0.0100**" in lines["ues:8"] and lines["ues:8"].count("**") == 2
    assert "**0.4000 ± 0.0000**" in lines["ues:32"] and lines["ues:32"].count("**") == 2
    tex = files_of(uniform)["tex"]
    assert r"\textbf{0.8100" in tex and r"\textbf{0.4000" in tex and tex.count(r"\textbf") == 2


def test_numbers_read_well(uniform):
    """Four decimals, thousands, per cent with two, seconds with one."""
    cells = [cell.strip() for cell in lines_of(uniform)["ues:32"].strip("|").split(" | ")]
    assert {"3,840", "0.00%", "1,000", "3.0", "4.0"} <= set(cells)


def test_the_true_auc_has_a_column_where_it_is_known(uniform, make_record):
    """Generated data show the AUC against the truth; real data have no such column."""
    known = [*uniform, make_record("mde", true_auc=0.9876)]
    files = files_of(known)
    for text in (files["md"], files["tex"], printed(known)):
        assert "AUC (true)" in text and "0.9876" in text
    assert "AUC (true)" not in files_of(uniform)["md"]
    assert "0.9876" not in files["csv"]


def test_places_have_tables_of_their_own(uniform, make_record):
    """One after the other, in each of the files."""
    files = files_of([*uniform, make_record("mde", backbone="deepfm")])
    assert [line for line in files["md"].splitlines() if line.startswith("# ")] == [
        *("# tiny, deepfm", "# tiny, widedeep"),
    ]
    assert files["tex"].count(r"\toprule") == 2


def test_the_terminal_shows_names_as_they_are(make_record):
    """Rich reads no markup in a label's brackets."""
    assert "mde[alpha=0.5]" in printed([make_record("mde[alpha=0.5]")])


def test_no_number_is_broken_at_80_columns(uniform, make_record, failed):
    """Every number stands whole in a terminal of 80 columns, the true AUC's included."""
    text = printed([*uniform, make_record("mde", true_auc=0.9), failed("mde", 9)], width=80)
    assert max(map(len, text.splitlines())) <= 80
    for whole in ("0.8100 ± 0.0100", "[0.7852, 0.8348]", "1,000", "75.00%", "(+1 failed)"):
        assert whole in text


def test_the_files_do_not_depend_on_the_order_of_records(uniform, make_record, failed, tmp_path):
    """The same records in any order, read from disk or not, give the same bytes."""
    everything = [*uniform, failed("mde"), make_record("mde[alpha=0.5]", backbone="deepfm")]
    for record in reversed(everything):
        write_record(tmp_path, record)
    first = overall_files(overall(evidence_under(tmp_path)))
    assert list(first) == ["overall.csv", "overall.md", "overall.tex"]
    for shuffled in (everything, everything[::-1], everything[3:] + everything[:3]):
        assert overall_files(overall(gather(shuffled))) == first


def test_the_cost_of_packs_is_a_dash_and_a_note(uniform, packed):
    """In print and in the CSV; of a row retrained so in part, it is said how many seeds count."""
    records = [packed(uniform[0]), *uniform[1:3], *map(packed, uniform[3:])]
    lines = lines_of(records)
    assert lines["ues:32"].endswith("| 3.0 | 4.0 (n = 2) |")
    assert lines["ues:8"].endswith("| 3.0 | – |")
    rows = {row["method"]: (row["retrain_s"], row["retrain_n"]) for row in csv_rows(records)}
    assert rows == {"ues:32": ("4.0", "2"), "ues:8": ("", "0")}
    note, files = "Retrained in packs: no cost; run with --pack 1 --force", files_of(records)
    assert note in files["md"] and "Retrained in packs: no cost" in files["tex"]
    assert "packs" not in "".join(files_of(uniform).values())


def test_masked_tables_have_columns_of_their_own(uniform, make_record, masked):
    """What is kept, and the index; nothing of it where no run has masks."""
    own = [masked(make_record("pruned", seed)) for seed in (0, 1)]
    (row,) = [row for row in csv_rows([*uniform, *own]) if row["method"] == "pruned"]
    assert (row["embedding_params"], row["kept_values"], row["index_bytes"]) == (
        "2340", "2240", "400",
    )  # fmt: skip
    text = printed([*uniform, *own])
    assert "kept values" in text and "2,240" in text
    narrow = printed([*uniform, *own], width=80)
    assert "2,240" in narrow and "kept values" in narrow and "index bytes" in narrow
    assert "kept_values" not in csv_rows(uniform)[0] and "index" not in printed(uniform)
