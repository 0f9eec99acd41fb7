"""The bars of a long preparation, and what is said of what was left out."""

import io

from rich.console import Console

from aesbench.terminal.preparation import PreparationBars, show_left_out


def test_the_bars_show_rows_pace_and_time_left():
    """What the terminal shows of a preparation that is half done."""
    with PreparationBars() as bars:
        screen = io.StringIO()
        bars._bars.live.console = Console(file=screen, force_terminal=True, width=100)
        clock = iter(range(1000))
        bars._bars.get_time = lambda: float(next(clock))
        bars.tell("read", 1_000_000, 0.25)
        bars.tell("read", 1_500_000, 0.5)
        bars._bars.refresh()
    shown = screen.getvalue()
    assert "2/5 read and check" in shown
    assert "1,500,000 rows" in shown
    assert "rows/s" in shown


def test_bad_lines_are_counted_by_what_is_wrong_with_them():
    """Their sum and their kinds; of none nothing is said."""
    console = Console(file=io.StringIO(), width=100)
    show_left_out(console, "mine", {})
    assert console.file.getvalue() == ""
    show_left_out(console, "mine", {"label": 2, "columns": 1000})
    expected = "note: 1,002 bad lines of mine were left out: 2 label, 1,000 columns\n"
    assert console.file.getvalue() == expected
