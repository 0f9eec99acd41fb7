"""Whether a method is ready for others: the contract, one real run, and its time beside UES's."""

from __future__ import annotations

import inspect
import re
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from aesbench.core.record import RunRecord
from aesbench.harness.grid import execute, plan
from aesbench.harness.load_data import load_dataset
from aesbench.plugins.method import Method
from aesbench.plugins.registry import METHODS
from aesbench.testing.conformance import CHECKS, Check, ContractError

DATASET = "planted-tiny"
CONTROL = "ues:16"
"""What a method's run is laid beside: a size that needs no search."""


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        claim: what shall hold, a sentence.
        problem: what does not, and where; empty if it holds.
    """

    claim: str
    problem: str = ""


def chosen(text: str) -> tuple[type[Method], tuple[str, ...]]:
    """Read ``name[:preset]``; a bare name means its default presets.

    Raises:
        ConfigError: the method or the preset is unknown.
    """
    name, colon, preset = text.partition(":")
    method = METHODS.get(name)
    presets = (preset,) if colon else method.default_presets
    for each in presets:
        method.preset(each)
    return method, presets


def claim_of(check: Check, preset: str = "") -> str:
    """Return what a check claims, the first line of its docstring, and of which preset."""
    line = (inspect.getdoc(check) or check.__name__).splitlines()[0]
    return f"{line} ({preset})" if preset else line


def check_contract(method: type[Method], presets: Sequence[str]) -> Iterator[Finding]:
    """Yield what each check of the contract finds, as it finds it."""
    for preset in presets:
        for check in CHECKS:
            yield _find(check, method, preset)


def _find(check: Check, method: type[Method], preset: str) -> Finding:
    claim = claim_of(check, preset)
    try:
        check(method, preset)
    except ContractError as error:
        return Finding(claim, str(error))
    except Exception as error:  # Whatever a method raises is what is to be found.
        where = place_of(traceback.format_exc())
        return Finding(claim, f"{type(error).__name__}: {error}{where}")
    return Finding(claim)


def place_of(text: str) -> str:
    """Return the last place that a traceback names, as in `` (method.py, line 12)``."""
    places = re.findall(r'^  File "(.*)", line (\d+)', text, re.MULTILINE)
    if not places:
        return ""
    path, line = places[-1]
    return f" ({Path(path).name}, line {line})"


def run_beside_control(text: str, plugins: Sequence[Path]) -> list[RunRecord]:
    """Run a method, and then the control, on ``planted-tiny``; nothing is kept on disk.

    Args:
        text: ``name[:preset]``; a bare name means its default presets.
        plugins: Python files that define it.
    """
    data = load_dataset(DATASET)
    specs = plan(data, [text, CONTROL], seeds=[0])
    with TemporaryDirectory(prefix="aesbench-check-") as folder:
        outcome = execute(specs, data, Path(folder), threads=1, plugins=plugins)
    return outcome.records
