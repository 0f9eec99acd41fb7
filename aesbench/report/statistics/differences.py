"""Every method against one of them, on each data set and backbone, seed by seed."""

from __future__ import annotations

import pandas as pd

from aesbench.core.frame import row_identity
from aesbench.errors import ConfigError, RecordError, did_you_mean
from aesbench.report.statistics.paired import FORMS, versus
from aesbench.report.statistics.scores import REFERENCE, by_method, compared, places, seed_means


def paired_differences(
    runs: pd.DataFrame, baseline: str = REFERENCE, measure: str = "test_auc"
) -> pd.DataFrame:
    """Return what every method scores above a baseline, paired by seed.

    Runs that failed or retrained nothing have no score and are left out; several searches of a seed
    enter as their mean. A place without the baseline has rows without pairs.

    Args:
        runs: rows of ``records_frame``.
        baseline: the label of a method.
        measure: a column of numbers.

    Returns:
        A row per place and method: ``dataset``, ``backbone``, ``method``, then how many ``pairs``
        of seeds there are, the mean ``difference`` with Student's (``95 % low``, ``95 % high``) and
        the bootstrap's interval, ``t-test p`` and ``Wilcoxon p``, both also corrected by Holm over
        the methods of the place, ``effect size`` (Cohen's d_z with Hedges' correction), and
        ``detectable``, the least true difference that so many pairs show with a power of 80 %. What
        so few pairs cannot tell is missing.

    Raises:
        ConfigError: the baseline did not run, or there is no such measure.
        RecordError: a run appears twice, or a data set's runs are on different data.
    """
    if measure not in runs or not pd.api.types.is_numeric_dtype(runs[measure]):
        known = [str(name) for name in runs.select_dtypes("number")]
        known = [name for name in known if str(measure) in name] or known
        raise ConfigError(
            f"measure = {measure!r}: no column of numbers{did_you_mean(measure, known)}"
        )
    own = compared(runs).dropna(subset=[measure])
    names = list(own["method"].unique())
    if baseline not in names:
        raise ConfigError(
            f"baseline = {baseline!r}: no run of it has a {measure}{did_you_mean(baseline, names)}"
            f" There are: {', '.join(names) or 'none'}"
        )
    check_one_study(own)
    found = [
        versus(
            {name: seed_means(scored, measure) for name, scored in by_method(at_place).items()},
            baseline,
        ).assign(dataset=place.dataset, backbone=place.backbone)
        for place, at_place in places(own)
    ]
    table = pd.concat(found).rename_axis("method").reset_index()
    return table.astype({**dict.fromkeys(FORMS, float), "pairs": int})[
        ["dataset", "backbone", "method", *FORMS]
    ]


def check_one_study(runs: pd.DataFrame) -> None:
    """Check that the runs of a frame can be averaged.

    Raises:
        RecordError: a run appears twice, a data set's runs are on different data, or a label's
            differ in settings or provider.
    """
    twice = runs["run_id"][runs["run_id"].duplicated()]
    if len(twice):
        raise RecordError(f"run {twice.iloc[0]} appears twice, which would count it twice")
    hashes = runs.groupby("dataset")["data_hash"].unique()
    for dataset, found in hashes.items():
        if len(found) > 1:
            raise RecordError(
                f"runs of '{dataset}' come from different data: {found[0][:16]} and"
                f" {found[1][:16]}; compare those of one data_hash"
            )
    keys = ["dataset", "backbone", "method"]
    several = runs.assign(identity=row_identity(runs)).groupby(keys)["identity"].nunique()
    mixed = several[several > 1]
    if len(mixed):
        dataset, backbone, label = mixed.index[0]
        raise RecordError(
            f"runs of '{label}' on {dataset}, {backbone} differ in settings or provider and must"
            " not be averaged; compare those of one value of settings, tuned and provider, or let"
            " 'aesbench report' tell them apart"
        )
