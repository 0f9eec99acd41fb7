"""How far a run trained in a pack is from the same run trained alone, beside the seeds' spread.

In floating point a pack takes its sums in another order; training carries that on, and early
stopping turns it into another epoch now and then. Both folders hold the same runs, made alike but
for ``--pack``:

    aesbench run --methods ues,mde,random --dataset flights --seeds 10 --pack 1 --results alone
    aesbench run --methods ues,mde,random --dataset flights --seeds 10 --pack auto --results packed
    python tests/benchmarks/pack_noise.py alone packed
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from aesbench.core.frame import records_frame
from aesbench.core.record import read_records

SHARES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def runs_of(folder: Path) -> pd.DataFrame:
    """Return the retrained runs of a results folder, by what they are."""
    records = [record for record in read_records(folder) if record.ok]
    frame = records_frame(records).set_index("run_id")
    return frame[frame["retrained"]]


def row(name: str, values: pd.Series) -> str:
    """Return a table's row of quantiles, in thousandths of AUC."""
    cells = " | ".join(f"{1000 * value:.2f}" for value in values.quantile(list(SHARES)))
    return f"| {name} | {len(values)} | {1000 * values.std():.2f} | {cells} |"


def main() -> None:
    """Print both distributions."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("alone", type=Path, help="a results folder made with --pack 1")
    parser.add_argument("packed", type=Path, help="the same runs, in packs")
    arguments = parser.parse_args()
    alone, packed = runs_of(arguments.alone), runs_of(arguments.packed)
    both = alone.index.intersection(packed.index)
    alone, packed = alone.loc[both], packed.loc[both]
    places = ["data_hash", "backbone", "method"]
    within = alone["test_auc"] - alone.groupby(places)["test_auc"].transform("mean")
    print("Thousandths of test AUC.\n")
    print(f"| | runs | sd | {' | '.join(f'{share:.0%}' for share in SHARES)} |")
    print("| --- " * (len(SHARES) + 3) + "|")
    print(row("packed - alone", packed["test_auc"] - alone["test_auc"]))
    print(row("seed - mean of its row's seeds, alone", within))
    same = (packed["best_epoch"] == alone["best_epoch"]).mean()
    print(f"\nThe same best epoch: {same:.0%}.")


if __name__ == "__main__":
    main()
