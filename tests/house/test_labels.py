"""Nobody but ``Label`` takes a label apart: what it is made of is known in one place.

Read from the source by ``ast``: no text method that cuts or compares, and no regular expression, is
applied to an expression that is called a label.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("aesbench", "methods", "baselines")
CUTTING = {
    *("partition", "rpartition", "split", "rsplit", "startswith", "endswith"),
    *("removeprefix", "removesuffix"),
}
RECORD = "aesbench/core/record.py"
MAY = {RECORD: {"_place"}}
"""{file: the functions that may}: the name of a record's file is made of whatever letters a label
has. ``aesbench/core/label.py`` itself needs no entry, since it reads a text and makes a label."""


def is_label(node: ast.AST) -> bool:
    """Whether an expression is called a label: ``label``, ``spec.label``, ``own_label``."""
    return isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node).endswith("label")


def cuts(tree: ast.AST, function: str = "") -> Iterator[tuple[str, int, str]]:
    """Yield the function, the line and the source of every place that takes a label apart."""
    for node in ast.iter_child_nodes(tree):
        inside = node.name if isinstance(node, ast.FunctionDef) else function
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            by_method = node.func.attr in CUTTING and is_label(owner)
            by_pattern = ast.unparse(owner) == "re" and any(map(is_label, node.args))
            if by_method or by_pattern:
                yield inside, node.lineno, ast.unparse(node)
        yield from cuts(node, inside)


SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nobody_else_takes_labels_apart(path):
    """Whoever needs a part of a label reads it from ``Label.parse`` or ``RunSpec.called``."""
    name = path.relative_to(ROOT).as_posix()
    found = [
        f"{name}:{line}: {source}"
        for function, line, source in cuts(ast.parse(path.read_text()))
        if function not in MAY.get(name, set())
    ]
    assert not found, f"use aesbench.core.label.Label: {found}"


def test_whoever_may_take_labels_apart_does_so():
    """The exception is needed; without it the entry would have to go."""
    found = cuts(ast.parse((ROOT / RECORD).read_text()))
    assert {function for function, _, _ in found} == MAY[RECORD]


@pytest.mark.parametrize(
    "source",
    [
        'label.partition("+")',
        'spec.label.removesuffix("+search-only")',
        'record.spec.label.startswith("ues")',
        're.match("ues", label)',
        're.split("[+@]", first.label)[0]',
        '[x for x in y if not x.label.endswith("]")]',
    ],
)
def test_the_check_would_notice(source):
    """Every way that was once in use is seen."""
    assert [place for place, _, _ in cuts(ast.parse(f"def f():\n    {source}"))] == ["f"]


@pytest.mark.parametrize(
    "source", ["spec.called.without('share')", "name.split('-')", "re.sub('x', 'y', text)"]
)
def test_the_check_leaves_other_texts_alone(source):
    """Names of sizes, presets and files are no labels."""
    assert not list(cuts(ast.parse(source)))
