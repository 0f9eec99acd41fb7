"""A data set on the terminal: its fields, and the histories that share their tables."""

import io

from rich.console import Console

from aesbench.terminal.dataset import show_dataset


def shown(dataset):
    """What a terminal shows."""
    console = Console(width=160, file=io.StringIO())
    show_dataset(console, dataset)
    return console.file.getvalue()


def test_histories_are_shown_beside_the_fields(tiny_history, tiny_dataset):
    """Whose values they hold, how many a row has, and how many rows have none."""
    text = shown(tiny_history)
    words = [line.split() for line in text.splitlines()]
    (train,) = (line for line in words if line[:3] == ["history", "item", "4"])
    (validation,) = (line for line in words if line[:1] == ["validation"] and len(line) == 3
                     and line[2].endswith("%") and "." in line[1])  # fmt: skip
    for line, split in ((train[3:], tiny_history.train), (validation, tiny_history.validation)):
        lengths = (split.ids[:, 4:] >= 0).sum(1)
        assert line[1:] == [f"{lengths.mean():.1f}", f"{(lengths == 0).mean():.2%}"]
    assert "most items" in text and "most items" not in shown(tiny_dataset)
