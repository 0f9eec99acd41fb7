"""One compact LaTeX table for a paper: methods by places, scores with what chance leaves of them.

A cell is a mean with its standard deviation over seeds; the best of a column is in bold, the second
underlined, and what differs from a baseline beyond chance is marked. The caption says what that
means, so that the file stands alone: it needs booktabs and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aesbench._version import __version__
from aesbench.core.label import Label
from aesbench.core.pack import NO_COST
from aesbench.core.phrasing import many, natural, span
from aesbench.errors import ConfigError, RecordError, did_you_mean
from aesbench.plugins.exhibit import Evidence
from aesbench.plugins.paper import Place
from aesbench.report.exhibits.overview import MOST_ROWS
from aesbench.report.page.write_tables import latex_escape
from aesbench.report.statistics.contenders import (
    BEST,
    Contender,
    competitions,
    differences,
    is_uniform,
)
from aesbench.report.statistics.paired import ALPHA, clear, family
from aesbench.report.statistics.scores import (
    REFERENCE,
    Measure,
    best,
    over_seeds,
    search_seconds,
)
from aesbench.report.statistics.summary import Summary

if TYPE_CHECKING:
    import pandas as pd

Rows = Mapping[Place, Mapping[str, Contender]]
"""{place: {key: its row}}."""

BETTER, WORSE = r"$^{\ast}$", r"$^{\dagger}$"
_NARROW = 3
"""So many columns of numbers fit into a column of two."""


@dataclass(frozen=True)
class Column:
    """What a column shows of a row's runs.

    Attributes:
        title: its head, as LaTeX.
        measure: a column of the frame of runs, or what is computed of it.
        text: a mean as LaTeX.
        legend: what it is, for the caption, as LaTeX.
        better: 1 if more is better, -1 if less is; 0 for what is weighed and not ranked.
    """

    title: str
    measure: Measure
    text: Callable[[float], str]
    legend: str
    better: int = 0


def _score(value: float) -> str:
    """Return four decimals without the zero before the point."""
    return f"{value:.4f}".removeprefix("0")


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _seconds(value: float) -> str:
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def _share(value: float) -> str:
    return f"{100 * value:.1f}".replace("-", "$-$")


COLUMNS = {
    "auc": Column(r"AUC$\,\uparrow$", "test_auc", _score, "AUC", 1),
    "logloss": Column(r"LogLoss$\,\downarrow$", "test_logloss", _score, "LogLoss", -1),
    "params": Column("Params", "embedding_params", _count, "Params: embedding parameters"),
    "pr": Column(
        r"P-R (\%)", "param_reduction", _share, "P-R: embedding parameters saved against UES-32"
    ),
    "flops": Column("FLOPs", "flops", _count, "FLOPs per sample, a multiply-add counting once"),
    "search": Column(
        "Search (s)", search_seconds, _seconds, "Search: wall seconds of preparation and search"
    ),
    "retrain": Column("Retrain (s)", "retrain_s", _seconds, "Retrain: wall seconds of retraining"),
}
"""{what a user calls a column: the column}."""
OF_ONE_PLACE = ("auc", "logloss", "params", "pr", "search")
OF_PLACES = ("auc",)
"""The columns unless others are asked for."""


def paper_table(
    evidence: Evidence,
    columns: Sequence[str] | None = None,
    places: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    baseline: str = REFERENCE,
) -> str:
    """Return a ``table`` environment with methods as rows and the columns of each place.

    Args:
        evidence: of the records.
        columns: of each place, keys of ``COLUMNS`` in their order; if None AUC alone where there
            are several places, else ``OF_ONE_PLACE``.
        places: ``dataset`` or ``dataset/backbone``, in their order; all if None.
        methods: labels, or ``best-ues``, in their order, with or without runs; if None UES-32, the
            best uniform size, and the methods that ran with nothing changed, ablations aside.
        baseline: that differences are marked from, among the methods or not.

    Raises:
        ConfigError: a column, place or method is unknown; the message names it and the nearest.
        RecordError: nothing was retrained.
    """
    everywhere = competitions(evidence)
    if not everywhere:
        raise RecordError(
            "nothing was retrained, so there are no scores to print: give the command of a run"
            " without --search-only, as in aesbench run --methods ues:32"
        )
    rows = {
        place: {row.key: row for row in everywhere[place]} for place in _places(everywhere, places)
    }
    if columns is None:
        columns = OF_ONE_PLACE if len(rows) == 1 else OF_PLACES
    chosen = {key: _known("column", key, COLUMNS) for key in columns}
    if not chosen:
        raise ConfigError(f"no column to show: choose among {', '.join(COLUMNS)}")
    if methods is None:
        keys = _by_default(evidence, rows)
    else:
        keys = [_key(evidence, everywhere, key) for key in dict.fromkeys(methods)]
    if not keys:
        raise ConfigError("no method to show: name some by their labels, as in ues:32,ues:8")
    baseline = _key(evidence, everywhere, baseline)
    shown = _Shown(rows, keys, list(chosen.values()), baseline)
    cells = [shown.cells(place, column) for place in rows for column in shown.columns]
    names = [latex_escape(_name(evidence, key)) for key in keys]
    lines = [" & ".join(line) for line in zip(names, *cells, strict=True)]
    body = r" \\" + "\n"
    aligned = "".join("c" if column.better else "r" for column in shown.columns) * len(rows)
    is_wide = len(cells) > _NARROW
    kind = "table*" if is_wide else "table"
    return "\n".join(
        (
            f"% Made by aesbench {__version__}; needs \\usepackage{{booktabs}}.",
            f"\\begin{{{kind}}}",
            r"\centering",
            r"\setlength{\belowcaptionskip}{6pt}",
            rf"\caption{{{_caption(evidence, shown)}}}",
            r"\label{tab:aesbench}",
            r"\footnotesize" if is_wide else r"\small",
            r"\setlength{\tabcolsep}{4pt}",
            rf"\begin{{tabular}}{{l{aligned}}}",
            r"\toprule",
            *_heads(evidence, shown),
            r"\midrule",
            body.join(lines) + r" \\",
            r"\bottomrule",
            r"\end{tabular}",
            f"\\end{{{kind}}}",
            "",
        )
    )


def _known(what: str, key: str, known: Mapping[str, Column]) -> Column:
    if key not in known:
        raise ConfigError(
            f"unknown {what} '{key}'{did_you_mean(key, known)} Known are {', '.join(known)}"
        )
    return known[key]


def _places(known: Iterable[Place], names: Sequence[str] | None) -> list[Place]:
    """Return the places that names mean: one, or all of a data set."""
    known = list(known)
    if names is None:
        return known
    texts = {"/".join(place): [place] for place in known}
    for place in known:
        texts.setdefault(place.dataset, []).append(place)
    found: list[Place] = []
    for name in names:
        if name not in texts:
            raise ConfigError(
                f"nothing was retrained at '{name}'{did_you_mean(name, texts)}"
                f" Known are {', '.join(map('/'.join, known))}"
            )
        found += texts[name]
    if not found:
        raise ConfigError(f"no place to show: choose among {', '.join(texts)}")
    return list(dict.fromkeys(found))


def _key(evidence: Evidence, everywhere: Mapping[Place, Sequence[Contender]], key: str) -> str:
    """Return a key that is a row somewhere, or of a paper's line-up."""
    known = dict.fromkeys(row.key for rows in everywhere.values() for row in rows)
    known |= dict.fromkeys(choice for paper in evidence.papers for choice in paper.line_up)
    if key not in known:
        raise ConfigError(
            f"no retrained run is labelled '{key}'{did_you_mean(key, known)}"
            " aesbench list runs shows the labels"
        )
    return key


def _by_default(evidence: Evidence, rows: Rows) -> list[str]:
    """Return the keys of rows with runs: baselines, then whatever else ran.

    Of more rows than a table is read with, those that were changed by hand are left out.
    """
    apart = evidence.apart
    ran = {key for of_place in rows.values() for key, row in of_place.items() if len(row.runs)}
    labels = [key for of_place in rows.values() for key in of_place if not is_uniform(key)]
    others = [key for key in dict.fromkeys(labels) if key in ran - apart - {BEST}]
    if len(others) > MOST_ROWS:
        others = [key for key in others if Label.parse(key).without("tuned").is_plain]
    return [key for key in (REFERENCE, BEST) if key in ran] + others


def _name(evidence: Evidence, key: str) -> str:
    """Return what a row is called; the best uniform size may be another at each place."""
    return "Best UES" if key == BEST else evidence.method(key)


@dataclass(frozen=True, eq=False)
class _Shown:
    """What a table shows: the rows of each place by their keys, those shown, the columns."""

    rows: Rows
    keys: Sequence[str]
    columns: Sequence[Column]
    baseline: str

    def summary(self, place: Place, key: str, column: Column) -> Summary | None:
        """Return what the runs of a row come to; None without any."""
        row = self.rows[place].get(key)
        if row is None:
            return None
        measure = column.measure
        values = row.runs[measure] if isinstance(measure, str) else measure(row.runs)
        return over_seeds(row.runs[values.notna()], measure)

    def seeds_of(self, place: Place, key: str) -> int:
        """Return how many seeds a row has at a place."""
        row = self.rows[place].get(key)
        return 0 if row is None else row.runs["seed"].nunique()

    def seeds(self) -> list[int]:
        """Return how many seeds each row has at each place where it ran."""
        return [n for place in self.rows for key in self.keys if (n := self.seeds_of(place, key))]

    def lacks_costs(self) -> bool:
        """Whether costs are shown that runs lack which were retrained in packs."""
        return COLUMNS["retrain"] in self.columns and any(
            (row.runs["pack"] > 1).any()
            for of_place in self.rows.values()
            for key, row in of_place.items()
            if key in self.keys
        )

    def cells(self, place: Place, column: Column) -> list[str]:
        """Return a column of a place, row by row."""
        found = [self.summary(place, key, column) for key in self.keys]
        texts = ["--" if one is None else column.text(one.mean) for one in found]
        if not column.better:
            for number, (key, one) in enumerate(zip(self.keys, found, strict=True)):
                if one is not None and one.n < self.seeds_of(place, key):
                    texts[number] += rf"{{\scriptsize\,($n = {one.n}$)}}"
            return texts
        means = [None if one is None else one.mean for one in found]
        first = best(means, least=column.better < 0)
        others = [None if is_first else m for m, is_first in zip(means, first, strict=True)]
        second = best(others, least=column.better < 0)
        marks = self._marks(place, column)
        for number, one in enumerate(found):
            if one is None:
                continue
            if first[number]:
                texts[number] = rf"\textbf{{{texts[number]}}}"
            elif second[number]:
                texts[number] = rf"\underline{{{texts[number]}}}"
            texts[number] += marks[number]
            if one.std is not None:
                texts[number] += rf"{{\scriptsize\,$\pm$\,{column.text(one.std)}}}"
        return texts

    def differences(self, place: Place, column: Column) -> pd.DataFrame:
        """Return the differences of the rows from the baseline, p corrected over them."""
        rows = self.rows[place]
        theirs = rows.get(self.baseline)
        # The best uniform size is one of the sizes: a row may be the baseline by another name.
        ours = [
            rows[key]
            for key in self.keys
            if key in rows and (theirs is None or rows[key].label != theirs.label)
        ]
        known = [] if theirs is None else [theirs]
        return differences([*known, *ours], self.baseline, column.measure)

    def _marks(self, place: Place, column: Column) -> list[str]:
        """Return what marks each row: as wide where nothing does, if anything is marked."""
        found = self.differences(place, column)
        is_clear = clear(found)
        marks = {
            key: BETTER if found["difference"][key] * column.better > 0 else WORSE
            for key in found.index[is_clear]
        }
        none = rf"\phantom{{{BETTER}}}" if marks else ""
        return [marks.get(key, none) for key in self.keys]


def _heads(evidence: Evidence, shown: _Shown) -> list[str]:
    """Return the lines of the head: places over their columns, or the one or the other."""
    columns = [column.title for column in shown.columns]
    names = [
        (latex_escape(evidence.title(place.dataset)), latex_escape(evidence.title(place.backbone)))
        for place in shown.rows
    ]
    if len(names) == 1:
        return [" & ".join(("Method", *columns)) + r" \\"]
    if len(columns) == 1:
        stacked = [rf"\shortstack{{{dataset}\\{backbone}}}" for dataset, backbone in names]
        return [" & ".join(("Method", *stacked)) + r" \\"]
    wide = len(columns)
    over = [rf"\multicolumn{{{wide}}}{{c}}{{{', '.join(pair)}}}" for pair in names]
    rules = [
        rf"\cmidrule(lr){{{2 + wide * place}-{1 + wide * (place + 1)}}}"
        for place in range(len(names))
    ]
    return [
        " & ".join(("", *over)).lstrip() + r" \\",
        "".join(rules),
        " & ".join(("Method", *columns * len(names))) + r" \\",
    ]


def _caption(evidence: Evidence, shown: _Shown) -> str:
    """Return what the numbers are, as LaTeX."""
    places = list(shown.rows)
    where = f" on {latex_escape(evidence.place(places[0]))}" if len(places) == 1 else ""
    ranked = [column for column in shown.columns if column.better]
    seeds = shown.seeds()
    most = max(seeds, default=0)
    means = "means"
    if ranked:
        means = f"{' and '.join(column.legend for column in ranked)} on the test split, means"
        means += r" $\pm$ standard deviation" if most > 1 else ""
    texts = [
        f"Embedding-size search{where}: {means} over {span(seeds)}"
        f" seed{'' if most == 1 else 's'}"
        + ("; the best of a column in bold, the second underlined." if ranked else ".")
    ]
    found = [shown.differences(place, column) for place in places for column in ranked]
    tested = [family(one) for one in found if family(one)]
    if tested:
        name = latex_escape(_name(evidence, shown.baseline))
        texts.append(
            rf"{BETTER} better, {WORSE} worse than {name}: paired two-sided $t$-test over seeds,"
            rf" $p < {f'{ALPHA:g}'.removeprefix('0')}$ after Holm's correction over the"
            f" {span(tested)} comparison{'' if max(tested) == 1 else 's'} of a column."
        )
    texts += [f"{column.legend}." for column in shown.columns if not column.better]
    if shown.lacks_costs():
        texts.append(f"{latex_escape(NO_COST).capitalize()}; $n$: seeds that have one.")
    if BEST in (*shown.keys, shown.baseline):
        chosen = {
            evidence.method(row.label)
            for of_place in shown.rows.values()
            if (row := of_place.get(BEST)) is not None and row.label is not None
        }
        which = ", ".join(sorted(chosen, key=natural))
        texts.append(latex_escape(f"Best UES: the uniform size best on validation ({which})."))
    failed = sum(
        row.failed
        for of_place in shown.rows.values()
        for key, row in of_place.items()
        if key in shown.keys
    )
    if failed:
        texts.append(f"{many(failed, 'failed run')} left out.")
    return " ".join(texts)
