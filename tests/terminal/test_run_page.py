"""One run, shown: its sizes, what other sizes would have cost, and the figure of its traces."""

import csv
import dataclasses
import io
import math
import subprocess
import sys

import numpy as np
import pytest
from rich.console import Console

from aesbench import Allocation, Block, Field, RunRecord
from aesbench.core.phrasing import number_form
from aesbench.core.spec import TrainConfig
from aesbench.core.trace import Trace
from aesbench.errors import RecordError
from aesbench.report.draw.theme import size_colours, strokes_in_order
from aesbench.report.draw.trace_figure import trace_csv, trace_figure, write_trace_figure
from aesbench.terminal.run_page import CHANGE_OF_OBJECTIVE, run_page

FIELDS = [Field("user", 100), Field("item [x]", 50), Field("flag", 2)]
SIZES = (2, 8, 16, 32, 64)


@pytest.fixture
def record(spec) -> RunRecord:
    """Sizes 8, 2 and 64 for 100, 50 and 2 values: 800 + 100 + 128 parameters."""
    return RunRecord(
        spec=spec,
        status="ok",
        allocation=Allocation.field_wise(FIELDS, [8, 2, 64]),
        metrics={"test": {"auc": 0.75, "logloss": 0.5}},
        seconds={"search": 1.0},
    )


@pytest.fixture
def traces() -> dict[str, Trace]:
    """A series of every shape, with one step and with several."""
    prepare, search = Trace((3, 5)), Trace((3, 5))
    draw = np.random.default_rng(0)
    for step in range(0, 50, 10):
        prepare("loss", step, float(draw.random()))
        prepare("rate", step, draw.random(3).tolist())
        search("share of a size", step, draw.random((3, 5)).tolist())
    search("scored", 0, 17)
    search("importance", 0, [0.1, 0.2, 0.7])
    changes = np.arange(15.0).reshape(3, 5) / 1000 - 0.005
    search(CHANGE_OF_OBJECTIVE, 0, changes.tolist())
    return {"prepare": prepare, "search": search}


def shown(record, traces, width=120) -> str:
    """What a terminal of some width shows."""
    console = Console(width=width, file=io.StringIO())
    console.print(run_page(record, traces))
    return console.file.getvalue()


def test_a_history_is_said_to_have_no_size_of_its_own(record, traces):
    """Below the sizes; of other data nothing is said."""
    tied = dataclasses.replace(record, ties={"seen [y]": "item [x]"})
    assert "seen [y] has the table of item [x]" in shown(tied, traces)
    assert "has the table of" not in shown(record, traces)


def line_of(text, name, number=0) -> list[str]:
    """The cells of the line, of those that begin with a name, of this number."""
    lines = [line for line in text.splitlines() if line.strip().startswith(name)]
    return lines[number].replace(name, "").split()


def test_sizes_are_shown_with_their_share_of_the_parameters(record):
    """100 values of size 8 are 800 of 1,028 parameters."""
    text = shown(record, {})
    assert line_of(text, "user") == ["100", "8", "800", "77.82%"]
    assert line_of(text, "item [x]") == ["50", "2", "100", "9.73%"]
    assert line_of(text, "all") == ["152", "1,028", "100.00%"]
    assert "test: AUC 0.7500, LogLoss 0.5000" in text and record.spec.label in text
    assert "traced nothing" in text


def test_sizes_within_a_field_are_shown_with_their_rows(record):
    """A line for each block."""
    blocks = ((Block(10, 64), Block(90, 2)),)
    mixed = dataclasses.replace(record, allocation=Allocation(("user",), blocks))
    text = shown(mixed, {})
    assert "64 for 10" in text and "2 for 90" in text and "820" in text


def test_the_change_of_the_objective_is_shown_for_every_other_size(record, traces):
    """In brackets for the size that was chosen."""
    text = shown(record, traces)
    changes = ["-0.00500", "[-0.00400]", "-0.00300", "-0.00200", "-0.00100"]
    assert line_of(text, "user", 1) == changes
    assert "[+0.00900]" in line_of(text, "flag", 1)
    assert max(map(len, shown(record, traces, width=80).splitlines())) <= 80


def test_the_change_of_the_objective_is_shown_only_if_it_is_one_per_field_and_size(record):
    """Another kind of series of that name, or none, gives no table."""
    trace = Trace()
    trace(CHANGE_OF_OBJECTIVE, 0, 1.0)
    for traces in ({"search": trace}, {"prepare": Trace()}, {}):
        assert "only this field" not in shown(record, traces)


def test_a_failed_run_shows_its_error_and_what_it_traced(record, traces):
    """Without an allocation the fields are numbered."""
    error = {"type": "ValueError", "message": "a bug", "phase": "search", "traceback": ""}
    failed = RunRecord(spec=record.spec, status="failed", error=error)
    assert "failed in search: ValueError: a bug" in shown(failed, traces)
    assert "field 0" in trace_csv(failed, traces)
    assert trace_figure(failed, traces) is not None


@pytest.mark.parametrize(
    ("numbers", "form"),
    [
        ([0.0016, -0.5], "+.3f"),
        ([0.00161], "+.5f"),
        ([-123.4], "+.0f"),
        ([1e-9, 0], "+.2g"),
        ([1e7], "+.2g"),
        ([0.0], "+.2g"),
        ([math.nan, math.inf, 2.0], "+.2f"),
        ([], "+.2f"),
    ],
)
def test_the_largest_number_has_three_digits(numbers, form):
    """Numbers of one table have as many decimals, unless they are tiny or huge."""
    assert number_form(numbers, signed=True) == form
    assert number_form(numbers, signed=False) == form[1:]


def test_every_traced_number_is_in_the_csv(record, traces):
    """To the last bit, with its stage, series, step, field and size."""
    rows = list(csv.DictReader(io.StringIO(trace_csv(record, traces))))
    assert len(rows) == 5 + 5 * 3 + 5 * 15 + 1 + 3 + 15
    found = {tuple(list(row.values())[:5]): float(row["value"]) for row in rows}
    loss, share = traces["prepare"].series["loss"], traces["search"].series["share of a size"]
    assert found["prepare", "loss", "10", "", ""] == loss[1][1]
    assert found["search", "share of a size", "40", "item [x]", "16"] == share[1][4][1][2]
    assert found["search", "importance", "0", "flag", ""] == 0.7


def everything_in(figure) -> list:
    """The figure's axes that show something, those of its parts too."""
    return [axis for axis in figure.axes if axis.axison]


def test_each_kind_of_series_has_its_panels(record, traces):
    """Lines, bars and heat maps, as many as fields and sizes; legends beside them."""
    axes = everything_in(trace_figure(record, traces))
    lines = [len(axis.lines) for axis in axes if axis.lines]
    assert sorted(lines) == [1, 1, 3, 5, 5, 5]  # Loss, scored, rate by field, share by size.
    assert [len(axis.patches) for axis in axes if axis.patches] == [3, 3]  # Bars; chosen sizes.
    (heat,) = (axis for axis in axes if len(axis.texts) == 15)
    assert "boxed" in heat.get_title()
    assert [patch.get_xy() for patch in heat.patches] == [(1, 0), (0, 1), (4, 2)]
    titles = [axis.get_title() for axis in axes]
    assert "user: 8 chosen" in titles and "flag: 64 chosen" in titles
    assert all(axis.get_xlabel() for axis in axes)


def test_a_line_goes_through_the_traced_numbers(record, traces):
    """What is drawn is what was recorded."""
    axes = everything_in(trace_figure(record, traces))
    (loss,) = (axis for axis in axes if axis.get_ylabel() == "loss")
    steps, values = traces["prepare"].series["loss"]
    assert list(loss.lines[0].get_xdata()) == steps and list(loss.lines[0].get_ydata()) == values


def test_the_chosen_size_is_the_thick_line(record, traces):
    """Of the first field that is 8, the second candidate."""
    axes = everything_in(trace_figure(record, traces))
    (panel,) = (axis for axis in axes if axis.get_title() == "user: 8 chosen")
    widths = [line.get_linewidth() for line in panel.lines]
    assert widths.index(max(widths)) == SIZES.index(8)


def test_the_figure_is_written_with_its_numbers_and_the_same_bytes_each_time(
    record, traces, tmp_path
):
    """PNG, SVG and CSV; a run without traces leaves no folder."""
    paths = write_trace_figure(tmp_path / "one", record, traces)
    again = write_trace_figure(tmp_path / "two", record, traces)
    assert [path.name for path in paths] == ["trace.png", "trace.svg", "trace.csv"]
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in again]
    assert paths[0].read_bytes().startswith(b"\x89PNG")
    assert write_trace_figure(tmp_path / "none", record, {"search": Trace()}) == []
    assert not (tmp_path / "none").exists()
    paths = write_trace_figure(tmp_path / "three", record, traces, ("png", "svg", "pdf"))
    assert paths[2] == tmp_path / "three" / "trace.pdf"
    assert paths[2].read_bytes().startswith(b"%PDF")


def test_a_folder_that_cannot_be_made_is_named(record, traces, tmp_path):
    """As with records."""
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(RecordError, match="cannot write .*runs"):
        write_trace_figure(tmp_path / "runs" / "id", record, traces)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 0.0, 1e300])
def test_any_number_can_be_drawn(record, number, tmp_path):
    """Alone and among others, whatever the shape, without a warning."""
    trace = Trace((3, 5))
    for step in (0, 1):
        for name in ("often", "once")[: 2 - step]:
            trace(f"{name}", step, number)
            trace(f"{name} by field", step, [number, 1.0, 2.0])
            trace(f"{name} by size", step, [[number] * 5, [1.0] * 5, [2.0] * 5])
            trace(f"{name} all", step, [[number] * 5] * 3)
    assert write_trace_figure(tmp_path, record, {"search": trace})


def test_many_fields_stay_apart():
    """No two of 28 fields look alike, nor two of 7 sizes."""
    assert len(set(strokes_in_order(map(str, range(28))).values())) == 28
    assert len(set(size_colours(range(1, 8)).values())) == 7 and len(size_colours([4])) == 1


def test_reports_load_matplotlib_only_to_draw():
    """Tables come without it; and no window system is asked for, ever."""
    code = (
        "import sys; import aesbench.terminal.run_page, aesbench.terminal.run_tables;"
        "import aesbench.report.page.overall_tables, aesbench.report.draw.trace_figure;"
        "sys.exit(any(name in sys.modules for name in ('matplotlib', 'torch')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_run_page_tells_what_was_tuned_of_the_protocol(record):
    """The setting and its value; a run without has no such line."""
    spec = dataclasses.replace(record.spec, train=TrainConfig(l2=1e-4), tuned=("train.l2",))
    tuned = dataclasses.replace(record, spec=spec)
    assert "tuned of the protocol: train.l2 0.0001" in shown(tuned, {})
    assert "tuned of" not in shown(record, {})


def test_a_run_of_a_pack_says_so(record, traces, packed):
    """How many models and how wide, and that its costs are not its own; alone nothing is said."""
    text = " ".join(shown(packed(record), traces).split())
    assert "retrained in a pack (8 models, width 352): seconds of retrain are its share" in text
    assert "pack" not in shown(record, traces)


def test_hashed_fields_show_their_vectors(record):
    """Behind the size; parameters are of vectors."""
    blocks = ((Block(60, 8), Block(40, 8, 10)), (Block(50, 4, 7),), (Block(2, 4),))
    names = tuple(field.name for field in FIELDS)
    text = shown(dataclasses.replace(record, allocation=Allocation(names, blocks)), {})
    assert "8 for 40, 10 vectors" in text and "4, 7 vectors" in text
    (whole,) = [line.split() for line in text.splitlines() if line.strip().startswith("all")]
    assert whole[2] == str(70 * 8 + 28 + 8)


def test_masked_fields_show_what_they_keep(record):
    """Kept values beside what the table has, rows with any, and the index with its format."""
    keeps = [
        np.arange(800).reshape(100, 8) % 4 == 0,
        np.arange(100).reshape(50, 2) < 50,
        np.ones((2, 64), dtype=np.bool_),
    ]
    text = shown(dataclasses.replace(record, allocation=Allocation.masked(FIELDS, keeps)), {})
    # Two of eight values in each of 100 rows: a bit each and where the rows start.
    (user,) = [line.split() for line in text.splitlines() if line.strip().startswith("user")]
    assert user == ["user", "100", "8", "200", "52.91%", "800", "100", "500", "B", "(bitmap)"]
    (item,) = [line for line in text.splitlines() if "item [x]" in line]
    assert item.split()[-4:] == ["25", "200", "B", "(rows)"]
    (whole,) = [line.split() for line in text.splitlines() if line.strip().startswith("all")]
    assert whole[2:] == ["378", "100.00%", "1,028", "700", "B"]
    assert "unmasked" not in shown(record, {})
