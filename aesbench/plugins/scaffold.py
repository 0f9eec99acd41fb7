"""A new method as a package of its own: the class, its test, the entry point, a README.

What is written works at once: it installs, its test passes, and so does ``aesbench check``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from string import Template

from aesbench._version import __version__
from aesbench.core.files import write_atomically
from aesbench.core.settings import require
from aesbench.errors import ConfigError
from aesbench.plugins.registry import METHODS

_PYPROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "$distribution"
version = "0.1.0"
description = "$title: embedding sizes for aesbench"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["aesbench>=$version"]

[project.optional-dependencies]
test = ["pytest>=8.2"]

# This is how aesbench finds the method; nothing in aesbench changes.
[project.entry-points."aesbench.methods"]
$name = "$module.method:$cls"

[tool.setuptools]
packages = ["$module"]

[tool.pytest.ini_options]
testpaths = ["tests"]
"""

_README = """\
# $title

A method for aesbench: say here what it does, and in which paper.

```bash
pip install -e ".[test]"
aesbench check $name                 # the contract, a run, a timing, a verdict
python -m pytest
aesbench run --methods $name,ues --dataset planted --seeds 3
```

`$module/method.py` is the method. It has one setting: `--set $name.factor=3`.
"""

_INIT = '"""$title: embedding sizes for aesbench."""\n'

_METHOD = '''\
"""$title: what it does, and in which paper."""

from __future__ import annotations

from dataclasses import dataclass

from aesbench import Allocation, Context, Method, require


@dataclass(frozen=True)
class ${cls}Config:
    """Settings; say where each default comes from.

    Attributes:
        factor: dimensions per doubling of the number of values.
    """

    factor: float = 2.0

    def __post_init__(self) -> None:
        require(self.factor > 0, "$name.factor", self.factor, "above 0")


class $cls(Method):
    """A place to start: the candidate size nearest to ``factor * log2(cardinality)``."""

    name = "$name"
    title = "$title"
    Config = ${cls}Config
    config: ${cls}Config

    def search(self, context: Context, prepared: None) -> Allocation:
        """Return a size for each field; draw from ``context.generator`` only."""
        dims = []
        for field in context.fields:
            wish = self.config.factor * field.cardinality.bit_length()
            dims.append(min(context.candidates, key=lambda dim: abs(dim - wish)))
        return Allocation.field_wise(context.fields, dims)
'''

_TEST = '''\
"""$title keeps the plugin contract, and does what it says."""

import pytest
from aesbench import AesbenchError
from aesbench.testing import CHECKS, tiny_context

from $module.method import $cls, ${cls}Config


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(check):
    """Every check of aesbench passes."""
    check($cls, "")


def test_sizes_grow_with_the_number_of_values():
    """3, 300 and 2**20 values have 2, 9 and 21 bits: nearest to 4, 18 and 42 are 2, 16 and 32."""
    shapes = (("few", 3, 1), ("some", 300, 1), ("many", 2**20, 1))
    context = tiny_context(shapes=shapes)
    assert $cls().search(context, None).dims == (2, 16, 32)


def test_a_factor_of_nothing_is_refused():
    """Settings are checked where they are made."""
    with pytest.raises(AesbenchError, match="$name.factor"):
        ${cls}Config(factor=0)
'''

_FILES = {
    "pyproject.toml": _PYPROJECT,
    "README.md": _README,
    "$module/__init__.py": _INIT,
    "$module/method.py": _METHOD,
    "tests/test_$module.py": _TEST,
}


@dataclass(frozen=True)
class Scaffold:
    """The package of a method that is still to be written.

    Attributes:
        name: what ``--methods`` shall call it.
    """

    name: str

    def __post_init__(self) -> None:
        require(
            re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", self.name) is not None,
            "the method's name",
            self.name,
            "small letters and digits, a letter first, with single hyphens, as in log-size",
        )
        if self.name in METHODS.names():
            raise ConfigError(
                f"method '{self.name}' is already provided by {METHODS.provider(self.name)}; choose"
                " another name"
            )

    def files(self) -> dict[str, str]:
        """Return ``{path: text}``."""
        words = self.name.split("-")
        values = {
            "name": self.name,
            "title": " ".join(words).capitalize(),
            "cls": "".join(word.capitalize() for word in words),
            "module": "aesbench_" + "_".join(words),
            "distribution": f"aesbench-{self.name}",
            "version": __version__,
        }
        return {
            Template(path).substitute(values): Template(text).substitute(values)
            for path, text in _FILES.items()
        }

    def write(self, folder: Path) -> list[Path]:
        """Write the package and return its paths.

        Raises:
            ConfigError: the folder is there and holds something.
            RecordError: it cannot be written.
        """
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ConfigError(f"{folder} is already there; choose another folder with --dir")
        files = self.files()
        for path, text in files.items():
            write_atomically(folder / path, text)
        return [folder / path for path in files]
