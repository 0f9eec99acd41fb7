"""The installed package holds what the checkout holds, under the right names."""

import tomllib
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IMPORT_NAMES = {
    "aesbench": "aesbench",
    "baselines": "aesbench_baselines",
    "methods": "aesbench_methods",
}


@pytest.fixture(scope="module")
def project() -> dict:
    """pyproject.toml, read."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_folder_of_code_is_a_listed_package(project):
    """A new sub-folder that is not listed would be missing from the wheel."""
    folders = {
        path.parent.relative_to(ROOT) for top in IMPORT_NAMES for path in (ROOT / top).rglob("*.py")
    }
    expected = {".".join((IMPORT_NAMES[f.parts[0]], *f.parts[1:])) for f in folders}
    assert set(project["tool"]["setuptools"]["packages"]) == expected


def test_every_file_beside_the_code_is_listed(project):
    """The page without its template or script would be found out by users only.

    Only places of the tabular benchmark come and go, and are listed by patterns.
    """
    beside = {
        path
        for top in IMPORT_NAMES
        for path in (ROOT / top).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    tops = {name: top for top, name in IMPORT_NAMES.items()}
    listed = set()
    for package, names in project["tool"]["setuptools"]["package-data"].items():
        top, *inner = package.split(".")
        for name in names:
            found = set((ROOT / tops[top]).joinpath(*inner).glob(name))
            assert found or "*" in name, f"{package} lists {name}"
            listed |= found
    assert beside == listed


@pytest.mark.parametrize("folder", IMPORT_NAMES)
def test_what_is_installed_is_what_the_checkout_holds(folder):
    """A stale build/ folder would ship modules that were deleted: remove it and install again."""
    spec = find_spec(IMPORT_NAMES[folder])
    installed = Path(spec.origin).parent
    assert files(installed) == files(ROOT / folder)


def files(folder):
    """The files under a folder, but for what Python makes there."""
    kept = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(folder) for path in kept}


@pytest.mark.parametrize("kind", ["methods", "datasets", "backbones"])
def test_every_entry_point_is_installed_and_loads(project, kind):
    """What pyproject.toml declares is what an installed aesbench offers, and it imports."""
    group = f"aesbench.{kind}"
    installed = {point.name: point for point in entry_points(group=group)}
    for name, value in project["project"]["entry-points"][group].items():
        assert installed[name].value == value
        assert installed[name].load().name == name


def test_lower_bounds_are_what_the_lowest_environment_installs(project):
    """`tox -e lowest` tests the very versions that pyproject.toml claims, torch aside."""
    lines = (ROOT / "tests" / "constraints-lowest.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    project_table = project["project"]
    claimed = dict(
        requirement.split(">=")
        for requirement in (
            *project_table["dependencies"],
            *project_table["optional-dependencies"]["test"],
        )
    )
    assert pinned.keys() >= claimed.keys()
    for name, version in claimed.items():
        if name != "torch":
            assert pinned[name] == version, name
