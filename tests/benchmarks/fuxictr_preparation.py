"""Prepare a click log with FuxiCTR 2.3.10, as its own users do; run by click_log_preparation.py.

FuxiCTR needs polars < 2, so this runs in a virtual environment of its own. It reads three files
with a header each: it cannot split a file that it reads lazily, and names no columns itself.

    python fuxictr_preparation.py FOLDER KIND
"""

import json
import logging
import sys
from pathlib import Path

import polars as pl
from fuxictr.preprocess import FeatureProcessor, build_dataset

MIN_COUNT = 2


class ClickLogProcessor(FeatureProcessor):
    """Adds the two conversions of values that the loaders of aesbench make."""

    def bucket(self, name: str) -> pl.Expr:
        """Return floor(ln(v)^2) where v > 2, else v, as text; missing stays the empty text."""
        number = pl.col(name).cast(pl.Float64, strict=False)
        squared = (number.log() ** 2).floor()
        whole = pl.when(number > 2).then(squared).otherwise(number).cast(pl.Int64)
        return whole.cast(pl.String).fill_null("")

    def hour_of_day(self, name: str) -> pl.Expr:
        """Return the last two digits of the hour."""
        return pl.col(name).str.slice(6, 2)


def main() -> None:
    """Read, count and encode the three files."""
    folder, kind = Path(sys.argv[1]), sys.argv[2]
    logging.basicConfig(level=logging.WARNING)
    columns = json.loads((folder / "columns.json").read_text())
    label = {"criteo": "label", "avazu": "click"}[kind]
    features = []
    for name in columns:
        if name in (label, "id"):
            continue
        feature = {"name": name, "active": True, "dtype": "str", "type": "categorical"}
        if kind == "criteo" and name.startswith("I"):
            feature["preprocess"] = "bucket"
        if kind == "avazu" and name == "hour":
            feature["preprocess"] = "hour_of_day"
        features.append(feature)
    encoder = ClickLogProcessor(
        feature_cols=features,
        label_col={"name": label, "dtype": "float"},
        dataset_id="prepared",
        data_root=str(folder),
    )
    build_dataset(
        encoder,
        train_data=str(folder / "train.csv"),
        valid_data=str(folder / "validation.csv"),
        test_data=str(folder / "test.csv"),
        min_categr_count=MIN_COUNT,
        sep="\t" if kind == "criteo" else ",",
    )


if __name__ == "__main__":
    main()
