"""From records to the evidence that exhibits are made from: one frame, names, an order, looks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from aesbench.core.datasheet import read_results
from aesbench.core.frame import records_frame
from aesbench.core.headroom import Headroom
from aesbench.core.label import Label
from aesbench.core.phrasing import natural
from aesbench.core.record import RunRecord
from aesbench.errors import AesbenchError, ConfigError, did_you_mean
from aesbench.plugins.exhibit import Evidence
from aesbench.plugins.paper import Paper, Place
from aesbench.plugins.registry import BACKBONES, METHODS, PAPERS, SOURCES
from aesbench.report.draw.theme import looks_in_order
from aesbench.report.groups import Groups, grouped
from aesbench.report.statistics.scores import GIVEN, PLANTED, RANDOM, UNIFORM, uniform_of
from aesbench.tabular.headroom import in_results, known_headrooms


@dataclass(frozen=True)
class View:
    """What of the records a report is about, and how it is looked at; by default all of them.

    Attributes:
        methods: only these, as a label, ``name:preset`` or ``name``; uniform sizes and the
            baseline, which they are held against, stay.
        datasets: only these.
        baseline: the label that others are held against, in place of uniform sizes.
        papers: whose main tables are shown beside the comparison.
    """

    methods: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    baseline: str = ""
    papers: tuple[str, ...] = ()


def evidence_under(results: Path, view: View | None = None) -> Evidence:
    """Return the evidence of the records under a results folder.

    Raises:
        RecordError: a file is not what its place says, or a run appears twice; the message names
            it.
        ConfigError: the view names what no record has, or a paper that is not registered.
    """
    found = gather(read_results(results), view)
    return replace(found, headroom=_headroom(found, known_headrooms(in_results(results))))


def gather(records: Iterable[RunRecord], view: View | None = None) -> Evidence:
    """Return the evidence of some records: the same, however they were collected.

    Raises:
        RecordError: a run appears twice.
        ConfigError: the view names what no record has, or a paper that is not registered.
    """
    view = view or View()
    records = list(records)
    papers = [PAPERS.get(name) for name in PAPERS.names()]
    runs = records_frame(records)
    runs["record"] = pd.Series(records, dtype=object)
    taken = {*SOURCES.names(), *(name for paper in papers for name in paper.datasets)}
    listed = {choice for paper in papers for choice in paper.line_up}
    runs, groups = grouped(runs, taken, listed)
    runs = _viewed(runs, view)
    # Plain objects: exhibits take texts one by one, which pandas' own type for them makes slow.
    runs = runs.astype({name: object for name in runs.select_dtypes(["object", "string"])})
    even = map(uniform_of, runs["budget_share"].dropna().unique())  # Each budget's, run or not.
    order = _order({*runs["choice"], *filter(None, even)}, papers)
    ranks = {choice: rank for rank, choice in enumerate(order)}
    runs = runs.assign(rank=runs["choice"].map(ranks)).sort_values(
        ["dataset", "backbone", "rank", "method", "seed", "search_index"], ignore_index=True
    )
    return Evidence(
        runs=runs.drop(columns="rank"),
        titles=_titles(runs, order, papers, groups),
        registered=groups.registered,
        order=order,
        looks=looks_in_order(order),
        papers=papers,
        views=[PAPERS.get(name) for name in dict.fromkeys(view.papers)],
        baseline=view.baseline,
    )


def _headroom(evidence: Evidence, known: Sequence[Headroom]) -> dict[Place, Headroom]:
    """Return the headroom of each place whose runs were made as its trainings were."""
    found = {}
    first = evidence.runs.drop_duplicates(["dataset", "backbone"])
    for dataset, backbone, record in first[["dataset", "backbone", "record"]].itertuples(
        index=False, name=None
    ):
        for headroom in known:
            if headroom.is_of(record.spec):
                found[Place(dataset, backbone)] = headroom
                break
    return found


def _viewed(runs: pd.DataFrame, view: View) -> pd.DataFrame:
    """Return the runs that a view is about."""
    keep = pd.Series(True, index=runs.index)
    if view.datasets:
        for name in view.datasets:
            _check_known(name, runs["dataset"], "--datasets")
        keep &= runs["dataset"].isin(view.datasets)
    if view.baseline:
        _check_known(view.baseline, runs["method"], "--baseline")
    if view.methods:
        names = [runs[column] for column in ("method", "choice", "base_method")]
        for name in view.methods:
            _check_known(name, pd.concat(names), "--methods")
        wanted = (runs["base_method"] == UNIFORM) | (runs["method"] == view.baseline)
        for of_column in names:
            wanted |= of_column.isin(view.methods)
        keep &= wanted
    return runs[keep].reset_index(drop=True)


def _check_known(name: str, known: pd.Series, option: str) -> None:
    there = sorted(set(known))
    if name not in there:
        raise ConfigError(
            f"{option} {name}: no record has it{did_you_mean(name, there)} There are:"
            f" {', '.join(there)}"
        )


def _order(ran: Iterable[str], papers: Sequence[Paper]) -> list[str]:
    """Return uniform sizes, ascending; the papers' line-ups; whatever else ran."""
    ran = sorted(sorted(ran), key=natural)  # "a1" and "a01" are one number.
    uniform = [choice for choice in ran if Label.parse(choice).name == UNIFORM]
    listed = [choice for paper in papers for choice in paper.line_up]
    return list(dict.fromkeys([*uniform, *listed, *ran]))


def _titles(
    runs: pd.DataFrame, order: Sequence[str], papers: Sequence[Paper], groups: Groups
) -> dict[str, str]:
    """Return what methods, data sets and backbones are called.

    Records say it; for those that are older than titles the papers do, then the registries, which
    are asked last because finding a method loads torch.
    """
    titles = {PLANTED: PLANTED.capitalize()}
    for name, title in (
        ("choice", "title"),
        ("dataset", "dataset_title"),
        ("backbone", "backbone_title"),
    ):
        known = runs.dropna(subset=[title]).drop_duplicates(name, keep="last")
        titles |= dict(zip(known[name], known[title], strict=True))
    for paper in papers:
        titles = {**paper.titles, **titles}
    for choice in order:
        if choice not in titles:
            titles[choice] = _method_title(Label.parse(choice))
    for registry, column in ((SOURCES, "dataset"), (BACKBONES, "backbone")):
        for name in runs[column].unique():
            if name not in titles:
                own = groups.registered.get(name, "")
                is_known = own in registry.names()
                titles[name] = registry.get(own).title if is_known else groups.called[name]
    for name, what in groups.qualified.items():
        titles[name] += f" ({what})"
    return titles


def _method_title(label: Label) -> str:
    """Return what a method is called that no record and no paper names."""
    if label.name in (UNIFORM, GIVEN, RANDOM):
        return f"UES-{label.preset}" if label.name == UNIFORM else label.method
    if label.name not in METHODS.names():
        return label.method
    try:
        return METHODS.get(label.name).title_of(label.preset)
    except AesbenchError:  # Torch is missing, say: a report does without.
        return label.method
