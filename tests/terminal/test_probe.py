"""What the terminal says of a probe: tables, twins, and what is to be done about them."""

import dataclasses

import pytest
from rich.console import Console

from aesbench.core.probe import Probe, RateTable, Twins
from aesbench.terminal.probe import show_probe


@pytest.fixture
def printed(tiny_dataset):
    """Return the function that prints a probe of ``tiny_dataset`` with some changes."""

    def show(asked=(), **changes):
        probe = Probe(
            name="tiny",
            hash=tiny_dataset.hash,
            tables=(RateTable(("user", "item"), 0.7123, 0.6912),),
            twins={"validation": Twins(10, 0.0, 0.0, None), "test": Twins(10, 0.5, 0.1, 0.9)},
            left_out=(),
            chosen_on={"train": len(tiny_dataset.train), "validation": 10},
        )
        console = Console(width=80)
        with console.capture() as capture:
            show_probe(console, tiny_dataset, dataclasses.replace(probe, **changes), asked)
        return " ".join(capture.get().split())

    return show


def test_tables_and_twins_are_shown(printed):
    """Each with both numbers; those asked for are named so."""
    text = printed(asked=[RateTable(("hour",), 0.5, 0.6)])
    assert "best pair user × item 0.7123 0.6912" in text
    assert "asked for hour 0.5000 0.6000" in text
    assert "validation 10 0.00% 0.00% –" in text and "test 10 50.00% 10.00% 90.00%" in text


def test_twins_worth_remembering_are_warned_of(printed, tiny_dataset):
    """With what they are worth, and two ways out; the group is the field of most values."""
    text = printed()
    assert "warning: to remember the labels of twins" in text
    assert f"about {0.75 * (0.9 - 0.6912):.3f} AUC" in text
    most = max(tiny_dataset.fields, key=lambda f: (f.columns == 1, f.cardinality)).name
    assert f'group = "{most}" under [split]' in text and "deduplicate = true" in text


def test_twins_that_tell_nothing_are_not_warned_of(printed):
    """Where a table knows more than the labels of twins; without twins nothing is said of it."""
    twins = {"validation": Twins(10, 0.0, 0.0, None), "test": Twins(10, 0.5, 0.3, 0.6)}
    text = printed(twins=twins)
    assert "warning" not in text and "worth less than 0.002 AUC over the best table: 0.0000" in text
    none = dict.fromkeys(("validation", "test"), Twins(10, 0.0, 0.0, None))
    assert "worth" not in printed(twins=none)


def test_what_was_left_out_or_sampled_is_said(printed):
    """Fields of several values, and the rows of train by which tables were chosen."""
    text = printed(left_out=("genres", "[tags]"), chosen_on={"train": 8, "validation": 10})
    assert "may have several of their values: genres and [tags]" in text
    assert "chosen by tables of 8 train rows, drawn with seed 0" in text
    assert "chosen by" not in printed()


def test_no_pair_of_fields_is_said(printed):
    """There is no table; twins are shown all the same."""
    text = printed(tables=())
    assert "there is no rate table" in text and "50.00%" in text
