"""Two results folders of the same runs: which differ, and whether by more than noise.

Equal specs give equal bits where processors, threads and versions are equal. Elsewhere sums are
rounded differently, and training makes another run of it: on small data sets the same spec then
differs almost as much as two seeds do. So a run is judged by the machines that made it, and by
whether it was retrained alone, for a pack rounds differently, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd

from aesbench.core.frame import records_frame, row_identity
from aesbench.core.pack import PACK_TOLERANCE
from aesbench.core.phrasing import natural
from aesbench.core.record import RunRecord, read_records
from aesbench.core.settings import require
from aesbench.errors import ConfigError, RecordError
from aesbench.report.statistics.paired import clear, corrected
from aesbench.report.statistics.paired import compare as compare_scores
from aesbench.report.statistics.scores import compared, seed_means

TOLERANCE = 5e-4
"""Of AUC and LogLoss. Half of what the field calls a difference; machines that are alike give the
same bits, and have no claim to it."""

SEEDS_SPREAD = 3 * 2**0.5
"""Where machines differ: as many standard deviations over seeds, three of those of the difference
between two seeds."""

EQUAL, WITHIN, BEYOND, OTHER_SIZES = "equal", "within", "beyond", "other sizes"
FAILED_MINE, FAILED_THEIRS, BOTH_FAILED = "failed in mine", "failed in theirs", "both failed"
ONLY_MINE, ONLY_THEIRS = "only mine", "only theirs"
_DIFFERENT = (BEYOND, FAILED_MINE, FAILED_THEIRS)

_METRICS = ("auc", "logloss")
_ROUNDING = ("cpu", "device", "threads", "package torch", "package numpy")
"""What decides how sums are rounded."""
_FACTS = ("aesbench", "git commit", "python", "cpu", "device", "threads", "pack")
_GROUPS = {"git": "git", "packages": "package", "providers": "provider"}
_UNKNOWN = "unknown"

Places = Mapping[tuple[str, str], Mapping[str, float]]
"""{(data set, backbone): {metric: the standard deviation over seeds}}."""


@dataclass(frozen=True, eq=False)
class FolderComparison:
    """What two results folders have in common, mine minus theirs.

    Attributes:
        mine, theirs: the folders.
        runs: a row per run that either holds, in the order of data sets, backbones and methods:
            ``run_id``, ``dataset``, ``backbone``, ``method``, ``seed``, ``search_index``; ``auc``
            and ``logloss``, of all splits (or scored allocations) the largest difference; ``limit
            auc`` and ``limit logloss``, from which on it is no noise; ``excess``, how many times
            the limit it is, of the two metrics the larger; ``same_sizes``; ``alike``, whether
            processor, device, threads and versions of torch and numpy are the same; ``packed``,
            whether either of them was retrained in a pack; ``verdict``:
            ``equal`` (to the last bit), ``within``, ``beyond``, ``other sizes`` (of a search
            without a score, on machines that are not alike), ``failed in mine``, ``failed in
            theirs``, ``both failed``, ``only mine``, ``only theirs``.
        methods: a row per data set, backbone and method that both hold with the same data, whatever
            the ids of the runs: ``same runs`` of the seeds that both have, and the columns of
            ``paired_differences`` for test AUC, corrected over all rows; ``beyond`` is true where
            the mean differs by more than the tolerance and its corrected p is below .05.
        environments: what differs of the environments of runs that both made: ``fact``, ``mine``,
            ``theirs``, ``runs``.
        other_data: {data set: its hashes in mine and in theirs}, where both have it and none is in
            both.
    """

    mine: Path
    theirs: Path
    runs: pd.DataFrame
    methods: pd.DataFrame
    environments: pd.DataFrame
    other_data: Mapping[str, tuple[str, str]]

    @property
    def differs(self) -> bool:
        """Whether anything differs beyond noise, or failed in one of them only."""
        runs = self.runs["verdict"].isin(_DIFFERENT)
        return bool(runs.any() or self.methods["beyond"].any())

    def count(self, *verdicts: str) -> int:
        """Return how many runs have one of these verdicts."""
        return int(self.runs["verdict"].isin(verdicts).sum())


def compare(
    mine: str | Path, theirs: str | Path, *, tolerance: float | None = None
) -> FolderComparison:
    """Return which runs and methods of two results folders differ beyond noise.

    Args:
        mine, theirs: as ``--results`` names them.
        tolerance: the most by which AUC or LogLoss of one spec may differ. By default ``TOLERANCE``
            where machines are alike, ``PACK_TOLERANCE`` where packs took part; where machines are
            not alike, at least three times the standard deviation of the difference between two
            seeds, on the data set and backbone (the median over methods).

    Raises:
        ConfigError: both are one folder, or the tolerance is no number of at least 0.
        RecordError: a folder holds no record, a file is none, or nothing in them compares.
    """
    mine, theirs = Path(mine), Path(theirs)
    is_number = tolerance is None or 0 <= tolerance < inf
    require(is_number, "tolerance", tolerance, "a number of at least 0, as in 0.0005")
    ours, others = _by_id(mine), _by_id(theirs)
    if mine.resolve() == theirs.resolve():
        raise ConfigError(f"{mine} and {theirs} are one folder; name two")
    frames = records_frame(ours.values()), records_frame(others.values())
    methods = _methods(*frames, TOLERANCE if tolerance is None else tolerance)
    other_data = _other_data(*frames)
    if not (ours.keys() & others.keys() or len(methods)):
        raise RecordError(_nothing(mine, theirs, other_data))
    return FolderComparison(
        mine=mine,
        theirs=theirs,
        runs=_runs(ours, others, _seed_spread(frames), tolerance),
        methods=methods,
        environments=_environments(ours, others),
        other_data=other_data,
    )


def _by_id(results: Path) -> dict[str, RunRecord]:
    """Return the records of a folder by the ids of their runs."""
    found: dict[str, RunRecord] = {}
    for record in read_records(results):
        run_id = record.spec.run_id
        if run_id in found:
            raise RecordError(f"{results} holds run {run_id} twice; delete the copy")
        found[run_id] = record
    if not found:
        raise RecordError(
            f"{results} holds no records; name the folder that --results named, in which records/"
            " lies"
        )
    return found


def _nothing(mine: Path, theirs: Path, other_data: Mapping[str, tuple[str, str]]) -> str:
    """Return why nothing compares, and what to do."""
    for dataset, (one, other) in other_data.items():
        return (
            f"'{dataset}' is {one[:16]} in {mine} and {other[:16]} in {theirs}: runs on different"
            " data do not compare; prepare the same data (aesbench data info) and run them again"
        )
    return (
        f"{mine} and {theirs} have neither a run nor a method on a data set and backbone in common;"
        " 'aesbench list runs --results' shows what each holds"
    )


def _seed_spread(frames: Iterable[pd.DataFrame]) -> Places:
    """Return how far seeds scatter on each place: the median over the methods of each folder.

    Not the mean, which methods that draw their sizes by chance would make large.
    """
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    for frame in frames:
        keys = ["dataset", "data_hash", "backbone", "method"]
        for (dataset, _, backbone, _), runs in compared(frame).groupby(keys):
            own = found.setdefault(
                (str(dataset), str(backbone)), {metric: [] for metric in _METRICS}
            )
            if runs["seed"].nunique() > 1:
                for metric, known in own.items():
                    known.append(float(seed_means(runs, f"test_{metric}").std()))
    return {
        place: {metric: median(known) for metric, known in own.items() if known}
        for place, own in found.items()
    }


def _runs(
    ours: Mapping[str, RunRecord],
    others: Mapping[str, RunRecord],
    spread: Places,
    tolerance: float | None,
) -> pd.DataFrame:
    records = {**others, **ours}
    rows = [
        {**_identity(record), **_judged(ours.get(run_id), others.get(run_id), spread, tolerance)}
        for run_id, record in sorted(records.items(), key=lambda item: _order(item[1]))
    ]
    return pd.DataFrame(rows)


def _order(record: RunRecord) -> tuple[Any, ...]:
    spec = record.spec
    place = (spec.dataset, spec.data_hash, spec.backbone)
    return (*place, natural(spec.label), spec.seed, spec.search_index, spec.run_id)


def _identity(record: RunRecord) -> dict[str, Any]:
    spec = record.spec
    return {
        "run_id": spec.run_id,
        "dataset": spec.dataset,
        "backbone": spec.backbone,
        "method": spec.label,
        "seed": spec.seed,
        "search_index": spec.search_index,
    }


def _judged(
    mine: RunRecord | None, theirs: RunRecord | None, spread: Places, tolerance: float | None
) -> dict[str, Any]:
    """Return what a row of ``runs`` says of a run beside its identity."""
    measured = ("auc", "logloss", "limit auc", "limit logloss", "excess")
    row: dict[str, Any] = dict.fromkeys((*measured, "same_sizes", "alike", "packed"))
    if mine is None or theirs is None:
        return {**row, "verdict": ONLY_THEIRS if mine is None else ONLY_MINE}
    if not (mine.ok and theirs.ok):
        failed = FAILED_THEIRS if mine.ok else FAILED_MINE
        return {**row, "verdict": failed if mine.ok or theirs.ok else BOTH_FAILED}
    row["same_sizes"] = mine.allocation == theirs.allocation
    row["alike"] = _rounding(mine) == _rounding(theirs)
    row["packed"] = mine.pack is not None or theirs.pack is not None
    noise = spread.get((mine.spec.dataset, mine.spec.backbone), {})
    for metric in _METRICS:
        row[metric] = _largest(mine, theirs, metric)
        spread_of = 0.0 if row["alike"] else noise.get(metric, 0.0)
        least = PACK_TOLERANCE[metric] if row["packed"] else TOLERANCE
        limit = max(least, SEEDS_SPREAD * spread_of) if tolerance is None else tolerance
        row[f"limit {metric}"] = limit
    known = [
        abs(row[m]) / row[f"limit {m}"] if row[f"limit {m}"] else (inf if row[m] else 0.0)
        for m in _METRICS
        if row[m] is not None
    ]
    row["excess"] = max(known, default=None)
    return {**row, "verdict": _verdict(mine, theirs, row)}


def _verdict(mine: RunRecord, theirs: RunRecord, row: Mapping[str, Any]) -> str:
    measured = (mine.metrics, mine.scores), (theirs.metrics, theirs.scores)
    if row["same_sizes"] and measured[0] == measured[1]:
        return EQUAL
    if row["excess"] is None:  # A search, of which nothing was tested.
        return BEYOND if row["alike"] else OTHER_SIZES
    return BEYOND if row["excess"] > 1 else WITHIN


def _largest(mine: RunRecord, theirs: RunRecord, metric: str) -> float | None:
    """Return the largest difference of a metric, over the splits or allocations that both have."""
    found = [
        float(one[where][metric] - other[where][metric])
        for one, other in ((mine.metrics, theirs.metrics), (mine.scores, theirs.scores))
        for where in one
        if where in other and metric in one[where] and metric in other[where]
    ]
    return max(found, key=abs, default=None)


def _facts(record: RunRecord) -> dict[str, str]:
    """Return who and what made a run, fact by fact."""
    told = {**record.environment, "pack": str(record.pack or "none")}
    for group, word in _GROUPS.items():
        parts = told.pop(group, None) or {}
        told |= {f"{word} {name}": value for name, value in sorted(parts.items())}
    names = dict.fromkeys([*_FACTS, *(n for n in told if n.startswith(("package ", "provider ")))])
    return {name: str(told.get(name, _UNKNOWN)) for name in names}


def _rounding(record: RunRecord) -> tuple[str, ...]:
    facts = _facts(record)
    return tuple(facts.get(name, _UNKNOWN) for name in _ROUNDING)


def _environments(ours: Mapping[str, RunRecord], others: Mapping[str, RunRecord]) -> pd.DataFrame:
    """Return what differs of the environments of the runs that both made."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for run_id in ours.keys() & others.keys():
        if not (ours[run_id].environment and others[run_id].environment):
            continue  # It died before it could tell.
        one, other = _facts(ours[run_id]), _facts(others[run_id])
        for fact in dict.fromkeys([*one, *other]):
            pair = one.get(fact, _UNKNOWN), other.get(fact, _UNKNOWN)
            if pair[0] != pair[1]:
                counts[(fact, *pair)] += 1
    order = {fact: place for place, fact in enumerate(_FACTS)}
    found = sorted(counts.items(), key=lambda item: (order.get(item[0][0], len(order)), item[0]))
    rows = [(*what, count) for what, count in found]
    return pd.DataFrame(rows, columns=["fact", "mine", "theirs", "runs"])


def _methods(mine: pd.DataFrame, theirs: pd.DataFrame, tolerance: float) -> pd.DataFrame:
    """Return a row per method that both hold on the same data with some of the same seeds."""
    keys = ["dataset", "data_hash", "backbone", "method"]
    ours, others = (
        dict(list(own.assign(identity=row_identity(own)).groupby([*keys, "identity"])))
        for own in (compared(mine), compared(theirs))
    )
    rows: dict[str, dict[str, float | None]] = {}
    labels = []
    for key in sorted(ours.keys() & others.keys(), key=lambda k: (k[:3], natural(str(k[3])))):
        one, other = ours[key], others[key]
        found = compare_scores(seed_means(one, "test_auc"), seed_means(other, "test_auc"))
        if found["pairs"]:
            rows[str(len(rows))] = found
            same = one["seed"][one["run_id"].isin(set(other["run_id"]))].nunique()
            labels.append((*key[:4], same))
    table = corrected(rows).reset_index(drop=True)
    is_large = table["difference"].astype(float).abs() > tolerance
    table = table.assign(beyond=is_large & clear(table))
    return pd.concat([pd.DataFrame(labels, columns=[*keys, "same runs"]), table], axis=1)


def _other_data(mine: pd.DataFrame, theirs: pd.DataFrame) -> dict[str, tuple[str, str]]:
    hashes = [
        {str(name): sorted(set(own)) for name, own in frame.groupby("dataset")["data_hash"]}
        for frame in (mine, theirs)
    ]
    return {
        name: (hashes[0][name][0], hashes[1][name][0])
        for name in sorted(hashes[0].keys() & hashes[1].keys())
        if not set(hashes[0][name]) & set(hashes[1][name])
    }
