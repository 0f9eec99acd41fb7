"""The report as one page: HTML with its styles, script and figures inside, and nothing to fetch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files

from aesbench._version import __version__
from aesbench.plugins.exhibit import Evidence, Exhibit
from aesbench.report.draw.figure_files import FILES, inline_svg
from aesbench.report.exhibits import overview
from aesbench.report.exhibits.overview import place_of_most_seeds
from aesbench.report.page.provenance import provenance


def page(
    evidence: Evidence,
    exhibits: Sequence[Exhibit],
    tables: Mapping[str, str],
    drawings: Iterable[tuple[str, str]],
    suffixes: Sequence[str] = FILES,
) -> str:
    """Return the page.

    Args:
        evidence: that the report is about.
        exhibits: in the order of reading.
        tables: {table: its HTML}.
        drawings: (figure, its SVG), asked for when all else is made: they may still be drawn.
        suffixes: of the files of figures, to which the page leads.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    folder = files("aesbench.report.page")
    source, script = (
        folder.joinpath(name).read_text(encoding="utf-8") for name in ("page.html", "sort.js")
    )
    runs = evidence.runs
    drawn = dict(drawings)
    place = place_of_most_seeds(evidence)
    name = "-".join(("pareto", *place)) if place else ""
    front = next((f for one in exhibits for f in one.figures if f.name == name), None)
    first = [one for one in exhibits if one.name == overview.NAME]
    return environment.from_string(source).render(
        version=__version__,
        runs=len(runs),
        failed=int((runs["status"] != "ok").sum()),
        first=first[0] if first else None,
        front=front,
        exhibits=[one for one in exhibits if one not in first],
        provenance={one.name: provenance(one, runs) for one in exhibits},
        tables={name: Markup(text) for name, text in tables.items()},
        notes={paper.title: paper.notes for paper in evidence.papers if paper.notes},
        suffixes=sorted(suffixes, reverse=True),
        script=Markup(script.rstrip()),
        drawings={name: Markup(inline_svg(svg, name)) for name, svg in drawn.items()},
        # Once more, with ids of its own.
        first_drawing=Markup(inline_svg(drawn[front.name], "first")) if front else "",
    )
