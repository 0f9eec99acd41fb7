"""A module imports lower floors only, plugins stand alone, and a report needs no torch.

Read from the source by ``ast``, so that an import inside a function counts like any other.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A module of the same floor may be imported as long as no circle comes of it.
FLOORS = {
    "aesbench._version": 0,
    "aesbench.errors": 0,
    "aesbench.allocation": 0,
    "aesbench.config": 0,
    "aesbench.randomness": 0,
    "aesbench.search_space": 0,
    "aesbench.variants": 0,
    "aesbench.capture": 0,
    "aesbench.record": 1,
    "aesbench.datasheet": 1,
    "aesbench.metrics": 1,
    "aesbench.trace": 1,
    "aesbench.datasets": 1,  # and every module in it
    "aesbench.datasets.clicklog": 1,  # and every module in it
    "aesbench.candidates": 2,
    "aesbench.controller": 2,
    "aesbench.embedding": 2,
    "aesbench.backbones": 2,
    "aesbench.optimizer": 2,
    "aesbench.soft": 2,
    "aesbench.report": 2,  # and every module in it
    "aesbench.report.exhibits": 2,  # and every module in it
    "aesbench.merge": 2,
    "aesbench.inheritance": 3,
    "aesbench.bilevel": 3,
    "aesbench.training": 3,
    "aesbench.cost": 3,
    "aesbench.method": 4,
    "aesbench.registry": 5,
    "aesbench.example": 5,
    "aesbench.conformance": 6,
    "aesbench.catalog": 6,
    "aesbench.environment": 6,
    "aesbench.runner": 6,
    "aesbench.executors": 6,
    "aesbench.ray_cluster": 6,
    "aesbench.ray_executor": 6,
    "aesbench.ray_worker": 6,
    "aesbench.scaffold": 6,
    "aesbench.leaderboard": 6,  # and every module in it
    "aesbench.grid": 7,
    "aesbench.checking": 7,
    "aesbench.pace": 7,
    "aesbench.sharding": 7,
    "aesbench.export": 7,  # and every module in it
    "aesbench.studies": 7,
    "aesbench.tuning": 7,  # and every module in it
    "aesbench.display": 8,
    "aesbench.cli": 8,  # and every module in it
    "aesbench.__main__": 8,
    "aesbench": 9,  # the public names, imported when they are first used
}
HIGHEST_FOR_PLUGINS = 4
PLUGIN_NAMES = {"methods": "aesbench_methods", "baselines": "aesbench_baselines"}


def name_of(path: Path) -> str:
    """The import name of a file of this repository: ``baselines/ues.py`` -> its package's."""
    top, *rest = path.relative_to(ROOT).with_suffix("").parts
    parts = [PLUGIN_NAMES.get(top, top), *rest]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources(*folders: str) -> dict[str, ast.Module]:
    """Every module under these folders, {import name: its syntax tree}."""
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return {name_of(path): ast.parse(path.read_text(), str(path)) for path in paths}


CORE = sources("aesbench")
PLUGINS = sources("methods", "baselines")


def is_for_types_only(node: ast.AST) -> bool:
    """Whether a statement is ``if TYPE_CHECKING:``."""
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def nodes(tree: ast.AST, types: bool) -> Iterator[ast.AST]:
    """Yield every node, those that exist for type checkers only if asked for."""
    for node in ast.iter_child_nodes(tree):
        if is_for_types_only(node) and not types:
            for other in node.orelse:
                yield from nodes(other, types)
            continue
        yield node
        yield from nodes(node, types)


def imported(module: str, tree: ast.Module, *, types: bool = True) -> set[str]:
    """The modules that a module imports, ``aesbench.training`` rather than ``...training.fit``."""
    everything = CORE.keys() | PLUGINS.keys()
    package = module if is_package(module) else module.rpartition(".")[0]
    found = set()
    for node in nodes(tree, types):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *base.split(".")] if base else above)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                found.add(inner if inner in everything else base)
    return found


def is_package(module: str) -> bool:
    """Whether a module of this repository is a package."""
    return any(name.startswith(module + ".") for name in CORE.keys() | PLUGINS.keys())


def floor(module: str) -> int:
    """The floor of a module: its own, or that of its folder."""
    for name in (module, module.rpartition(".")[0]):
        if name in FLOORS and (name == module or name != "aesbench"):
            return FLOORS[name]
    pytest.fail(f"{module} has no floor yet; give it one in FLOORS of tests/test_layers.py")


def of_core(names: set[str]) -> set[str]:
    """Those of the names that are modules of aesbench itself."""
    return {name for name in names if name == "aesbench" or name.startswith("aesbench.")}


@pytest.mark.parametrize("module", sorted(CORE.keys() - {"aesbench"}))
def test_a_module_imports_no_higher_floor(module):
    """What it imports, inside functions and for types too, lies on its floor or below."""
    for other in of_core(imported(module, CORE[module])):
        assert floor(other) <= floor(module), f"{module} imports {other}"


def test_no_imports_go_in_a_circle():
    """Modules can be put in an order in which each imports earlier ones only."""
    waiting = {m: of_core(imported(m, t, types=False)) - {m} for m, t in CORE.items()}
    while ready := [m for m, others in waiting.items() if not others & waiting.keys()]:
        for module in ready:
            del waiting[module]
    assert not waiting


@pytest.mark.parametrize("module", sorted(PLUGINS))
def test_a_plugin_uses_the_contract_and_what_lies_below_it(module):
    """No plugin reaches for the registry, the runner or the command line."""
    for other in of_core(imported(module, PLUGINS[module])) - {"aesbench"}:
        assert floor(other) <= HIGHEST_FOR_PLUGINS, f"{module} imports {other}"


def plugin_of(module: str) -> str:
    """The plugin that a module belongs to: a file of ``baselines``, a folder of ``methods``."""
    return ".".join(module.split(".")[:2])


@pytest.mark.parametrize("module", sorted(PLUGINS))
def test_plugins_never_import_each_other(module):
    """A plugin can be deleted without any other noticing."""
    others = {name for name in imported(module, PLUGINS[module]) if name in PLUGINS}
    assert {plugin_of(name) for name in others} <= {plugin_of(module)}


@pytest.mark.parametrize("module", sorted(CORE))
def test_aesbench_never_names_a_plugin(module):
    """Plugins come by entry point or file; neither an import nor a string names one."""
    packages = tuple(PLUGIN_NAMES.values())
    assert not {n for n in imported(module, CORE[module]) if n.split(".")[0] in packages}
    for node in ast.walk(CORE[module]):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert node.value.split(".")[0].split(":")[0] not in packages, node.value


@pytest.mark.parametrize("folder", ["aesbench", "methods", "baselines", "tests", "examples"])
def test_nothing_imports_a_folder_of_the_checkout(folder):
    """`import methods` succeeds inside the checkout only, and gives a second copy."""
    for path in (ROOT / folder).rglob("*.py"):
        tops = {n.split(".")[0] for n in imported(name_of(path), ast.parse(path.read_text()))}
        assert not tops & PLUGIN_NAMES.keys(), path


def everything_behind(module: str) -> set[str]:
    """All that importing a module may import, at once or when it is used."""
    seen, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += imported(name, CORE[name], types=False) if name in CORE else []
    return seen


@pytest.mark.parametrize("module", sorted(m for m in CORE if m.startswith("aesbench.report")))
def test_a_report_never_needs_torch(module):
    """Records can be tabulated where torch is not installed."""
    tops = {name.split(".")[0] for name in everything_behind(module)}
    assert not tops & {"torch", "fvcore"}


def test_errors_imports_nothing_of_the_package():
    """Every other module may import it."""
    assert not of_core(imported("aesbench.errors", CORE["aesbench.errors"]))


def test_reading_records_does_not_load_torch():
    """`from aesbench import RunRecord` stays quick, in a process of its own."""
    code = (
        "import sys; from aesbench import AesbenchError, RunRecord, RunSpec, read_records;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-I", "-c", code]).returncode == 0


def test_the_check_would_notice():
    """A module that imports upwards, also relatively or inside a function, is seen to do so."""
    tree = ast.parse(
        "from .runner import run\n"
        "def late():\n    from aesbench import cli\n"
        "if TYPE_CHECKING:\n    import aesbench.grid\n"
    )
    names = imported("aesbench.errors", tree)
    assert names == {"aesbench.runner", "aesbench.cli", "aesbench.grid"}
    assert imported("aesbench.errors", tree, types=False) == names - {"aesbench.grid"}
    assert imported("aesbench.report.html", ast.parse("from ..cli import main")) == {"aesbench.cli"}
