"""The written report: one page, its tables and figures, and how to get the numbers again."""

import csv
import dataclasses
import io
import re
import subprocess
import sys
import time
from html.parser import HTMLParser

import pytest
from matplotlib.figure import Figure

from aesbench.core.record import write_record
from aesbench.errors import RecordError
from aesbench.harness.grid import choose_methods
from aesbench.report.answer import answer
from aesbench.report.draw.figure_files import draw, inline_svg
from aesbench.report.exhibits import build_exhibits
from aesbench.report.page import table_files
from aesbench.report.page.commands import run_commands
from aesbench.report.page.exhibit import Cell, Exhibit, FigureData, TableData
from aesbench.report.page.page import page
from aesbench.report.page.provenance import provenance
from aesbench.report.page.read_records import read_results
from aesbench.report.page.write import write_report

NASTY = "a_b<c>&d%e|f{g}"


@pytest.fixture
def records(make_record):
    """Four seeds of four methods on a relative of the paper's data, one of which failed once."""
    scores = {"ues:32": 0.80, "ues:16": 0.801, "mde:value": 0.79, "adass:e": 0.81}
    made = [
        make_record(label, seed, auc=auc + seed * 1e-3 + (seed % 2) * auc * 1e-4, dataset="ml100k")
        for label, auc in scores.items()
        for seed in range(4)
    ]
    made[-1] = dataclasses.replace(
        made[-1], status="failed", metrics={}, allocation=None, error={"message": "a bug"}
    )
    return made


class Elements(HTMLParser):
    """Collects a page's elements, ids and links, and whether every element is closed."""

    VOID = {"meta", "link", "br", "img", "hr", "input"}

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.tags = [], [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.tags.add(tag)
        self.ids += [named["id"]] if "id" in named else []
        self.links += [v for k, v in attributes if k in ("href", "src", "xlink:href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_stands_alone(records, tmp_path):
    """No script, nothing from a network, every link is to a part of itself or a written file."""
    written = write_report(tmp_path, records)
    assert written[-1] == tmp_path / "report.html"
    text = written[-1].read_text()
    parsed = Elements(text)
    assert not parsed.open and not {"script", "link", "img", "iframe"} & parsed.tags
    assert len(parsed.ids) == len(set(parsed.ids))
    for link in parsed.links:
        assert link[1:] in parsed.ids if link.startswith("#") else (tmp_path / link).is_file(), link
    assert not re.search(r"@import|url\((?!#)", text)
    assert "prefers-color-scheme: dark" in text and 'name="viewport"' in text


def test_the_page_has_every_table_and_figure(records, tmp_path):
    """Each exhibit's title, tables with all their cells, and its figure inline."""
    write_report(tmp_path, records)
    text = (tmp_path / "report.html").read_text()
    for folder, suffixes in (("tables", ("csv", "md", "tex")), ("figures", ("svg", "png", "csv"))):
        names = {path.stem for path in (tmp_path / folder).iterdir()}
        assert names
        for name in names:
            assert all((tmp_path / folder / f"{name}.{suffix}").exists() for suffix in suffixes)
    assert "Table 3, overall performance: ML-100K" in text and text.count("<svg") == len(
        [figure for one in build_exhibits(records) for figure in one.figures]
    )
    assert "AdaS&amp;S-E" in text and "AdaS&S" not in text


def test_the_report_is_the_same_to_the_byte(records, tmp_path):
    """Whatever the order of the records, also with other settings of matplotlib."""
    import matplotlib

    def written(name, made):
        paths = write_report(tmp_path / name, made)
        return {path.relative_to(tmp_path / name): path.read_bytes() for path in paths}

    first = written("one", records)
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "none"}):
        assert written("two", records[::-1]) == first
    assert not any(b"2026-" in content for path, content in first.items() if path.suffix != ".png")


def test_a_record_of_other_data_is_refused_by_name(records, tmp_path):
    """The rarer hash is the foreign one; the message has its run and its path."""
    spec = dataclasses.replace(records[0].spec, data_hash="b" * 64, seed=9)
    foreign = dataclasses.replace(records[0], spec=spec)
    with pytest.raises(RecordError, match=f"ml100k.*bbbb.*1 of 17.*{spec.run_id}") as raised:
        write_report(tmp_path, [foreign, *records])
    assert f"records/ml100k/widedeep/ues-32/{spec.run_id}.json" in str(raised.value)
    assert not (tmp_path / "report.html").exists()


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
    write_report(tmp_path, read_results(tmp_path))
    assert time.process_time() - start < 30


def nasty_exhibit():
    """An exhibit whose every text would break a page or a table."""

    def fill(figure):
        figure.subplots().plot([0, 1], [0, 1])

    table = TableData(
        "one", NASTY, NASTY, (NASTY, "x"), ([Cell.label(NASTY), Cell(0.5, NASTY, bold=True)],)
    )
    figure = FigureData("two", NASTY, NASTY, f'"{NASTY}"', table, fill)
    return Exhibit("three", NASTY, NASTY, (NASTY,), (table,), (figure,), (NASTY,))


def test_names_come_out_right_in_html(records):
    """Every text is shown as it is: no tag, no entity, no attribute ends early."""
    exhibit = nasty_exhibit()
    text = page(records, [exhibit], {"two": draw(exhibit.figures[0])["svg"].decode()})
    assert not Elements(text).open
    assert "<c>" not in text and "a_b&lt;c&gt;&amp;d%e|f{g}" in text
    assert 'aria-label="&#34;a_b&lt;c&gt;' in text


def test_names_come_out_right_in_latex_and_markdown():
    """Special characters are escaped in names and in bold cells; comments stay comments."""
    (table,) = nasty_exhibit().tables
    tex = table_files.as_latex(dataclasses.replace(table, caption="one\ntwo"))
    body = [line for line in tex.splitlines() if line.startswith("a")]
    escaped = r"a\_b\textless{}c\textgreater{}\&d\%e|f\{g\}"
    assert body == [rf"{escaped} & x \\", rf"{escaped} & \textbf{{{escaped}}} \\"]
    assert "% one two\n" in tex
    assert r"**a\_b&lt;c>&amp;d%e\|f{g}**" in table_files.as_markdown(table)


def test_a_table_as_csv_keeps_numbers_in_full():
    """What is shown rounded is written whole, what is missing is empty, a name is its label."""
    row = [Cell("adass:r", "AdaS&S-R"), Cell.number(1 / 3), Cell.number(None)]
    text = table_files.as_csv(TableData("t", "", "", ("method", "a", "b"), (row,)))
    assert list(csv.reader(io.StringIO(text))) == [
        ["method", "a", "b"],
        ["adass:r", repr(1 / 3), ""],
    ]


def test_signs_have_their_latex():
    """What LaTeX would stumble over beyond ASCII has a command."""
    row = [Cell.label("−0.5"), Cell.label("✓"), Cell.label("λ ≤ 1")]
    tex = table_files.as_latex(TableData("t", "", "", ("a", "b", "c"), (row,)))
    assert r"$-$0.5 & $\checkmark$ & $\lambda$ $\le$ 1 \\" in tex


def test_exhibits_of_one_name_are_refused(records, tmp_path, monkeypatch):
    """One would overwrite the files of the other."""
    from aesbench.report.exhibits import BUILDERS

    monkeypatch.setitem(BUILDERS, "again", BUILDERS["table2"])
    with pytest.raises(RecordError, match="called 'table2'"):
        write_report(tmp_path, records)


def test_figures_share_a_page_without_sharing_ids():
    """Ids and what refers to them carry the figure's name."""
    svg = '<?xml?><svg width="9pt" height="9pt" viewBox="0"><metadata>x</metadata><g id="a"/>'
    svg += '<use xlink:href="#a" clip-path="url(#b)" style="width: 1"/></svg>'
    assert inline_svg(svg, "n") == (
        '<svg viewBox="0"><g id="n-a"/><use xlink:href="#n-a" clip-path="url(#n-b)"'
        ' style="width: 1"/></svg>'
    )


def test_a_figure_is_drawn_at_its_size():
    """A picture of (w, h) inches has 150 dots to each."""
    exhibit = nasty_exhibit()
    png = draw(dataclasses.replace(exhibit.figures[0], size=(4.0, 2.0)))["png"]
    assert (int.from_bytes(png[16:20]), int.from_bytes(png[20:24])) == (600, 300)
    assert isinstance(Figure(), Figure)


def test_the_answer_has_five_sentences_of_the_numbers(records):
    """Who wins, by how much, at what cost, what the paper claims, and what held."""
    who, how_much, cost, paper, held = answer(records)
    assert "AdaS&S-E on ML-100K (Wide&Deep)" in who and "over 3 seeds" in who
    assert "in 1 of 1 case." in how_much
    assert "AdaS&S-E leads most often, in 1 of 1 case:" in cost and "searches for 3 s" in cost
    assert "+0.0033 AUC with 23% fewer" in paper and "+0.0012 AUC with 32% fewer" in paper
    assert "Of the 10 claims" in held


def test_there_is_no_answer_without_two_seeds(make_record):
    """A single run wins nothing."""
    assert answer([make_record()]) == () == answer([])


def test_an_answer_of_uniform_sizes_only_claims_no_method(make_record):
    """There is nothing to weigh, and on data of one's own no claim to judge."""
    _, _, cost, _, held = answer([make_record("ues:32", seed) for seed in range(2)])
    assert "No method that chooses sizes" in cost and "no claim is judged" in held


def test_commands_make_the_same_runs_again(make_record):
    """Methods of the same seeds share a command; budgets, settings and flags have their own."""
    records = [
        *(make_record("ues:32", s, backbone=b) for s in range(3) for b in ("widedeep", "deepfm")),
        *(
            make_record("mde:value", s, backbone=b)
            for s in range(3)
            for b in ("widedeep", "deepfm")
        ),
        make_record("adass:r[lambda_c=0.1,steps=9]+plain@0.5", 4, budget=100),
        make_record("fixed[dims=2,8]", 0),
        make_record("esapn+search-only", 0, retrain=False, search_index=2),
    ]
    start = "aesbench run --methods"
    assert run_commands(records) == [
        f"{start} mde:value,ues:32 --dataset tiny --backbones deepfm,widedeep --seeds 3",
        f"{start} esapn --dataset tiny --backbones widedeep --seeds 1 --searches 3 --search-only",
        f"{start} adass:r+plain --dataset tiny --backbones widedeep --seeds 4,"
        " --set adass.lambda_c=0.1 --set adass.steps=9 --budget 0.5",
        f"{start} fixed --dataset tiny --backbones widedeep --seeds 1 --set fixed.dims=2,8",
    ]


def test_commands_name_methods_that_the_command_line_reads(records):
    """The labels of records are what ``--methods`` takes."""
    for command in run_commands(records):
        for method in command.split()[3].split(","):
            (choice,) = choose_methods(method)
            assert choice.label == method


def test_an_exhibit_says_where_its_numbers_come_from(records, make_record):
    """Data, commit, versions and hardware of its own records, with counts where they differ."""
    other = dataclasses.replace(
        make_record("mine", dataset="ml100k"),
        environment={"git": {"commit": "f00d" * 10, "dirty": True}},
    )
    exhibit = dataclasses.replace(nasty_exhibit(), reproduce=(), runs=(records[0], other))
    found = provenance(exhibit, records)
    facts = dict(found.facts)
    assert found.runs == 2 and len(found.commands) == 1
    assert facts["data"] == "ml100k, hash aaaaaaaaaaaaaaaa"
    assert facts["git commit"] == "c0ffeec0ffee (1 run); f00df00df00d with changes (1 run)"
    assert "torch 2.13.0" in facts["versions"] and "A processor" in facts["hardware"]
    assert provenance(dataclasses.replace(exhibit, runs=()), records).runs == len(records)


def test_a_report_does_not_load_torch():
    """Exhibits and page included; matplotlib and jinja2 only once they are needed."""
    code = (
        "import sys; import aesbench.report.page.write;"
        "sys.exit(bool({'torch', 'matplotlib', 'jinja2'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-I", "-c", code]).returncode == 0
