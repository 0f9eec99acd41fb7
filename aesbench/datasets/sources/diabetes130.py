"""Diabetes admissions at 130 US hospitals, 1999 to 2008: is the patient admitted again?

``diabetic_data.csv`` of the UCI repository's data set 296 (CC BY 4.0): 101,766 admissions, a header
and 50 columns. ``readmitted`` is the label, positive unless ``NO``; ``encounter_id`` is different
in every row and left out; the other 48 columns are fields, all as categories. ``?``, the file's
mark of a missing value, becomes the missing value; ``None`` of the two laboratory columns says that
nothing was measured, and stays. Three quarters of the patients have one admission: ``patient_nbr``
is the case of an id that a model can remember and hardly learn from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import polars as pl

from aesbench.datasets.custom.delimited import read_delimited
from aesbench.datasets.download import download_zip, existing_files
from aesbench.datasets.encode import LABEL, FieldSpec, encode
from aesbench.datasets.source import Source
from aesbench.datasets.sources.split_config import SplitConfig
from aesbench.datasets.splits import GROUP
from aesbench.datasets.writer import DatasetWriter
from aesbench.errors import DataError

FOLDER = "diabetes130"
ARCHIVE_FOLDERS = ("diabetes+130-us+hospitals+for+years+1999-2008", "dataset_diabetes")
"""As it unpacks today, and as it did until 2023."""
FILES = {"admissions": "diabetic_data.csv"}
URL = (
    "https://archive.ics.uci.edu/static/public/296/"
    "diabetes+130-us+hospitals+for+years+1999-2008.zip"
)
SHA256 = "f82ac129da2ddd2299391ff6fbae3a6a58b3edcf59ac9d7bd480c00fe453112a"

PATIENT, READMITTED = "patient_nbr", "readmitted"
# fmt: off
MEDICINES = (
    "metformin", "repaglinide", "nateglinide", "chlorpropamide", "glimepiride", "acetohexamide",
    "glipizide", "glyburide", "tolbutamide", "pioglitazone", "rosiglitazone", "acarbose",
    "miglitol", "troglitazone", "tolazamide", "examide", "citoglipton", "insulin",
    "glyburide-metformin", "glipizide-metformin", "glimepiride-pioglitazone",
    "metformin-rosiglitazone", "metformin-pioglitazone",
)
"""Each No, Steady, Up or Down. Two were never given and some once, so that they can be constant."""
FIELDS = (
    PATIENT, "race", "gender", "age", "weight", "admission_type_id", "discharge_disposition_id",
    "admission_source_id", "time_in_hospital", "payer_code", "medical_specialty",
    "num_lab_procedures", "num_procedures", "num_medications", "number_outpatient",
    "number_emergency", "number_inpatient", "diag_1", "diag_2", "diag_3", "number_diagnoses",
    "max_glu_serum", "A1Cresult", *MEDICINES, "change", "diabetesMed",
)
# fmt: on
COLUMNS = ("encounter_id", *FIELDS, READMITTED)

_POSITIVE = {"NO": False, ">30": True, "<30": True}  # Days until the next admission.


@dataclass(frozen=True)
class Diabetes130Config(SplitConfig):
    """Settings of ``diabetes130``.

    Attributes:
        split: ``random`` (rows) or ``patient`` (whole patients); 8:1:1.
        split_seed: of either; None: the seed of each run draws its own.
        min_count: rarer values of the train split share the out-of-vocabulary id.
    """

    RULES: ClassVar[Mapping[str, str]] = {"random": "random", "patient": "group"}


class Diabetes130(Source):
    """Diabetes admissions, 48 fields."""

    name = "diabetes130"
    title = "Diabetes-130"
    Config = Diabetes130Config
    config: Diabetes130Config

    def files(self, data_dir: Path | None, cache: Path) -> Mapping[str, Path]:
        """Find the file of the UCI repository, or download it."""
        if data_dir is None:
            return download_zip(FILES, FOLDER, URL, f"sha256:{SHA256}", cache, inside="")
        return existing_files(FOLDER, data_dir, URL, FILES, also=ARCHIVE_FOLDERS)

    def build(self, files: Mapping[str, Path], writer: DatasetWriter) -> None:
        """Check and encode the rows."""
        config = self.config
        encode(
            read(files["admissions"]).lazy().with_columns(pl.col(PATIENT).alias(GROUP)),
            [FieldSpec(name, allow_constant=name in MEDICINES) for name in FIELDS],
            config.rule,
            writer,
            min_count=config.min_count,
        )


def read(path: Path) -> pl.DataFrame:
    """Return the rows of the file in their order: ``FIELDS`` as text, and the label.

    Raises:
        DataError: the file is damaged; the message names line and column.
    """
    rows = read_delimited(path, dict.fromkeys(COLUMNS, pl.String), ",", header=True)
    labels = rows[READMITTED].replace_strict(_POSITIVE, default=None, return_dtype=pl.Boolean)
    for name, wrong, expected in (
        (READMITTED, labels.is_null(), f"one of {', '.join(_POSITIVE)}"),
        (PATIENT, ~rows[PATIENT].str.contains(r"^\d+$"), "a patient's number"),
    ):
        if wrong.any():
            first = wrong.arg_true()[0]
            raise DataError(
                f"{path}:{first + 2}: '{name}' must be {expected}, got {rows[name][first]!r};"
                " the file is damaged: fetch it again"
            )
    return rows.select(pl.col(FIELDS).replace("?", None), labels.alias(LABEL))
