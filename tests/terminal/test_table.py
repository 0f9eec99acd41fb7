"""The one table of the terminal."""

import io

from rich.console import Console
from rich.text import Text

from aesbench.terminal.table import make_table


def shown(table, width=80) -> str:
    """What a terminal of some width shows."""
    console = Console(width=width, file=io.StringIO())
    console.print(table)
    return console.file.getvalue()


def test_texts_stand_left_and_numbers_right():
    """A column of texts, as many as said, and then numbers."""
    rows = [("a", "b", "1"), ("long", "longer", "100")]
    text = shown(make_table(("one", "two", "three"), rows, texts=2))
    assert " a      b            1" in text and " long   longer     100" in text


def test_brackets_and_colons_are_what_they_are():
    """Neither a title, a header nor a cell is read as markup or as the name of a picture."""
    table = make_table(("[b]", "size"), [("mde[a=1] :x:", "[2]")], title="[red] sizes [/]")
    text = shown(table)
    assert all(part in text for part in ("[b]", "mde[a=1] :x:", "[2]", "[red] sizes [/]"))


def test_a_row_may_end_early_and_a_cell_have_colours():
    """The rest is empty."""
    table = make_table(("a", "b"), [(Text.assemble(("x", "red"), " failed"),), ("y", "2")])
    assert "x failed" in shown(table)


def test_a_narrow_terminal_breaks_texts_before_numbers():
    """The first column, unless others are named, and no letter is lost."""
    words = "ab cd ef gh ij kl mn op"
    lines = shown(make_table(("text", "number"), [(words, "1,234,567")]), width=24).splitlines()
    assert sum("1,234,567" in line for line in lines) == 1
    assert max(map(len, lines)) <= 24
    assert " ".join(lines[3:]).replace("1,234,567", "").split() == words.split()
