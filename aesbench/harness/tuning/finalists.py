"""The finalists of a contender: its best settings and its defaults, run again on other seeds.

The best of twenty trials of one seed was best by luck as well. On seeds that chose nothing the
luck is gone, and beside the defaults the runs show what tuning was worth.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aesbench.core.metrics import Metrics
from aesbench.core.settings import content_hash, require, require_int
from aesbench.harness.tuning.locks import Presence
from aesbench.harness.tuning.study import Budget, TrialStudy
from aesbench.harness.tuning.winners import Finalist

Result = tuple[dict[str, Any], Metrics]
"""Settings, and the validation metrics of their trial."""

FINALIST, SEED = "finalist", "seed"
"""What a run of a finalist is told by: its number, and the seed."""


def check_finalists(count: int, seeds: Sequence[int], trial_seed: int) -> None:
    """Check how many finalists there shall be, and their seeds.

    Raises:
        ConfigError: a number is out of range, a seed is that of the trials or given twice, or
            finalists have no seeds or seeds no finalists.
    """
    require_int(count, "finalists", 0)
    for seed in seeds:
        require_int(seed, "finalist-seeds", 0)
    shown = ",".join(map(str, seeds))
    has_both = (count > 0) == (len(seeds) > 0)
    require(
        has_both, "finalist-seeds", shown, f"seeds for the {count} of --finalists: both or none"
    )
    require(len(set(seeds)) == len(seeds), "finalist-seeds", shown, "each seed once")
    expected = f"others than {trial_seed}, that of the trials, by which the finalists are chosen"
    require(trial_seed not in seeds, "finalist-seeds", shown, expected)


def choose_finalists(study: TrialStudy, count: int) -> list[Result]:
    """Return so many of a study's best settings, at least the best, and its defaults after them."""
    ordered = sorted(study.results(), key=lambda result: -result[1].auc)  # Equal ones as they came.
    chosen = ordered[: max(1, count)]
    defaults = [result for result in ordered if result[0] == study.first]
    return chosen + [result for result in defaults if result not in chosen]


def finalist_study(
    folder: Path,
    study: TrialStudy,
    chosen: Sequence[Result],
    seeds: Sequence[int],
    presence: Presence,
) -> TrialStudy | None:
    """Return the study of all finalists on all seeds, beside that of the trials; None without."""
    if not seeds:
        return None
    key = content_hash([settings for settings, _ in chosen])
    return TrialStudy(
        folder,
        f"{study.name}, finalists {key}",
        {FINALIST: tuple(range(len(chosen))), SEED: tuple(seeds)},
        {FINALIST: 0, SEED: seeds[0]},
        Budget(len(chosen) * len(seeds)),
        seeds[0],
        presence,
    )


def read_finalists(study: TrialStudy, chosen: Sequence[Result]) -> tuple[Finalist, ...]:
    """Return how the finalists fared."""
    ran = study.results()
    return tuple(
        Finalist(
            settings,
            trial,
            {
                str(run[SEED]): metrics.auc
                for run, metrics in sorted(ran, key=lambda result: result[0][SEED])
                if run[FINALIST] == number
            },
        )
        for number, (settings, trial) in enumerate(chosen)
    )
