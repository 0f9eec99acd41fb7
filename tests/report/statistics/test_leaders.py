"""Who leads, over the seeds that all have."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from aesbench.report.statistics.leaders import chosen, common_scores, complete, leader

NAMES = {"a": "A", "b": "B", "c": "C", "d": "D"}.__getitem__


def runs(scores, first=0):
    """Runs of one method: a score per seed, from a first seed on."""
    seeds = range(first, first + len(scores))
    return pd.DataFrame({"seed": list(seeds), "test_auc": scores})


def test_the_same_method_does_not_lead_itself():
    """Three seeds under one name, two of them under another: the same mean over the two."""
    lead = leader({"a": runs([0.7, 0.8, 0.6]), "b": runs([0.7, 0.8])})
    assert (lead.first, lead.others, lead.seeds) == (("a", "b"), (), (0, 1))
    assert not lead.is_clear and lead.mean == pytest.approx(0.75)
    assert lead.in_words(NAMES) == "A and B have the same mean test AUC, 0.7500 (n = 2 seeds)"


def test_means_over_different_seeds_do_not_decide():
    """A has the higher mean of all its seeds, B wins every seed that both have."""
    lead = leader({"a": runs([0.5, 0.6, 0.9]), "b": runs([0.51, 0.62])})
    assert (lead.first, lead.others) == (("b",), ("a",))
    assert leader({"a": runs([0.5, 0.6, 0.9]), "b": runs([0.51, 0.62])}, least=True).first == ("a",)


def test_nobody_leads_alone():
    """One method, none, methods without runs, or without a seed in common."""
    empty = runs([])
    for rows in ({}, {"a": runs([0.5])}, {"a": runs([0.5]), "b": empty}):
        assert leader(rows) is None
    assert leader({"a": runs([0.5]), "b": runs([0.6], first=1)}) is None


def test_a_method_with_few_of_the_seeds_is_left_out_and_named():
    """It would cost the others four of their five seeds; one that lacks one costs one."""
    rows = {"a": runs([0.7] * 5), "b": runs([0.6] * 4), "c": runs([0.9])}
    lead = leader(rows)
    assert (lead.first, lead.seeds, lead.left_out) == (("a",), (0, 1, 2, 3), ("c",))
    assert lead.in_words(NAMES).endswith("; not compared, for want of these seeds: C")
    scores, left_out = common_scores(rows)
    assert scores.shape == (4, 2) and left_out == ["c"]


def test_a_lead_is_clear_by_holm_over_all_pairs():
    """By scipy's paired t-test and statsmodels' correction, of all pairs though few are said."""
    draw = np.random.default_rng(3)
    noise = draw.normal(0, 1, (4, 8))
    means = dict(zip("abcd", (3.0, 2.8, 1.4, 0.0), strict=True))
    scores = {key: mean + own for (key, mean), own in zip(means.items(), noise, strict=True)}
    lead = leader({key: runs(list(own)) for key, own in scores.items()})
    pairs = list(itertools.combinations(scores, 2))
    p = [stats.ttest_rel(scores[one], scores[other]).pvalue for one, other in pairs]
    apart = dict(zip(pairs, multipletests(p, method="holm")[0], strict=True))
    (first,) = lead.first
    expected = [key for key in scores if apart.get((first, key)) or apart.get((key, first))]
    assert list(lead.behind) == expected and 0 < len(expected) < 3
    assert not lead.is_clear and set(lead.level) == set("abcd") - {first, *expected}


def test_how_clear_a_lead_is_stands_in_words():
    """Of all others, of all but some, of some only, of nobody; one seed tells nothing."""
    ahead, same = runs([0.9, 0.91, 0.92]), runs([0.5, 0.52, 0.51])
    lead = leader({"a": ahead, "b": same})
    assert lead.is_clear and lead.in_words(NAMES) == (
        "A has the highest mean test AUC of 2 methods, 0.9100 (n = 3 seeds), clearly ahead"
    )
    rows = {"a": ahead, "b": same, "c": runs([0.9, 0.92, 0.9]), "d": runs([0.5, 0.51, 0.53])}
    assert leader(rows).in_words(NAMES).endswith("clearly ahead of all but C")
    del rows["d"]
    assert leader(rows).in_words(NAMES).endswith("clearly ahead of all but C")
    rows["d"] = runs([0.91, 0.9, 0.915])
    assert leader(rows).in_words(NAMES).endswith("clearly ahead of B only")
    del rows["b"]
    assert leader(rows).in_words(NAMES).endswith("clearly ahead of nobody")
    single = leader({"a": runs([0.6]), "b": runs([0.5])})
    assert single.in_words(NAMES).endswith("which a single seed does not tell from chance")


def test_several_may_share_the_lead():
    """Ahead of whom each of them is."""
    lead = leader({"a": runs([0.8, 0.9]), "b": runs([0.8, 0.9]), "c": runs([0.8, 0.8])})
    assert (lead.first, lead.others, lead.behind) == (("a", "b"), ("c",), ())
    assert lead.marks("cab") == [False, True, True] and not lead.is_clear
    assert lead.in_words(NAMES).startswith("A and B share the highest mean test AUC of 3 methods")


def test_several_searches_of_a_seed_enter_as_their_mean():
    """A second search of seed 0 gives it no second vote."""
    twice = pd.concat([runs([0.9, 0.5]), runs([0.7])])
    assert leader({"a": twice, "b": runs([0.79, 0.5])}).mean == pytest.approx(0.65)


def test_a_choice_needs_no_rival_but_common_seeds():
    """The only one; the first of equals; none where they cannot be compared."""
    assert chosen({}, "test_auc") is None
    assert chosen({"a": runs([0.5]), "b": runs([])}, "test_auc") == "a"
    assert chosen({"b": runs([0.5]), "a": runs([0.5])}, "test_auc") == "b"
    assert chosen({"a": runs([0.5]), "b": runs([0.6], first=1)}, "test_auc") is None


def test_a_table_without_gaps_is_as_large_as_can_be():
    """A row with few columns is left out where that keeps more cells; one column is none."""
    few, whole = dict.fromkeys("abc", 0.5), dict.fromkeys("abcdef", 0.5)
    scores = pd.DataFrame.from_dict({"z": few, "x": whole, "y": whole}, orient="index")
    found = complete(scores)
    assert (list(found.index), sorted(found.columns)) == (["x", "y"], list("abcdef"))
    assert complete(scores[["a"]]).empty and complete(pd.DataFrame()).empty
