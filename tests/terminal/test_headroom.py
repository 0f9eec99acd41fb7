"""`aesbench data headroom`: what there is to gain at each budget."""

import pytest
from click.testing import CliRunner

from aesbench.cli import cli
from aesbench.core.headroom import BudgetHeadroom, Headroom
from aesbench.errors import ConfigError


def shown(*arguments):
    """What the command prints."""
    done = CliRunner().invoke(
        cli, ["data", "headroom", *map(str, arguments)], standalone_mode=False,
        catch_exceptions=False, env={"COLUMNS": "160"},
    )  # fmt: skip
    return done.stdout


@pytest.fixture
def results(tmp_path):
    """A results folder with the headroom of two splits of a data set."""
    budgets = (
        BudgetHeadroom(2, 5000, 2, 0.71, (1, 1, 8), 4000, {1: 0.0, 2: 0.1}, 0.05, -0.1, 0.2),
        BudgetHeadroom(8, 20_000, 4, 0.73, (16, 1, 8), 9000, {1: 0.02, 2: 0.03}, 0.025, 0.01, 0.04),
    )
    for data in ("toy", "toy.day"):
        whole = Headroom(f"{data}/widedeep", "toy", "widedeep", "ab", {}, 170, budgets)
        whole.write(tmp_path / "tabular" / data / "widedeep")
    return tmp_path


def test_a_row_per_budget(results):
    """What is gained with its interval, and none where that reaches down to zero."""
    text = shown("toy.day", "--results", results)
    assert "toy.day/widedeep: from 170 trainings, 2 seeds" in text and "toy/widedeep" not in text
    rows = {line.split()[1]: line.split() for line in text.splitlines() if "size" in line.split()}
    assert rows["2"][-3] == "none" and rows["2"][2] == "1-1-8"
    assert rows["8"][-3:] == ["+0.0250", "[+0.0100,", "+0.0400]"]


def test_a_data_set_has_all_of_its_splits(results):
    """By its own name."""
    text = shown("toy", "--results", results)
    assert "toy/widedeep" in text and "toy.day/widedeep" in text


def test_what_was_not_measured_is_told(results):
    """With what was, and how to measure it."""
    with pytest.raises(ConfigError, match="did you mean 'toy.day'.*reproduce headroom --dataset"):
        shown("toy.dya", "--results", results)
