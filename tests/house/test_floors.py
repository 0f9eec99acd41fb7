"""A folder imports lower folders only, plugins stand alone, and a report needs no torch.

Read from the source by ``ast``, so that an import inside a function counts like any other.
"""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

STOREYS = (
    ("_version", "errors"),
    ("core",),
    ("datasets",),
    ("models",),
    ("search",),
    ("plugins",),
    ("tabular",),
    ("report",),
    ("harness",),
    ("export", "leaderboards", "testing"),
    ("terminal",),
    ("cli",),
    ("__main__",),
)
"""Folders and files of ``aesbench/`` from the ground up; those of one storey know nothing of each
other. ``aesbench`` itself, the public names, is the roof: they are imported when first used."""
ROOF = len(STOREYS)
INNER = {"report": ("statistics", "draw", "groups", "evidence", "exhibits", "page")}
"""{room: its folders and files, from the ground up as well}."""
HIGHEST_FOR = {
    "datasets": "datasets",
    "backbones": "models",
    "methods": "plugins",
    "papers": "report",
    "exhibits": "report",
}
"""{kind of plugin: the highest storey that it may use}."""
MOST_AT_ROOT = 6
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
    """The modules that a module imports: ``aesbench.core.record``, not ``...record.RunRecord``."""
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


def room(module: str) -> str:
    """The folder of ``aesbench/`` that a module lies in, or its own name at the root."""
    return module.split(".")[1] if "." in module else ""


def floor(module: str) -> int:
    """The storey of a module."""
    for number, rooms in enumerate(STOREYS):
        if room(module) in rooms:
            return number
    if module == "aesbench":
        return ROOF
    pytest.fail(f"{module} lies in no storey yet; give its folder one in {Path(__file__).name}")


def of_core(names: set[str]) -> set[str]:
    """Those of the names that are modules of aesbench itself."""
    return {name for name in names if name == "aesbench" or name.startswith("aesbench.")}


@pytest.mark.parametrize("module", sorted(CORE.keys() - {"aesbench"}))
def test_a_module_imports_from_its_room_or_from_below(module):
    """What it imports, in functions and for types too, lies in its folder or on a lower floor."""
    for other in of_core(imported(module, CORE[module])):
        is_below = floor(other) < floor(module)
        assert is_below or room(other) == room(module), f"{module} imports {other}"


def part(module: str) -> int | None:
    """The storey of a module within its room; None for the room's own package."""
    parts = module.split(".")
    return INNER[parts[1]].index(parts[2]) if len(parts) > 2 else None


@pytest.mark.parametrize("module", sorted(m for m in CORE if room(m) in INNER))
def test_a_room_has_storeys_as_well(module):
    """Statistics are not drawn to be computed, and no exhibit knows the page that it is on."""
    for other in of_core(imported(module, CORE[module])):
        if room(other) == room(module):
            above, below = part(module), part(other)
            assert above is None or (below is not None and below <= above), other


def test_the_hall_is_small():
    """At the root of the package lie few files: what it does is told by its folders."""
    assert len(list((ROOT / "aesbench").glob("*.py"))) <= MOST_AT_ROOT


def test_no_imports_go_in_a_circle():
    """Modules can be put in an order in which each imports earlier ones only."""
    waiting = {m: of_core(imported(m, t, types=False)) - {m} for m, t in CORE.items()}
    while ready := [m for m, others in waiting.items() if not others & waiting.keys()]:
        for module in ready:
            del waiting[module]
    assert not waiting


def plugin_modules(kind: str) -> list[str]:
    """The modules behind the entry points of one kind that this project declares."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    points = project["entry-points"].get(f"aesbench.{kind}", {}).values()
    return sorted({value.partition(":")[0] for value in points})


def behind(module: str) -> set[str]:
    """A plugin's module and whatever of its own package it imports."""
    seen, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name in PLUGINS and name not in seen:
            seen.add(name)
            waiting += imported(name, PLUGINS[name])
    return seen


@pytest.mark.parametrize(
    ("kind", "module"), [(kind, module) for kind in HIGHEST_FOR for module in plugin_modules(kind)]
)
def test_a_plugin_uses_its_contract_and_what_lies_below_it(kind, module):
    """No method reaches for the report, the runner or the command line, and so for every kind."""
    highest = next(n for n, rooms in enumerate(STOREYS) if HIGHEST_FOR[kind] in rooms)
    if module in CORE:
        assert floor(module) <= highest
    for own in behind(module):
        for other in of_core(imported(own, PLUGINS[own])) - {"aesbench"}:
            assert floor(other) <= highest, f"{own} imports {other}"


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
        "from .harness.runner import run\n"
        "def late():\n    from aesbench import cli\n"
        "if TYPE_CHECKING:\n    import aesbench.harness.grid\n"
    )
    names = imported("aesbench.errors", tree)
    assert names == {"aesbench.harness.runner", "aesbench.cli", "aesbench.harness.grid"}
    assert imported("aesbench.errors", tree, types=False) == names - {"aesbench.harness.grid"}
    assert imported("aesbench.report.html", ast.parse("from ..cli import main")) == {"aesbench.cli"}
