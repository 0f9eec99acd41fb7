"""Every exhibit that the evidence bears on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from operator import itemgetter

from aesbench.errors import AesbenchError, ConfigError, RecordError
from aesbench.plugins.exhibit import Evidence, Exhibit
from aesbench.plugins.paper import Paper
from aesbench.plugins.registry import EXHIBITS
from aesbench.report.exhibits import comparison, matched, overview, pareto, probes, ranks, truth

Builder = Callable[[Evidence], Iterable[Exhibit]]


def build_exhibits(evidence: Evidence) -> list[Exhibit]:
    """Return the comparisons, the papers' own exhibits, ours beyond them, and others'.

    Raises:
        RecordError: two exhibits, tables or figures have one name.
        ConfigError: an exhibit of a plugin cannot be imported, or fails.
    """
    return [exhibit for _, exhibit in sorted(as_made(evidence), key=itemgetter(0))]


def as_made(evidence: Evidence) -> Iterator[tuple[int, Exhibit]]:
    """Yield each exhibit as it is made, with its place in the order of reading.

    From the last to the first: papers have their tables before their figures, and figures are
    drawn while the next exhibits are made.

    Raises:
        RecordError, ConfigError: as in ``build_exhibits``.
    """
    taken: set[tuple[str, str]] = set()
    for place, build in reversed([*enumerate(_builders(evidence))]):
        for exhibit in build(evidence):
            names = [("exhibit", exhibit.name)]
            names += [("table", table.name) for table in exhibit.tables]
            names += [("figure", figure.name) for figure in exhibit.figures]
            for kind, name in names:
                if (kind, name) in taken:  # Its files would replace another's.
                    raise RecordError(f"two {kind}s are called '{name}'; rename one")
                taken.add((kind, name))
            yield place, exhibit


def _builders(evidence: Evidence) -> list[Builder]:
    """Return what builds the exhibits, in the order of reading."""
    builders: list[Builder] = [
        overview.build,
        comparison.build,
        probes.build,
        truth.build,
    ]
    for paper in evidence.papers:
        builders += [partial(_of_paper, paper, build) for build in paper.exhibits]
    builders += [matched.build, pareto.build, ranks.build]
    return builders + [partial(_of_plugin, name) for name in EXHIBITS.names()]


def _of_paper(paper: Paper, build: Builder, evidence: Evidence) -> Iterator[Exhibit]:
    for exhibit in build(evidence):
        yield replace(exhibit, claim=paper.told(exhibit.claim))


def _of_plugin(name: str, evidence: Evidence) -> Iterator[Exhibit]:
    build = EXHIBITS.get(name)
    try:
        yield from build(evidence)
    except AesbenchError:
        raise
    except Exception as error:  # Whatever a plugin raises is its author's to mend.
        raise ConfigError(
            f"exhibit '{name}' of {EXHIBITS.provider(name)} fails: {type(error).__name__}: {error}"
        ) from error
