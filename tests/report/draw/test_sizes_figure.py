"""The picture of an allocation, and the file that holds it."""

import dataclasses
import json
import pickle

import numpy as np
import pytest
from matplotlib.figure import Figure

from aesbench import Allocation, Block, Field, RunRecord
from aesbench.core.mask_file import read_masks
from aesbench.errors import RecordError
from aesbench.export.allocation_file import allocation_files
from aesbench.report.draw.figure_files import draw
from aesbench.report.draw.sizes_figure import sizes_figure

MIXED = Allocation(
    ("user", "item [x] $y$", "flag"),
    ((Block(10, 64), Block(90, 2)), (Block(50, 8),), (Block(4, 0),)),
)
"""640 + 180 for user, 400 for item, nothing for flag: 1,220 parameters of 154 values."""


@pytest.fixture
def drawn(spec) -> Figure:
    """The figure of ``MIXED``."""
    figure = Figure()
    sizes_figure(spec, MIXED).draw(figure)
    return figure


def test_each_field_has_its_sizes_and_its_share(drawn):
    """Dots at the sizes, bars as long as the share of the parameters, the first field on top."""
    sizes, parameters, _ = drawn.axes
    dots = [tuple(spot) for spot in sizes.collections[1].get_offsets().tolist()]
    assert sorted(dots) == [(0, 2), (2, 0), (8, 1), (64, 0)]
    # The whole of a field is drawn first, its first part over it.
    widths = [bar.get_width() for bar in parameters.patches]
    assert widths[0] == pytest.approx(100 * 820 / 1220)
    assert sorted(widths[1:]) == pytest.approx([100 * n / 1220 for n in (0, 400, 640)])
    assert [label.get_text() for label in sizes.get_yticklabels()] == list(MIXED.names)
    assert sizes.get_ylim()[0] > sizes.get_ylim()[1]
    assert "1,220 embedding parameters, 24.8%" in drawn.get_suptitle()  # 1220 / (154 * 32)


def test_every_size_has_a_colour_of_its_own_and_a_place_in_the_legend(drawn):
    """Blocks of one size look alike wherever they are."""
    _, parameters, legend = drawn.axes
    assert len({bar.get_facecolor() for bar in parameters.patches}) == 4
    assert [text.get_text() for text in legend.get_legend().get_texts()] == ["0", "2", "8", "64"]


def test_the_numbers_in_the_figure_are_in_its_table(spec):
    """A row for each block, with where it begins."""
    assert sizes_figure(spec, MIXED).data.frame.to_numpy().tolist() == [
        ["user", 0, 10, 64, 640, 640 / 1220],
        ["user", 10, 90, 2, 180, 180 / 1220],
        ["item [x] $y$", 0, 50, 8, 400, 400 / 1220],
        ["flag", 0, 4, 0, 0, 0],
    ]


@pytest.mark.parametrize("fields", [1, 40])
def test_any_number_of_fields_is_drawn_to_the_same_bytes(spec, fields):
    """PNG and SVG, without a warning, names of any length and characters included."""
    names = [Field(f"{'long ' * 12}$_{number}", 2 + number) for number in range(fields)]
    data = sizes_figure(spec, Allocation.uniform(names, 24))
    files = draw(data)
    assert files == draw(pickle.loads(pickle.dumps(data))), "another process may draw it"
    assert files["png"].startswith(b"\x89PNG") and b"<svg" in files["svg"]
    assert data.size[1] == 1.5 + 0.3 * max(fields, 4)


def test_the_file_holds_the_sizes_and_where_they_come_from(spec):
    """They are read back equal; the spec in it names the very run."""
    environment = {"aesbench": "0.1", "python": "3.11", "packages": {"torch": "2.13.0"}, "cpu": "x"}
    record = RunRecord(spec=spec, status="ok", allocation=MIXED, environment=environment)
    found = json.loads(allocation_files(record)["allocation.json"])
    assert Allocation.from_dict(found["allocation"]) == MIXED
    assert type(spec).from_dict(found["spec"]).run_id == found["run_id"] == spec.run_id
    assert found["versions"] == {"aesbench": "0.1", "python": "3.11", "torch": "2.13.0"}
    assert (found["parameters"], found["share_of_ues_32"]) == (1220, 1220 / (154 * 32))
    assert found["data_hash"] == spec.data_hash and found["seed"] == spec.seed


def test_a_run_without_sizes_has_nothing_to_write(spec):
    """The message says which run and why."""
    error = {"type": "ValueError", "message": "a bug", "phase": "search", "traceback": ""}
    record = RunRecord(spec=spec, status="failed", error=error)
    with pytest.raises(RecordError, match=f"{spec.run_id} failed: a bug"):
        allocation_files(record)
    with pytest.raises(RecordError, match="found no sizes"):
        allocation_files(dataclasses.replace(record, status="ok", error=None))


def test_a_masked_field_is_drawn_with_what_it_keeps(spec):
    """A hollow dot at the mean size that is kept; the numbers have columns of the mask."""
    fields = [Field("user", 100), Field("item", 50)]
    keeps = [np.arange(800).reshape(100, 8) % 16 == 0, np.ones((50, 4), dtype=np.bool_)]
    masked = Allocation.masked(fields, keeps)
    data = sizes_figure(spec, masked)
    user, item = data.data.frame.to_dict("records")
    assert (user["parameters"], user["unmasked parameters"], user["rows kept"]) == (50, 800, 50)
    assert (user["index bytes"], user["index format"]) == (50 + 404, "csr")
    assert user["share of parameters"] == 50 / 250 and item["parameters"] == 200
    assert "hollow dot" in data.caption and "user: 8, 0.50 of them kept" in data.alternative
    assert draw(data)["svg"] == draw(sizes_figure(spec, masked))["svg"]
    assert b"(0.5 kept)" in draw(data)["svg"]
    plain = sizes_figure(spec, Allocation.uniform(fields, 8))
    assert "hollow" not in plain.caption and "rows kept" not in plain.data.frame


def test_a_hashed_field_costs_its_vectors(spec):
    """Of 100 ids that share 25 vectors of size 8."""
    hashed = Allocation(("user", "item"), ((Block(100, 8, 25),), (Block(50, 4),)))
    user, item = sizes_figure(spec, hashed).data.frame.to_dict("records")
    assert (user["values"], user["parameters"], item["parameters"]) == (100, 200, 200)
    assert user["share of parameters"] == 0.5


def test_masks_lie_beside_the_file(spec, tmp_path):
    """They are read back with it, under whatever name it was written."""
    fields = [Field("user", 4), Field("item", 3)]
    masked = Allocation.masked(fields, [np.eye(4, 2) > 0, np.ones((3, 2), dtype=np.bool_)])
    files = allocation_files(RunRecord(spec=spec, status="ok", allocation=masked), "mine")
    assert list(files) == ["mine.json", "mine.npz"]
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    found = json.loads(files["mine.json"])
    assert (found["parameters"], found["index_bytes"], found["unmasked_parameters"]) == (8, 17, 14)
    again = read_masks(tmp_path / found["masks"], Allocation.from_dict(found["allocation"]))
    assert again == masked and np.array_equal(again.masks[0].values(), np.eye(4, 2) > 0)
