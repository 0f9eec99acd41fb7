"""AdaS&S's search: Eq. 8 and 9, the controls, budgets."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aesbench import Allocation
from aesbench.core.trace import Trace
from aesbench.errors import ConfigError
from aesbench.testing import tiny_context
from aesbench.testing.conformance import check_allocation, check_budget
from aesbench_methods.adass.config import AdaSSConfig
from aesbench_methods.adass.method import SEARCHES, AdaSS
from aesbench_methods.adass.objective import Memo, Objective
from aesbench_methods.adass.policy import Policy
from aesbench_methods.adass.rl import (
    competition_penalty,
    leave_one_out,
    reinforce_loss,
    track_log_probability,
)
from aesbench_methods.adass.space import SLACK, Space

CONTEXT = tiny_context()
TWO = tiny_context(shapes=(("a", 40, 1), ("b", 7, 1)))


class Table:
    """A scorer that knows every subnet's AUC."""

    def __init__(self, auc):
        self.auc = auc
        self.calls = 0

    def reward(self, sizes, kind):
        self.calls += 1
        auc = float(self.auc[sizes])
        return {"auc": auc, "logloss": auc - 0.7, "accuracy": auc / 2}[kind]


def objective_on(auc, context=TWO, **changed):
    config = AdaSSConfig(**changed)
    space = Space(context.fields, context.candidates, context.budget)
    generator = torch.Generator().manual_seed(0)
    return Objective(Memo([Table(np.asarray(auc))]), space, config, generator), config


def all_actions(fields, candidates):
    return list(itertools.product(range(candidates), repeat=fields))


# Eq. 8


def test_reinforce_has_the_gradient_of_the_expected_reward():
    """Its expectation over all actions of two fields equals a central finite difference."""
    draw = np.random.default_rng(0)
    logits = torch.tensor(draw.normal(size=(2, 3)), requires_grad=True)
    rewards = {action: draw.normal() for action in all_actions(2, 3)}

    def expected_reward(values):
        p = torch.softmax(values, 1)
        return sum(float(p[0, a] * p[1, b]) * r for (a, b), r in rewards.items())

    log_p = logits.log_softmax(1)
    loss = sum(
        (log_p[0, a] + log_p[1, b]).exp().item()  # How often the action is drawn.
        * reinforce_loss(log_p, torch.tensor([[a, b]]), torch.tensor([r]))
        for (a, b), r in rewards.items()
    )
    loss.backward()
    step = 1e-5
    for i, j in itertools.product(range(2), range(3)):
        shift = torch.zeros(2, 3, dtype=torch.float64)
        shift[i, j] = step
        here = logits.detach()
        slope = (expected_reward(here + shift) - expected_reward(here - shift)) / (2 * step)
        assert logits.grad[i, j].item() == pytest.approx(-slope, abs=1e-7)


def test_the_baseline_leaves_the_gradient_unbiased():
    """The expectation over all pairs of actions is the same with and without it."""
    draw = np.random.default_rng(1)
    start = torch.tensor(draw.normal(size=(2, 2)))
    rewards = {action: 5 + draw.normal() for action in all_actions(2, 2)}
    gradients = []
    for baseline in (False, True):
        logits = start.clone().requires_grad_()
        log_p = logits.log_softmax(1)
        loss = torch.zeros((), dtype=torch.float64)
        for pair in itertools.product(rewards, repeat=2):
            share = sum(log_p[i, a] for action in pair for i, a in enumerate(action)).exp().item()
            values = torch.tensor([rewards[action] for action in pair])
            advantages = leave_one_out(values) if baseline else values
            loss = loss + share * reinforce_loss(log_p, torch.tensor(pair), advantages)
        loss.backward()
        gradients.append(logits.grad.numpy())
    assert gradients[1] == pytest.approx(gradients[0], abs=1e-9)


def test_leave_one_out_by_hand():
    """Each reward less the mean of the others."""
    assert leave_one_out(torch.tensor([1.0, 2.0, 6.0])).tolist() == pytest.approx([-3, -1.5, 4.5])


def test_the_probability_of_a_track_is_the_product_over_its_actions():
    """log p(τ) adds up each action's log-probability in its own state; an empty track has none."""
    policy = Policy(2, 5, "shared", torch.Generator().manual_seed(0))
    track = [((0, 1), (2, 3)), ((2, 3), (4, 4))]
    expected = sum(
        policy(torch.tensor([state]))[0, i, a]
        for state, action in track
        for i, a in enumerate(action)
    )
    assert track_log_probability(policy, track).item() == pytest.approx(expected.item(), abs=1e-5)
    assert track_log_probability(policy, []) == 0


def test_the_policy_gives_probabilities_per_field_and_sees_all_fields():
    """Rows of P sum to 1, and a field's row depends on the state of the others."""
    policy = Policy(3, 5, "field", torch.Generator().manual_seed(0))
    p = policy(torch.tensor([[0, 1, 2], [0, 1, 4]])).exp()
    assert p.shape == (2, 3, 5)
    assert p.sum(2).detach().numpy() == pytest.approx(np.ones((2, 3)), abs=1e-5)
    assert not torch.allclose(p[0, 0], p[1, 0])
    again = Policy(3, 5, "field", torch.Generator().manual_seed(0))
    assert all(
        torch.equal(a, b) for a, b in zip(policy.parameters(), again.parameters(), strict=True)
    )


# Eq. 9


def test_the_competition_penalty_by_hand():
    """λ_r/M Σ d_j P_ij - λ_c/M Σ ‖P_i - 1/T‖₂."""
    p = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    prices = torch.tensor([0.02, 0.08, 0.16]).repeat(2, 1)
    resources = (0.5 * 0.02 + 0.5 * 0.08 + 0.16) / 2
    first = np.sqrt(2 * (1 / 6) ** 2 + (1 / 3) ** 2)
    second = np.sqrt(2 * (1 / 3) ** 2 + (2 / 3) ** 2)
    expected = resources - 0.04 * (first + second) / 2
    assert competition_penalty(p, prices / 2, 0.04).item() == pytest.approx(expected, abs=1e-6)


def test_the_competition_penalty_can_start_from_uniform_probabilities():
    """There the norm has no gradient; ours is zero, not undefined."""
    logits = torch.zeros(2, 3, requires_grad=True)
    competition_penalty(logits.softmax(1), torch.zeros(2, 3), 0.1).backward()
    assert torch.equal(logits.grad, torch.zeros(2, 3))


def test_sizes_are_priced_as_printed_or_by_what_they_hold():
    """The readings decide d_j and whether 40 and 7 values cost the same; a budget costs nothing."""
    auc = np.full((5, 5), 0.5)
    sizes = np.array(TWO.candidates)
    raw, _ = objective_on(auc, lambda_r=0.64, size_unit="raw", price_by_parameters=0.0)
    assert raw.prices == pytest.approx(0.64 * np.array([sizes, sizes]) / 2)
    rows, _ = objective_on(auc, lambda_r=0.64, price_by_parameters=1.0)
    assert rows.prices == pytest.approx(0.64 * np.array([40 * sizes, 7 * sizes]) / 47 / 64)
    half, _ = objective_on(auc, lambda_r=0.64)
    assert half.prices == pytest.approx((rows.prices + raw.prices / 64) / 2)
    assert raw.penalty((0, 4)) == pytest.approx(0.32 * 66)
    bounded, _ = objective_on(auc, replace(TWO, budget=500))
    assert not bounded.prices.any()


# The search


@pytest.mark.parametrize("name", SEARCHES)
def test_every_search_finds_the_enumerated_optimum(name):
    """On two fields whose sizes interact, all 25 allocations are known; the policy holds it too."""
    draw = np.random.default_rng(3)
    auc = 0.7 + 0.02 * draw.random((5, 1)) + 0.02 * draw.random((1, 5))
    auc = auc + 0.002 * draw.random((5, 5))
    for seed in range(3):
        objective, config = objective_on(auc, search=name, patience_steps=20, result="likeliest")
        context = replace(TWO, generator=torch.Generator().manual_seed(seed), trace=Trace())
        found = SEARCHES[name](objective, config, context)
        best = max(all_actions(2, 5), key=lambda a: auc[a] - objective.penalty(a))
        assert found == best


def test_the_result_is_the_best_scored_or_the_likeliest():
    """After so few updates they differ: the policy holds likeliest what is worse."""
    auc = 0.7 + 0.02 * np.random.default_rng(3).random((5, 5))
    found = {}
    for result in ("best", "likeliest"):
        objective, config = objective_on(auc, search="rl", steps=3, actions=2, result=result)
        context = replace(TWO, generator=torch.Generator().manual_seed(0), trace=Trace())
        found[result] = SEARCHES["rl"](objective, config, context)
    likeliest, best = objective.value(found["likeliest"]), objective.value(found["best"])
    assert likeliest < best == max(objective.seen.values())


def test_the_reward_readings():
    """AUC, LogLoss or accuracy, with weight one or, to the letter, λ_r."""
    auc = np.linspace(0.5, 0.74, 25).reshape(5, 5)
    rewards = {
        reward: objective_on(auc, reward=reward)[0].reward((1, 2))
        for reward in ("auc", "logloss", "accuracy")
    }
    assert rewards == pytest.approx({"auc": 0.57, "logloss": -0.13, "accuracy": 0.285})
    weighted, _ = objective_on(auc, reward_weight="lambda_r", lambda_r=0.005)
    assert weighted.reward((1, 2)) == pytest.approx(0.005 * 0.57)


def test_changes_say_what_another_size_would_have_given():
    """(fields, candidates), zero at the choice, reward and price together."""
    auc = np.linspace(0.5, 0.74, 25).reshape(5, 5)
    objective, _ = objective_on(auc, lambda_r=0.64, price_by_parameters=0.0)
    changes = np.array(objective.changes((1, 2)))
    assert changes[0] == pytest.approx(auc[:, 2] - auc[1, 2] - (np.array(TWO.candidates) - 8) / 200)
    assert changes[1] == pytest.approx(auc[1] - auc[1, 2] - (np.array(TWO.candidates) - 16) / 200)


def test_searches_share_a_memo_and_keep_to_their_number_of_evaluations():
    """No subnet is scored twice; what others have scored changes no result."""
    draw = np.random.default_rng(0)
    auc = 0.7 + 0.01 * draw.random((5, 5, 5, 5))
    scorer = Table(auc)
    memo, space = Memo([scorer]), Space(CONTEXT.fields, CONTEXT.candidates, None)
    for name in ("random", "evolution", "random"):
        config = AdaSSConfig(search=name, evaluations=100)
        objective = Objective(memo, space, config, torch.Generator().manual_seed(0))
        context = replace(CONTEXT, generator=torch.Generator().manual_seed(0), trace=Trace())
        found = SEARCHES[name](objective, config, context)
        assert 100 <= len(objective.seen) < 120 and found in objective.seen
        assert scorer.calls <= 220
    before = scorer.calls
    memo.reward(found, "auc")
    assert scorer.calls == before


# Budgets

cases = st.tuples(
    st.lists(st.integers(1, 300), min_size=1, max_size=5), st.floats(0, 1), st.integers(0, 10**6)
)


@settings(max_examples=150, deadline=None)
@given(cases)
def test_a_budget_is_never_exceeded_and_used_nearly_whole(case):
    """The chosen allocation is the best within the band, by enumeration, up to the rounding."""
    cardinalities, share, seed = case
    shapes = tuple((f"f{i}", n, 1) for i, n in enumerate(cardinalities))
    fields = tuple(replace(CONTEXT.fields[0], name=n, cardinality=c) for n, c, _ in shapes)
    sizes = (2, 8, 16)
    rows = sum(cardinalities)
    budget = int(rows * (2 + share * 14))
    space = Space(fields, sizes, budget)
    values = np.random.default_rng(seed).random((len(fields), 3))
    found = space.best(values)
    assert space.parameters(found) <= budget
    counted = {a: space.parameters(a) for a in all_actions(len(fields), 3)}
    inside = [a for a, used in counted.items() if 0.985 * budget <= used <= 0.99 * budget]
    if inside:
        assert space.parameters(found) >= (1 - SLACK) * budget
        worth = {a: sum(values[i, s] for i, s in enumerate(a)) for a in inside}
        own = sum(values[i, s] for i, s in enumerate(found))
        assert own >= max(worth.values()) - 1e-9
    assert space.nearest(found) == found or space.parameters(found) < (1 - SLACK) * budget


def test_a_budget_below_the_smallest_allocation_is_an_error():
    """It names both numbers."""
    with pytest.raises(ConfigError, match="budget = 93 .* takes 94"):
        Space(TWO.fields, (2, 8), 93)
    assert Space(TWO.fields, (2, 8), 94).best(np.ones((2, 2))) == (0, 0)


def test_without_a_budget_all_allocations_are_in_the_space():
    """The nearest is the allocation itself and the best is each field's own."""
    space = Space(TWO.fields, (2, 8), None)
    assert space.nearest((1, 0)) == (1, 0)
    assert space.best(np.array([[0.1, 0.2], [0.5, 0.3]])) == (1, 0)
    assert space.allocation((1, 0)) == Allocation.field_wise(TWO.fields, [8, 2])


# The method


@pytest.mark.parametrize("preset", [p for p in AdaSS.presets if p not in ("r", "e", "quick")])
def test_every_preset_searches_and_keeps_budgets(preset):
    """Also those that a bare name does not run."""
    check_allocation(AdaSS, preset)
    check_budget(AdaSS, preset)


def test_presets_of_one_reading_share_their_supernet():
    """All searches of the resolved reading have one key; the literal reading has another."""
    keys = {name: AdaSS(AdaSSConfig(**AdaSS.preset(name))).prepare_key() for name in AdaSS.presets}
    resolved = {keys[name] for name in ("r", "e", "greedy", "random", "evolution")}
    assert len(resolved) == 1 and keys["literal-r"] == keys["literal-e"] not in resolved


def test_a_size_outside_the_candidates_has_no_score():
    """The error names both."""
    method = AdaSS(AdaSSConfig(epochs=1))
    context = tiny_context()
    prepared = method.prepare(context)
    with pytest.raises(ConfigError, match=r"sizes \[3, 3, 3, 3\]: the supernet holds \[2, 8"):
        method.score(context, prepared, Allocation.uniform(context.fields, 3))


@pytest.mark.parametrize(
    ("name", "value"),
    [("actions", 1), ("keep_rate", 0.0), ("lambda_fs", 1.5), ("lambda_r", -1.0), ("steps", 0)],
)
def test_settings_out_of_range_are_errors(name, value):
    """The error names the setting."""
    with pytest.raises(ConfigError, match=f"adass.{name} = "):
        AdaSSConfig(**{name: value})
