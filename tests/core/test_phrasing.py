"""Numbers, counts and lists in words."""

import pytest

from aesbench.core.phrasing import listed, runs_in_words


@pytest.mark.parametrize(
    ("texts", "words"), [("A", "A"), ("AB", "A and B"), ("ABC", "A, B and C"), ("", "nobody")]
)
def test_a_list_in_words(texts, words):
    """Commas, and an "and" before the last; nobody of none."""
    assert listed(texts) == words


@pytest.mark.parametrize(("failed", "words"), [(0, "9"), (1, "9 (+1 failed)")])
def test_failed_runs_are_counted_beside_the_others(failed, words):
    """Only where there are any."""
    assert runs_in_words(9, failed) == words
