"""Searches scored on a place of the tabular benchmark."""

import pandas as pd
import pytest
from click.testing import CliRunner

from aesbench.cli import cli
from aesbench.core.allocation import Allocation
from aesbench.errors import ConfigError
from aesbench.plugins.registry import METHODS
from aesbench.tabular.score import context_at, evaluation_at, score_search


def method(name, **settings):
    """A method with settings."""
    cls = METHODS.get(name)
    return cls(cls.Config(**settings))


def test_regret_falls_to_that_of_the_best(toy):
    """Greedy search climbs a sum over fields to the front; regret is never below zero."""
    (course,) = score_search(method("greedy", evaluations=200), toy, [0])
    assert course.regrets[-1] == pytest.approx(0, abs=1e-9)
    assert min(course.regrets) > -1e-9 and course.regrets[0] > 0.005
    assert len(course.seen) == len(course.scores) == len(course.regrets)
    assert course.training_s > course.wall_s


def test_a_budget_has_its_own_front(toy):
    """And is kept to."""
    courses = score_search(method("evolution", evaluations=120), toy, [0, 1], budget=2 * 2520)
    assert all(toy.parameters(one) <= 5040 for course in courses for one in course.seen)
    assert all(-1e-9 < course.regrets[-1] < course.regrets[0] for course in courses)
    assert courses[0].seen != courses[1].seen
    (again,) = score_search(method("evolution", evaluations=120), toy, [1], budget=2 * 2520)
    assert again.seen == courses[1].seen


def test_what_was_trained_is_looked_up_and_the_rest_predicted(toy):
    """The answer says which."""
    fields = context_at(toy, 0, None, None).fields
    trained = Allocation.field_wise(fields, toy.trained[7])
    found = evaluation_at(toy, trained)
    assert found.source == "looked up" and found.auc == toy.query(trained.dims).validation_auc
    other = next(sizes for sizes in [(64, 1, 2, 4), (1, 64, 4, 2)] if not toy.was_trained(sizes))
    found = evaluation_at(toy, Allocation.field_wise(fields, other))
    assert found.source == "predicted" and found.auc == toy.predict(other).validation_auc


def test_whoever_asks_for_rows_is_told(toy):
    """There are none, and no models either."""
    with pytest.raises(ConfigError, match="has no rows and no models"):
        score_search(method("autodim"), toy, [0])
    context = context_at(toy, 0, None, None)
    for ask in (
        lambda: context.train.ids,
        lambda: len(context.validation),
        lambda: context.build_model(None),
    ):
        with pytest.raises(ConfigError, match="run this one with aesbench run"):
            ask()
    with pytest.raises(ConfigError, match="'random' asks for no scores"):
        score_search(method("random"), toy, [0])
    with pytest.raises(ConfigError, match="'ues' keeps to no budget"):
        score_search(method("ues"), toy, [0], budget=9999)


def test_the_command_prints_regret_and_writes_it(places, tmp_path):
    """A row per number of evaluations; a CSV and a figure if asked for."""
    csv, figure = tmp_path / "out" / "regret.csv", tmp_path / "out" / "regret.svg"
    arguments = (
        "tabular", "score", "--method", "random-search", "--place", "toy/widedeep", "--folder",
        places, "--evaluations", 40, "--seeds", 3, "--csv", csv, "--figure", figure,
    )  # fmt: skip
    done = CliRunner().invoke(
        cli, [*map(str, arguments)], standalone_mode=False, catch_exceptions=False
    )
    words = [line.split()[0] for line in done.stdout.splitlines() if line.strip()[:1].isdigit()]
    assert words == ["1", "3", "10", "30", "40"]
    assert "Random search at toy/widedeep, 3 seeds" in done.stdout
    frame = pd.read_csv(csv)
    assert len(frame) == 120 and (frame.groupby("seed")["regret"].last() >= -1e-9).all()
    assert "<svg" in figure.read_text()


def test_a_method_that_is_no_search_by_scores_is_refused(places):
    """Before anything is asked of it."""
    arguments = ("tabular", "score", "--method", "mde", "--place", "toy/widedeep")
    with pytest.raises(ConfigError, match="'mde' has no setting 'evaluations'"):
        CliRunner().invoke(
            cli, [*arguments, "--folder", str(places)], standalone_mode=False,
            catch_exceptions=False,
        )  # fmt: skip
