"""Words beside points."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from pandas import DataFrame

from aesbench.plugins.exhibit import Look
from aesbench.report.draw.figure_files import figure_files
from aesbench.report.draw.legend import look_keys, outside_legend
from aesbench.report.draw.scatter import draw_gains
from aesbench.report.draw.theme import themed
from aesbench.report.evidence import evidence_under
from aesbench.report.exhibits import pareto

LOOKS = {"UES": Look("#777777"), "mine": Look("#0072b2", "x")}


def drawn(points, words, **more) -> Figure:
    """A figure of ``{point: (cost, value)}`` with words, laid out beside a legend."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    rows = [(point, "UES", *at) for point, at in points.items()]
    rows += [("low", "mine", 10.0, 0.7), ("high", "mine", 1e5, 0.9)]
    scores = DataFrame(rows, columns=["point", "name", "cost", "value"])
    draw_gains(figure.subplots(), scores, LOOKS, notes=words, **more)
    outside_legend(figure, look_keys(LOOKS))
    figure.draw_without_rendering()
    return figure


def words_of(figure) -> list[Bbox]:
    """Where the words are: their letters without the lines that lead to them."""
    (axis,) = figure.axes
    return [super(type(one), one).get_window_extent() for one in axis.texts]


def markers_of(figure) -> list[Bbox]:
    """Where the markers are, those of the ground aside."""
    (axis,) = figure.axes
    found = []
    for one in axis.collections:
        if isinstance(one, PathCollection) and one.get_zorder() > 2:
            half = one.get_sizes()[0] ** 0.5 / 2 * figure.dpi / 72
            centres = axis.transData.transform(one.get_offsets())
            found += [Bbox([centre - half, centre + half]) for centre in centres]
    return found


def assert_free(figure):
    """No word covers another, a marker or the panel's edge."""
    words, markers = words_of(figure), markers_of(figure)
    assert words and markers
    for number, word in enumerate(words):
        assert not any(word.overlaps(other) for other in words[:number])
        assert not any(word.overlaps(marker) for marker in markers)
        assert Bbox.intersection(word, figure.axes[0].bbox).size == pytest.approx(word.size)


def crowd(seed, count):
    """Points about one place, some upon each other."""
    generator = np.random.default_rng(seed)
    places = zip(
        1000 * np.exp(generator.normal(0, 0.2, count)),
        0.8 + generator.normal(0, 0.004, count),
        strict=True,
    )
    return {f"p{number}": place for number, place in enumerate(places)}


@pytest.mark.parametrize("seed", range(5))
def test_in_a_crowd_no_word_covers_another_or_a_point(seed):
    """Twelve words beside forty points on a hundredth of the panel."""
    points = crowd(seed, 40)
    assert_free(drawn(points, {f"p{number}": f"UES-{number}" for number in range(12)}))


def test_words_of_points_upon_each_other_are_apart():
    """Five points at one place."""
    points = {f"p{number}": (1000.0, 0.8) for number in range(5)}
    assert_free(drawn(points, {point: f"32 ({point})" for point in points}))


def test_a_lonely_point_has_its_word_beside_it():
    """Up to the right, without a line; near the edge of the panel within it."""
    figure = drawn({"one": (1000.0, 0.8), "edge": (1e5, 0.75)}, {"one": "a", "edge": "a word"})
    one, edge = figure.axes[0].texts
    x, y = one.get_position()
    assert x > 0 and y > 0 and np.hypot(x, y) < 15 and not one.arrow_patch.get_visible()
    assert edge.get_position()[0] < 0
    assert_free(figure)


def test_a_word_that_stands_off_has_a_line_to_its_point():
    """In the middle of a disc of other points it cannot stand near its own."""
    ring = np.array([(x, y) for x in range(-3, 4) for y in range(-3, 4)], dtype=float)
    points = {
        f"p{number}": (1000 * 10 ** (x / 60), 0.8 + y / 400) for number, (x, y) in enumerate(ring)
    }
    (centre,) = (f"p{n}" for n, place in enumerate(ring) if not place.any())
    figure = drawn(points, {centre: "centre"})
    (word,) = figure.axes[0].texts
    assert np.hypot(*word.get_position()) > 20 and word.arrow_patch.get_visible()
    assert_free(figure)


def test_words_keep_off_intervals_and_the_front():
    """Where there is room: the front runs through the first place, an interval through another."""
    rows = [("one", "UES", 1000.0, value) for value in (0.78, 0.80, 0.82)]
    rows += [("low", "mine", 10.0, 0.7), ("high", "mine", 1e5, 0.9)]
    scores = DataFrame(rows, columns=["point", "name", "cost", "value"])
    figure = Figure(figsize=(9, 5), layout="constrained")
    axis = figure.subplots()
    front = DataFrame({"cost": [10.0, 1000.0], "value": [0.7, 0.806]})
    draw_gains(axis, scores, LOOKS, front=front, notes={"one": "UES-32"})
    figure.draw_without_rendering()
    (word,) = words_of(figure)
    line = axis.transData.transform([(1000, 0.806), (1e5, 0.806)])
    bar = axis.transData.transform([(1000, 0.75), (1000, 0.85)])
    assert not word.overlaps(Bbox(line)) and not word.overlaps(Bbox(bar))


def test_words_stand_at_the_same_places_in_every_file():
    """They find them once, in the first file that is drawn, and find the same again."""
    points = crowd(0, 20)
    words = {point: point for point in list(points)[:9]}
    found = []
    with themed():
        for _ in range(2):
            figure = drawn(points, words)
            before = [one.get_position() for one in figure.axes[0].texts]
            files = figure_files(figure, "salt")
            assert [one.get_position() for one in figure.axes[0].texts] == before
            found.append(files)
    assert found[0] == found[1]


def test_the_ground_is_covered_rather_than_left_far_behind():
    """Small grey dots are everywhere: words stay beside their points."""
    generator = np.random.default_rng(0)
    ground = DataFrame(
        {"cost": 10 ** generator.uniform(1, 5, 800), "value": generator.uniform(0.7, 0.9, 800)}
    )
    figure = drawn({"one": (1000.0, 0.8)}, {"one": "a word"}, ground=ground)
    assert np.hypot(*figure.axes[0].texts[0].get_position()) < 50


@pytest.mark.slow
def test_in_the_committed_report_no_word_covers_another_or_a_point():
    """On every data set and backbone."""
    results = Path(__file__).resolve().parents[3] / "results"
    exhibits = pareto.build(evidence_under(results))
    figures = [figure for exhibit in exhibits for figure in exhibit.figures]
    assert len(figures) >= 5
    for data in figures:
        with themed():
            figure = Figure(figsize=data.size, layout="constrained")
            data.draw(figure)
            figure.draw_without_rendering()
            assert_free(figure)
