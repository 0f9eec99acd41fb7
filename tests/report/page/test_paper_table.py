"""A compact LaTeX table for a paper."""

import re
import shutil
import subprocess

import pytest

from aesbench.errors import ConfigError, RecordError
from aesbench.report.evidence import gather
from aesbench.report.page.paper_table import COLUMNS, paper_table
from aesbench.report.page.write_tables import as_latex
from aesbench.report.statistics.contenders import competitions, differences

NOISE = (0.0, 0.0002, 0.0004)


@pytest.fixture
def records(make_record):
    """Three seeds: a clear winner and a clear loser beside UES-32, one level with it."""

    def made(label, auc, logloss, dims, backbone="widedeep", wobble=0.0):
        return [
            make_record(
                label, seed, dims=dims, dataset="ml100k", backbone=backbone,
                auc=auc + noise + wobble * (seed % 2) + 1e-6 * seed, logloss=logloss - noise,
            )
            for seed, noise in enumerate(NOISE)
        ]  # fmt: skip

    return [
        *made("ues:32", 0.80, 0.50, (32, 32)),
        *made("ues:24", 0.79, 0.51, (24, 24), wobble=1e-5),
        *made("adass:e", 0.81, 0.49, (8, 32), wobble=1e-5),
        *made("mde:value", 0.80, 0.50, (16, 16), wobble=3e-3),
        *made("sseds@0.5", 0.80, 0.50, (16, 16)),
        *made("ues:32", 0.78, 0.52, (32, 32), backbone="deepfm"),
    ]


@pytest.fixture
def evidence(records):
    """The evidence of these records."""
    return gather(records)


def body(text):
    """{row: its cells} of a table."""
    lines = text.split("\\midrule\n")[1].split("\\bottomrule")[0].splitlines()
    cells = [line.removesuffix(r" \\").split(" & ") for line in lines]
    return {name: own for name, *own in cells}


NOTHING = r"\phantom{$^{\ast}$}"
WIDE = {"places": ["ml100k/widedeep"]}


def test_a_cell_is_a_mean_with_its_spread(evidence):
    """Of .80, .8002 and .8004 mean .8002 and standard deviation .0002, without zeros in front."""
    found = body(paper_table(evidence, ["auc", "params", "pr"], **WIDE))
    auc, params, saved = found["UES-32"]
    assert auc.replace(NOTHING, "") == r".8002{\scriptsize\,$\pm$\,.0002}"
    assert (params, saved) == ("3,840", "0.0")
    assert found["AdaS\\&S-E"][1:] == ["1,440", "62.5"]


def test_the_best_is_bold_and_the_second_underlined(evidence):
    """The most of AUC, the least of LogLoss; nothing of what is weighed."""
    found = body(paper_table(evidence, ["auc", "logloss", "params"], **WIDE))
    for place, (best, second) in enumerate([(".8102", ".8012"), (".4898", ".4998")]):
        assert found["AdaS\\&S-E"][place].startswith(rf"\textbf{{{best}}}")
        seconds = [one[place] for one in found.values() if "underline" in one[place]]
        assert all(one.startswith(rf"\underline{{{second}}}") for one in seconds) and seconds
    assert not any("text" in one[2] or "underline" in one[2] for one in found.values())


def test_marks_are_of_corrected_tests_with_their_direction(evidence):
    """The same as those of the comparison; what is better in LogLoss is less."""
    methods = ["ues:32", "ues:24", "adass:e", "mde:value"]
    found = body(paper_table(evidence, ["auc", "logloss"], methods=methods, **WIDE))
    names = dict(zip(methods, found, strict=True))
    (rows,) = (own for place, own in competitions(evidence).items() if place[1] == "widedeep")
    chosen = [row for row in rows if row.key in methods]
    for column, (measure, better) in enumerate([("test_auc", 1), ("test_logloss", -1)]):
        tested = differences(chosen, "ues:32", measure).to_dict("index")
        for key, one in tested.items():
            cell = found[names[key]][column].partition("{\\scriptsize")[0]
            cell = cell.replace(NOTHING, "")
            clear = one["Holm p"] is not None and one["Holm p"] < 0.05
            mark = (r"\ast" if one["difference"] * better > 0 else r"\dagger") if clear else None
            assert (f"$^{{{mark}}}$" in cell) == clear and ("^" in cell) == clear
    auc = {key: found[name][0] for key, name in names.items()}
    assert r"$^{\ast}$" in auc["adass:e"] and r"$^{\dagger}$" in auc["ues:24"]
    assert r"\phantom" in auc["ues:32"] and r"\phantom" in auc["mde:value"]


def test_another_baseline_marks_other_rows(evidence):
    """It need not be among the rows; the row of the same size has no mark."""
    text = paper_table(evidence, methods=["adass:e", "ues:24"], baseline="best-ues", **WIDE)
    assert "worse than Best UES" in text
    text = paper_table(evidence, ["auc"], methods=["ues:32", "ues:24"], baseline="ues:24", **WIDE)
    assert r"\ast" in body(text)["UES-32"][0] and "worse than UES-24" in text
    assert "over the 1 comparison of a column" in text


def test_places_stand_side_by_side(evidence):
    """AUC alone if nothing is said; what did not run at one of them is missing there."""
    text = paper_table(evidence)
    assert r"\shortstack{ML-100K\\DeepFM} & \shortstack{ML-100K\\Wide\&Deep} \\" in text
    found = body(text)
    assert found["UES-32"][0].startswith(".7802") or "7802" in found["UES-32"][0]
    assert found["AdaS\\&S-E"][0] == "--" and "8102" in found["AdaS\\&S-E"][1]
    assert list(found) == ["UES-32", "Best UES", "MDE", "SSEDS @0.5", "AdaS\\&S-E"]
    grouped = paper_table(evidence, ["auc", "pr"])
    assert r"\multicolumn{2}{c}{ML-100K, DeepFM}" in grouped
    assert r"\cmidrule(lr){2-3}\cmidrule(lr){4-5}" in grouped
    reverse = paper_table(evidence, places=["ml100k/widedeep", "ml100k"])
    assert reverse.index("Wide") < reverse.index("DeepFM")


def test_rows_are_those_asked_for_in_their_order(evidence):
    """Budgets, sizes and methods of a paper's line-up that never ran, too."""
    text = paper_table(evidence, methods=["sseds@0.5", "autodim", "ues:32"], **WIDE)
    found = body(text)
    assert list(found) == ["SSEDS @0.5", "AutoDim", "UES-32"]
    assert set(found["AutoDim"]) == {"--"}


def test_the_caption_says_what_the_numbers_are(evidence, records, failed):
    """Their spread, n, the test, what was chosen, what is not there."""
    text = paper_table(gather([*records, failed("adass:e", 9, dataset="ml100k")]), **WIDE)
    (caption,) = re.findall(r"\\caption{(.*)}\n", text)
    assert "on ML-100K, Wide\\&Deep: AUC and LogLoss on the test split" in caption
    assert r"means $\pm$ standard deviation over 3 seeds" in caption
    assert "better" in caption and "$p < .05$ after Holm's correction" in caption
    assert "Best UES: the uniform size best on validation (UES-32)." in caption
    assert "1 failed run left out." in caption
    one = paper_table(gather([record for record in records if record.spec.seed == 0]), **WIDE)
    assert "over 1 seed;" in one and r"\pm" not in one and "Holm" not in one


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"columns": ["acu"]}, "unknown column 'acu'; did you mean 'auc'.*logloss"),
        ({"columns": []}, "no column"),
        ({"places": ["ml1m"]}, "nothing was retrained at 'ml1m'.*ml100k/widedeep"),
        ({"places": []}, "no place"),
        ({"methods": ["adas:e"]}, "labelled 'adas:e'; did you mean 'adass:e'.*list runs"),
        ({"methods": []}, "no method"),
        ({"baseline": "ues32"}, "labelled 'ues32'; did you mean 'ues:32'"),
    ],
)
def test_what_is_unknown_is_named(evidence, choice, words):
    """With the nearest known, or all."""
    with pytest.raises(ConfigError, match=words):
        paper_table(evidence, **choice)


def test_searches_alone_have_no_table(make_record):
    """The message says what to run."""
    with pytest.raises(RecordError, match="nothing was retrained.*aesbench run"):
        paper_table(gather([make_record("adass:e+search-only", retrain=False)]))


def tables(evidence):
    """Tables of every form: few and many columns, one and several places."""
    return [
        paper_table(evidence),
        paper_table(evidence, **WIDE),
        paper_table(evidence, list(COLUMNS)),
        paper_table(evidence, ["params", "flops"], methods=["sseds@0.5"], **WIDE),
    ]


def test_every_row_has_as_many_cells_as_the_table_has_columns(evidence):
    """Braces and environments close in their turn."""
    for text in tables(evidence):
        (columns,) = re.findall(r"\\begin{tabular}{(\w+)}", text)
        for line in text.splitlines():
            plain = line.replace(r"\&", "")
            assert line.startswith("%") or plain.count("{") == plain.count("}")
            if line.endswith(r" \\"):
                spans = [int(n) - 1 for n in re.findall(r"\\multicolumn{(\d+)}", plain)]
                assert plain.count("&") + 1 + sum(spans) == len(columns)
        opened = []
        for what, name in re.findall(r"\\(begin|end){([a-z*]+)}", text):
            if what == "begin":
                opened.append(name)
            else:
                assert opened.pop() == name
        assert not opened


LATEX = shutil.which("pdflatex")


def compile_latex(folder, *parts, packages="booktabs"):
    """Typeset texts, each on a page of its own; return what LaTeX says."""
    pages = "\n\\clearpage\n".join(parts)
    (folder / "paper.tex").write_text(
        f"\\documentclass{{article}}\\usepackage{{{packages}}}\n\\begin{{document}}\n{pages}\n"
        "\\end{document}\n"
    )
    done = subprocess.run(
        [LATEX, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
        cwd=folder, capture_output=True, text=True, errors="replace",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


@pytest.mark.skipif(LATEX is None, reason="no pdflatex to typeset with")
def test_latex_typesets_the_tables(evidence, tmp_path):
    """With booktabs alone."""
    said = compile_latex(tmp_path, *tables(evidence))
    assert "Missing character" not in said and (tmp_path / "paper.pdf").is_file()


@pytest.mark.skipif(LATEX is None, reason="no pdflatex to typeset with")
@pytest.mark.parametrize("name", ["[x]", "*x", "a_b<c>&d%e|f{g}", 'x--y "z" ² – ✓', "a\\b^~"])
def test_latex_typesets_a_table_of_any_names(nasty, tmp_path, name):
    """A row that begins with a bracket or a star is no option of the line break before it."""
    (table,) = nasty.tables
    frame = table.frame.loc[[0, 0]].reset_index(drop=True)
    frame.iloc[:, 0] = name
    frame.columns = [name, "x"]
    text = as_latex(type(table)("t", name, name, frame))
    assert "Missing character" not in compile_latex(tmp_path, text, packages="booktabs,amssymb")


def test_the_cost_of_packs_is_missing_and_said_to_be(records, packed):
    """A row has the mean of its seeds that were alone, and their number."""
    own = [r for r in records if r.spec.backbone == "widedeep"]
    apart = {("ues:24", seed) for seed in range(3)} | {("adass:e", 0)}
    changed = [packed(r) if (r.spec.label, r.spec.seed) in apart else r for r in own]
    chosen = {"columns": ["retrain", "auc"], "methods": ["ues:32", "ues:24", "adass:e"]}
    text = paper_table(gather(changed), **chosen)
    cells = [row[0] for row in body(text).values()]
    assert cells == ["4.0", "--", r"4.0{\scriptsize\,($n = 2$)}"]
    assert "Retrained in packs: no cost; run with" in text and "over 3 seeds" in text
    assert "packs" not in paper_table(gather(own), **chosen)
    assert "packs" not in paper_table(gather(changed), ["auc"])
