"""Rules of thumb: sizes as a power of the cardinality, and their scaling to a budget."""

from fractions import Fraction

import pytest

from aesbench.core.settings import build_config
from aesbench.errors import ConfigError
from aesbench.harness.tuning.choices import contenders
from aesbench_baselines.power_rule import PowerRule, PowerRuleConfig


def rule(preset, **changes):
    """The method of a preset, some settings changed."""
    return PowerRule(
        build_config(PowerRuleConfig, {**PowerRule.presets[preset], **changes}, "rule")
    )


def test_the_fourth_root_by_hand(make_context):
    """Of 81 values 3 (the blog's own example), of 10,000 ten, of 2 one; 5 ** .25 = 1.495."""
    shapes = (("a", 81, 1), ("b", 10_000, 1), ("c", 2, 1), ("d", 5, 1))
    context = make_context(shapes=shapes)
    assert rule("fourth-root").search(context, None).dims == (3, 10, 1, 1)


def test_fastais_rule_by_hand(make_context):
    """1.6 * 1000 ** .56 = 76.6, of 3 values 2.96, of 2 values 2.36; 50,000 values meet the cap."""
    shapes = (("a", 1000, 1), ("b", 3, 1), ("c", 2, 1), ("d", 50_000, 1))
    context = make_context(shapes=shapes)
    assert rule("fastai").search(context, None).dims == (77, 3, 2, 600)
    assert rule("fastai", cap=50).search(context, None).dims == (50, 3, 2, 50)
    assert rule("fastai", cap=10_000).search(context, None).dims[3] > 600


@pytest.mark.parametrize("preset", PowerRule.default_presets)
@pytest.mark.parametrize("budget", [317, 400, 1_000, 5_000, 40_000])
def test_a_budget_is_met_by_the_largest_scale(make_context, preset, budget):
    """No exact step of the rule's sizes lies between what was found and the budget.

    Sizes change where scale * base passes a half: the steps are listed as fractions, and the last
    one that fits is what a bisection must find.
    """
    context = make_context(budget=budget)
    method = rule(preset)
    found = method.search(context, None)
    assert found.parameters <= budget
    config = method.config
    bases = [
        min(config.factor * field.cardinality**config.exponent, config.cap)
        for field in context.fields
    ]
    steps = sorted(
        Fraction(2 * size + 1, 2) / Fraction(base) for base in bases for size in range(1, 600)
    )
    after = [float(step) * (1 + 1e-9) for step in steps]
    fitting = [step for step in after if method.scaled(context.fields, step).parameters <= budget]
    expected = method.scaled(context.fields, max(fitting, default=0.0))
    assert found == expected


def test_a_budget_above_the_rule_is_used_too(make_context):
    """Rows of a table compare at equal memory, so the scale may be above 1."""
    free = rule("fourth-root").search(make_context(), None)
    found = rule("fourth-root").search(make_context(budget=10 * free.parameters), None)
    assert free.parameters * 8 < found.parameters <= free.parameters * 10
    assert found.dims[1] > found.dims[0] > found.dims[3] >= found.dims[2]


def test_a_budget_below_size_one_is_named(make_context):
    """317 values take 317 parameters at least."""
    with pytest.raises(ConfigError, match="budget of 300 .* takes 317; raise --budget"):
        rule("fastai").search(make_context(budget=300), None)


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"factor": 0.0}, "factor"), ({"exponent": 1.5}, "exponent"), ({"cap": 0}, "cap")],
)
def test_settings_out_of_range_are_named(settings, words):
    """Each by its name."""
    with pytest.raises(ConfigError, match=f"rule.{words}"):
        PowerRuleConfig(**settings)


def test_tables_call_them_by_their_names():
    """Both are known by a name of their own."""
    assert [PowerRule.title_of(preset) for preset in PowerRule.default_presets] == [
        "Fourth-root rule",
        "fastai's rule",
    ]


def test_both_rules_are_one_contender_when_tuned():
    """All that they differ in is tuned; it begins with the fourth root."""
    (one,) = contenders(["rule"])
    assert one.choice.label == "rule" and one.choice.config == PowerRuleConfig()
    assert set(one.space) == {"factor", "exponent"}
