"""Files: strict JSON, names that fit, links that are followed."""

import json
import math
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aesbench.core.files import (
    MOST_BYTES,
    file_name,
    from_json,
    json_files,
    to_json,
    write_atomically,
)
from aesbench.errors import RecordError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


def strict(text):
    """What a tool that knows no NaN reads."""
    return json.loads(text, parse_constant=pytest.fail)


def nulled(value):
    """The value as strict JSON can tell it, by the definition."""
    if isinstance(value, dict):
        return {key: nulled(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [nulled(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@given(VALUES)
def test_whatever_is_written_is_strict_json(value):
    """What is not finite is null, all else as it was."""
    assert strict(to_json(value)) == nulled(value)


@pytest.mark.parametrize("text", ["NaN", '{"a": [1, Infinity]}', "[-Infinity]"])
def test_what_is_no_json_is_not_read(text):
    """Python alone would take it."""
    with pytest.raises(ValueError, match="neither JSON nor a measurement"):
        from_json(text)


@given(st.text(st.characters(exclude_characters="/\\\0"), min_size=1, max_size=60))
def test_a_text_that_can_be_a_name_is_one(text):
    """Nothing that has a place on a disk moves."""
    assert file_name(text) == text or text in (".", "..")


@given(st.text(min_size=1, max_size=400), st.sampled_from((40, MOST_BYTES)))
def test_a_name_fits_and_is_one_part_of_a_path(text, most):
    """In bytes, whatever the letters."""
    name = file_name(text, most)
    assert len(name.encode(errors="surrogatepass")) <= most
    assert os.path.basename(name) == name and name not in (".", "..")


def test_long_texts_that_begin_alike_have_names_of_their_own():
    """A hash of all of it ends the name."""
    names = {file_name("x" * 300 + end) for end in ("", "a", "b")}
    assert len(names) == 3 and all(name.startswith("x" * 200) for name in names)
    assert file_name("../up") != file_name("..-up")


def test_the_longest_name_can_be_written(tmp_path):
    """The temporary file beside it has no longer one."""
    path = tmp_path / ("n" * (MOST_BYTES - 5) + ".json")
    write_atomically(path, "{}")
    assert path.read_text() == "{}"


@pytest.fixture
def folder(tmp_path):
    """`here/a/1.json`, and `there/2.json` outside of it."""
    for path in ("here/a/1.json", "there/b/2.json"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text("{}")
    return tmp_path / "here"


def names(folder):
    """The files under a folder, by their paths in it."""
    return [path.relative_to(folder).as_posix() for path in json_files(folder)]


def test_a_linked_folder_counts_as_what_it_leads_to(folder):
    """Deep inside, at the top, and the folder itself."""
    (folder / "a" / "link").symlink_to(folder.parent / "there", target_is_directory=True)
    assert names(folder) == ["a/1.json", "a/link/b/2.json"]
    (folder.parent / "whole").symlink_to(folder, target_is_directory=True)
    assert names(folder.parent / "whole") == ["a/1.json", "a/link/b/2.json"]


def test_a_file_that_two_paths_lead_to_counts_once(folder):
    """By the path without a link, though others come first."""
    (folder / "0").symlink_to(folder / "a", target_is_directory=True)
    (folder / "0.json").symlink_to(folder / "a" / "1.json")
    (folder / "3.json").symlink_to(folder.parent / "there" / "b" / "2.json")
    assert names(folder) == ["3.json", "a/1.json"]


def test_links_in_a_circle_end(folder):
    """Up to the folder itself, and to each other."""
    (folder / "a" / "up").symlink_to(folder, target_is_directory=True)
    (folder / "there").symlink_to(folder.parent / "there", target_is_directory=True)
    (folder.parent / "there" / "back").symlink_to(folder, target_is_directory=True)
    assert names(folder) == ["a/1.json", "there/b/2.json"]


@pytest.mark.parametrize("target", ["missing", "a/lost"])
def test_a_link_that_leads_nowhere_is_named(folder, target):
    """A disk that is not mounted must not look like a study without runs."""
    (folder / "a" / "lost").symlink_to(folder / target)
    with pytest.raises(RecordError, match="a/lost leads nowhere; mend or delete"):
        list(json_files(folder))


def test_what_is_no_folder_is_named(folder):
    """A file where a folder should be; and one that is not there holds nothing."""
    with pytest.raises(RecordError, match="1.json: Not a directory"):
        list(json_files(folder / "a" / "1.json"))
    assert list(json_files(folder / "missing")) == []
