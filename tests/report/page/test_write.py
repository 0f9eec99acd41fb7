"""The report on disk: one page, its tables and figures, and every run as a row."""

import dataclasses
import io
import re
import subprocess
import sys
import time
from html.parser import HTMLParser

import polars as pl
import pytest

from aesbench.core.frame import COLUMNS, OF_MASKS
from aesbench.core.record import write_record
from aesbench.report.evidence import evidence_under, gather
from aesbench.report.page.build import build_exhibits
from aesbench.report.page.write import records_parquet, write_report


class Links(HTMLParser):
    """Collects a page's ids, links and tags."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.tags = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.ids += [value for name, value in attributes if name == "id"]
        self.links += [v for name, v in attributes if name in ("href", "src", "xlink:href")]


def test_the_page_stands_alone(evidence, tmp_path):
    """Nothing from a network, every link is to a part of itself or a written file."""
    written = write_report(tmp_path, evidence)
    assert written[-1] == tmp_path / "report.html" and tmp_path / "records.parquet" in written
    assert all(path.is_file() for path in written)
    text = written[-1].read_text()
    parsed = Links(text)
    assert not {"link", "img", "iframe"} & parsed.tags
    assert "default-src 'none'" in text, "a browser would refuse to fetch"
    assert len(parsed.ids) == len(set(parsed.ids))
    for link in parsed.links:
        assert link[1:] in parsed.ids if link.startswith("#") else (tmp_path / link).is_file(), link
    assert not re.search(r"@import|url\((?!#)", text)
    assert "prefers-color-scheme: dark" in text and 'name="viewport"' in text


def test_the_page_has_every_table_and_figure(evidence, tmp_path):
    """Each exhibit's title, tables with all their cells, and its figure inline."""
    write_report(tmp_path, evidence)
    text = (tmp_path / "report.html").read_text()
    for folder, suffixes in (("tables", ("csv", "md", "tex")), ("figures", ("svg", "png", "csv"))):
        names = {path.stem for path in (tmp_path / folder).iterdir()}
        assert names
        for name in names:
            assert all((tmp_path / folder / f"{name}.{suffix}").exists() for suffix in suffixes)
    exhibits = list(build_exhibits(evidence))
    for exhibit in exhibits:
        assert f'id="{exhibit.name}"' in text
    figures = sum(len(exhibit.figures) for exhibit in exhibits)
    assert text.count("<svg") == figures + 1 > 1, "the front is at the top, too"
    assert "Overall performance: ML-100K" in text
    assert "AdaS&amp;S-E" in text and "AdaS&S" not in text


def test_figures_are_pdf_files_on_request(evidence, tmp_path):
    """Each, with a link to it; from then on they keep up with the figures beside them."""
    write_report(tmp_path, evidence)
    assert not list(tmp_path.glob("figures/*.pdf"))
    assert ".pdf" not in (tmp_path / "report.html").read_text()
    written = write_report(tmp_path, evidence, 2, pdf=True)
    pdfs = sorted(path.name for path in written if path.suffix == ".pdf")
    assert pdfs == sorted(f"{path.stem}.pdf" for path in tmp_path.glob("figures/*.svg"))
    parsed = Links(written[-1].read_text())
    assert {f"figures/{name}" for name in pdfs} <= set(parsed.links)
    first = tmp_path / "figures" / pdfs[0]
    content = first.read_bytes()
    first.write_bytes(b"of other records")
    write_report(tmp_path, evidence)
    assert first.read_bytes() == content


def test_the_report_is_the_same_to_the_byte(records, tmp_path):
    """Whatever the order of the records, also with other settings of matplotlib."""
    import matplotlib

    def written(name, made):
        paths = write_report(tmp_path / name, gather(made))
        return {path.relative_to(tmp_path / name): path.read_bytes() for path in paths}

    first = written("one", records)
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "none"}):
        assert written("two", records[::-1]) == first
    assert not any(b"2026-" in content for path, content in first.items() if path.suffix != ".png")


def test_every_run_is_a_row_of_the_parquet_file(evidence):
    """With the documented columns, in the order of the evidence; the same bytes each time."""
    content = records_parquet(evidence.runs)
    assert records_parquet(evidence.runs) == content
    read = pl.read_parquet(io.BytesIO(content))
    assert read.columns == [name for name in COLUMNS if name not in OF_MASKS]
    assert read["run_id"].to_list() == list(evidence.runs["run_id"])
    assert read["test_auc"].drop_nulls().mean() == pytest.approx(evidence.runs["test_auc"].mean())
    assert read["test_auc"].null_count() == 1 and read["test_auc"].is_nan().sum() == 0
    assert read["error"].drop_nulls().to_list() == ["a bug"]
    assert read["retrained"].dtype == pl.Boolean and read["seed"].dtype == pl.Int64
    assert read.filter(method="adass:e")["sizes"].drop_nulls().to_list() == ["32-32"] * 3


def test_a_parquet_file_of_no_runs_has_the_columns():
    """It can be read like any other."""
    read = pl.read_parquet(io.BytesIO(records_parquet(gather([]).runs)))
    assert read.columns == [name for name in COLUMNS if name not in OF_MASKS] and len(read) == 0


def test_columns_of_masks_are_there_with_the_first_mask(make_record, masked):
    """All documented columns then; a run without masks has nothing in them."""
    records = [make_record(), masked(make_record(seed=1))]
    read = pl.read_parquet(io.BytesIO(records_parquet(gather(records).runs)))
    assert read.columns == list(COLUMNS)
    assert read["kept_values"].to_list() == [None, 2240] and read["index_bytes"].dtype == pl.Int64


NAMED = {"method": "Mine", "dataset": "Data", "backbone": "Net", "family": "theirs"}


def test_a_whole_report_loads_no_torch(make_record, tmp_path):
    """It is made in seconds, and on machines without torch, when records say what things are."""
    for label, seed in (("mine", 0), ("ues:32", 0)):
        record = make_record(label, seed, dataset="d", backbone="b")
        write_record(tmp_path, dataclasses.replace(record, titles=NAMED))
    code = f"""
import sys
from pathlib import Path
from aesbench.report.evidence import evidence_under
from aesbench.report.page.write import write_report
results = Path({str(tmp_path)!r})
assert write_report(results, evidence_under(results))[-1].is_file()
sys.exit("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Mine" in (tmp_path / "report.html").read_text()


def test_importing_the_report_loads_neither_torch_nor_what_draws():
    """matplotlib, seaborn and jinja2 only once they are needed."""
    code = (
        "import sys; import aesbench.report.page.write, aesbench.terminal.report,"
        "aesbench.terminal.run_page;"
        "sys.exit(bool({'torch', 'matplotlib', 'seaborn', 'jinja2'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-I", "-c", code]).returncode == 0


@pytest.mark.slow
def test_a_thousand_records_take_less_than_thirty_seconds(make_record, tmp_path):
    """Reading, statistics, tables, figures and page."""
    for number in range(1000):
        label = ("ues:32", "ues:16", "adass:e", "mde:value", "sseds")[number % 5]
        backbone = ("widedeep", "deepfm")[number // 5 % 2]
        record = make_record(
            label,
            number // 10,
            auc=0.8 + (number * 7919 % 101) * 1e-4,
            dataset="ml100k",
            backbone=backbone,
        )
        write_record(tmp_path, record)
    start = time.process_time()  # Of an idle machine; a busy one takes longer by the clock.
    write_report(tmp_path, evidence_under(tmp_path))
    assert time.process_time() - start < 30
