"""Traces: what a search may tell, how it is checked, and that it survives JSON."""

import json
import math

import numpy as np
import pytest
import torch

from aesbench.core.trace import Trace, shape_of
from aesbench.errors import TraceError

NUMBER, PER_FIELD, PER_SIZE = 1, [1, 2.5], ((1, 2, 3), (4, 5, 6))


def test_values_of_each_shape_are_kept_as_floats():
    """Ints, lists and tuples become floats and lists; the caller may change its own lists."""
    trace, mine = Trace((2, 3)), list(PER_FIELD)
    trace("loss", 0, NUMBER)
    trace("rate", 0, mine)
    trace("share", 0, PER_SIZE)
    mine[0] = 9
    assert trace.series == {
        "loss": ([0], [1.0]),
        "rate": ([0], [[1.0, 2.5]]),
        "share": ([0], [[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]),
    }
    assert [shape_of(values[0]) for _, values in trace.series.values()] == [(), (2,), (2, 3)]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.float32(1), "is a float32; give plain Python numbers"),
        (np.float64(1), "is a float64"),
        (np.zeros(2), "is a ndarray"),
        (torch.tensor(1.0), r"is a Tensor; .* call .item\(\) or .tolist\(\)"),
        ([np.int64(1), 2], "is a int64"),
        (True, "is a bool"),
        (None, "is a NoneType"),
        ("0.5", "is a str"),
        ([], "give a number, one per field"),
        ([1, [2]], "give a number, one per field"),
        ([[1], [1, 2]], "give a number, one per field"),
        ([[[1]]], "give a number, one per field"),
        ([1, 2, 3], r"shape \(3,\); give a number, a list of 2"),
        ([[1, 2], [3, 4]], r"shape \(2, 2\); .* 2 lists of 3"),
    ],
    ids=str,
)
def test_what_is_no_number_or_has_another_shape_is_an_error_that_names_the_series(value, words):
    """The error is raised where the method traces, and nothing of the value is kept."""
    trace = Trace((2, 3))
    with pytest.raises(TraceError, match=f"traced series 'mine': .*{words}"):
        trace("mine", 0, value)
    assert trace.series == {}


def test_a_series_keeps_its_shape():
    """Without knowing the run's fields, too, its values are of one kind."""
    trace = Trace()
    trace("mine", 0, [1, 2])
    with pytest.raises(TraceError, match=r"a single number after values of shape \(2,\)"):
        trace("mine", 1, 1.0)


@pytest.mark.parametrize("step", [3, 2, 4.0, np.int64(4), True], ids=repr)
def test_steps_ascend(step):
    """A step is an int after the one before, so that a line can be drawn."""
    trace = Trace()
    trace("mine", 3, 0.0)
    with pytest.raises(TraceError, match="traced series 'mine': step .* after 3"):
        trace("mine", step, 0.0)


def test_a_name_is_text():
    """Anything else is named in the error."""
    with pytest.raises(TraceError, match="got 3"):
        Trace()(3, 0, 0.0)


def test_a_trace_survives_strict_json():
    """To the last bit, and with what is not finite: a loss that diverged is worth seeing."""
    trace = Trace((2, 3))
    trace("loss", 0, 0.1 + 0.2)
    for step, number in enumerate([math.nan, math.inf, -math.inf], start=1):
        trace("loss", step, number)
    trace("share", 7, PER_SIZE)
    text = json.dumps(trace.to_dict(), allow_nan=False)
    again = Trace.from_dict(json.loads(text))
    assert repr(again.series) == repr(trace.series)  # NaN is not equal to itself.


@pytest.mark.parametrize(
    "data",
    [
        {"loss": {"steps": [0], "values": []}},
        {"loss": {"steps": [0]}},
        {"loss": {"steps": [1, 0], "values": [1, 1]}},
        {"loss": {"steps": [0], "values": ["much"]}},
        {"loss": []},
        [],
    ],
    ids=str,
)
def test_what_is_no_trace_is_refused(data):
    """Lists of different lengths, words, other types."""
    with pytest.raises(TraceError):
        Trace.from_dict(data)
