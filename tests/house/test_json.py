"""NaN and Infinity, which are no JSON, enter no file: whoever writes JSON says so."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(
    path for top in ("aesbench", "methods", "baselines") for path in (ROOT / top).rglob("*.py")
)


def lenient(tree: ast.AST) -> list[int]:
    """The lines that write JSON by ``json.dump`` or ``json.dumps`` without ``allow_nan=False``."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("json.dump", "json.dumps")
        and not any(k.arg == "allow_nan" and ast.unparse(k.value) == "False" for k in node.keywords)
    ]


def imports_parts(tree: ast.AST) -> bool:
    """Whether a module knows a function of ``json`` by another name."""
    return any(isinstance(n, ast.ImportFrom) and n.module == "json" for n in ast.walk(tree))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_json_is_written_strictly(path):
    """By ``aesbench.core.files.to_json``, or with ``allow_nan=False``."""
    tree = ast.parse(path.read_text())
    assert not lenient(tree) and not imports_parts(tree)


def test_the_check_would_notice():
    """Whatever else the function is given, and only where it is that of ``json``."""
    lines = ("json.dumps(x)", "json.dump(x, f, allow_nan=True)", "pickle.dumps(x)")
    tree = ast.parse("\n".join([*lines, "json.dumps(x, allow_nan=False)"]))
    assert lenient(tree) == [1, 2]
    assert imports_parts(ast.parse("from json import dumps")) and not imports_parts(tree)
