"""Is it the sizes, or only regularisation? Rows tuned over weight decay and dropout, equal trials.

    python tests/benchmarks/regularisation.py flights --rows ues:8,ues:32,mde:field \
        --sizes 32-32-8-32-8-8-2-2-8-8-2 --results results/regularisation --jobs 2

Every row (a method without a search of its own, and the sizes that another found as ``fixed``) is
retrained under every setting of the grid; the setting with the best mean validation AUC over the
seeds ``CHOOSING`` is its own. Then it is trained with it, and with the protocol's defaults, on the
seeds ``REPORTED``. Runs that have a record are not made again. Writes ``<dataset>-grid.csv`` (the
validation AUC of every row and setting) and ``<dataset>.csv`` (the table) into the results folder.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path

import pandas as pd
from scipy import stats

from aesbench.core.frame import records_frame
from aesbench.core.spec import RunSpec, TrainConfig
from aesbench.datasets.base import Dataset
from aesbench.harness.grid import execute, plan
from aesbench.harness.load_data import load_dataset

BACKBONE = "widedeep"
DECAYS = (0.0, 1e-6, 1e-5, 1e-4, 1e-3)
DROPOUTS = (0.0, 0.3)
CHOOSING, REPORTED = (20, 21), (22, 23, 24)
DEFAULT = (TrainConfig().l2, 0.0)


def planned(
    dataset: Dataset, rows: Iterable[str], setting: tuple[float, float], seeds: Sequence[int]
) -> list[RunSpec]:
    """Return the runs of rows under a weight decay and a dropout."""
    decay, dropout = setting
    settings = {"train": {"l2": decay}, BACKBONE: {"dropout": dropout}}
    return plan(dataset, rows, backbones=[BACKBONE], seeds=seeds, settings=settings)


def trained(dataset: Dataset, specs: Sequence[RunSpec], results: Path, jobs: int) -> pd.DataFrame:
    """Make the runs that are missing and return all of them, with their setting."""
    outcome = execute(specs, dataset, results, workers=jobs, threads=1)
    frame = records_frame(outcome.records)
    frame["l2"] = [record.spec.train.l2 for record in outcome.records]
    frame["dropout"] = [
        float(record.spec.backbone_config.get("dropout", 0.0)) for record in outcome.records
    ]
    return frame


def chosen(grid: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Return each row's setting with the best mean validation AUC."""
    means = grid.groupby(["method", "l2", "dropout"])["validation_auc"].mean()
    return {row: own.idxmax()[1:] for row, own in means.groupby("method")}


def compared(runs: pd.DataFrame, own: dict[str, tuple[float, float]]) -> pd.DataFrame:
    """Return the table: each row with the defaults and with its own setting."""
    table = []
    for row, setting in own.items():
        of_row = runs[runs["method"] == row].set_index(["l2", "dropout", "seed"]).sort_index()
        before, after = (of_row.loc[one]["test_auc"] for one in (DEFAULT, setting))
        gains = after - before
        low, high = (
            stats.t.interval(0.95, len(gains) - 1, gains.mean(), stats.sem(gains))
            if gains.any()
            else (0.0, 0.0)
        )
        table.append(
            {
                "row": row,
                "embedding parameters": of_row["embedding_params"].mean(),
                "l2": setting[0],
                "dropout": setting[1],
                "test AUC, defaults": before.mean(),
                "test AUC, own": after.mean(),
                "gain": gains.mean(),
                "gain, low": low,
                "gain, high": high,
                "epochs, defaults": of_row.loc[DEFAULT]["best_epoch"].mean(),
                "epochs, own": of_row.loc[setting]["best_epoch"].mean(),
                "seeds": len(gains),
            }
        )
    return pd.DataFrame(table)


def main() -> None:
    """Make the runs, write the tables and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset")
    parser.add_argument("--rows", default="ues:8,ues:32,mde:field")
    parser.add_argument("--sizes", help="an allocation that a search found, as fixed:SIZES has it")
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--data-dir", default=os.environ.get("AESBENCH_DATA"))
    arguments = parser.parse_args()
    dataset = load_dataset(arguments.dataset, data_dir=arguments.data_dir)
    rows = [*arguments.rows.split(","), *([f"fixed:{arguments.sizes}"] if arguments.sizes else [])]
    settings = list(product(DECAYS, DROPOUTS))
    specs = [s for setting in settings for s in planned(dataset, rows, setting, CHOOSING)]
    grid = trained(dataset, specs, arguments.results, arguments.jobs)
    own = chosen(grid)
    reported = [planned(dataset, rows, DEFAULT, REPORTED)]
    reported += [planned(dataset, [row], setting, REPORTED) for row, setting in own.items()]
    flat = list({spec.run_id: spec for specs in reported for spec in specs}.values())
    table = compared(trained(dataset, flat, arguments.results, arguments.jobs), own)
    means = grid.pivot_table(index=["l2", "dropout"], columns="method", values="validation_auc")
    means.to_csv(arguments.results / f"{arguments.dataset}-grid.csv", lineterminator="\n")
    table.to_csv(arguments.results / f"{arguments.dataset}.csv", index=False, lineterminator="\n")
    print(means.round(4).to_markdown())
    table["l2"] = table["l2"].map("{:g}".format)
    print(table.round(4).to_markdown(index=False))


if __name__ == "__main__":
    main()
