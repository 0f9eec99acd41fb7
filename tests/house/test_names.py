"""``aesbench`` names no plugin: whatever is registered is known by its registry alone.

Read from the source by ``ast``: words of string constants, those of docstrings included. What the
core has a notion of is excepted: uniform, random and given sizes, and generated data. So is one
ordinary word: splits have rules.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from aesbench.plugins.registry import METHODS, PAPERS, SOURCES

ROOT = Path(__file__).resolve().parents[2]
NOTIONS = {"ues", "random", "fixed", "planted", "planted-tiny", "rule"}
METHOD_NAMES = {*METHODS.names(), *PAPERS.names()} - NOTIONS
DATA_NAMES = {*SOURCES.names()} - NOTIONS
HOMES_OF_DATA = ("datasets/sources", "leaderboards")
"""Where real data sets are at home, a class or published scores each."""

MODULES = sorted(path.relative_to(ROOT / "aesbench") for path in ROOT.glob("aesbench/**/*.py"))


def words(text: str) -> set[str]:
    """The words of a text, a name with its hyphens and underscores as one."""
    return {word.strip("-") for word in re.findall(r"[\w-]+", text)}


def named(tree: ast.AST, names: set[str]) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of every string constant that holds one of these names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for name in sorted(names & words(node.value)):
                yield node.lineno, name


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_no_module_names_a_plugin(module):
    """Neither a method or paper nor, outside its home, a data set that is not ours to generate."""
    is_home = module.as_posix().startswith(HOMES_OF_DATA)
    names = METHOD_NAMES if is_home else METHOD_NAMES | DATA_NAMES
    tree = ast.parse((ROOT / "aesbench" / module).read_text())
    assert not (found := list(named(tree, names))), found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("x = 'mde:value'", {"mde"}),
        ("'''Compares MDE with mde, on ml1m-static.'''", {"mde", "ml1m-static"}),
        ("f'{x}adass:r[steps={y}]'", {"adass"}),
        ("x = 'modes of ues:32 and random'  # mde", set()),
        ("mde = criteo", set()),
    ],
)
def test_names_are_found_as_words(source, found):
    """In any string, f-strings and docstrings too; in no comment and no identifier."""
    tree = ast.parse(source)
    assert {name for _, name in named(tree, METHOD_NAMES | DATA_NAMES)} == found
