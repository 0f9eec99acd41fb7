"""The overall comparison as files and as tables for the terminal."""

from __future__ import annotations

import pandas as pd

from aesbench.core.pack import NO_COST
from aesbench.core.phrasing import runs_in_words
from aesbench.plugins.exhibit import AUC, COUNT, Table, is_missing, shown
from aesbench.report.page.write_tables import as_csv, as_latex, as_markdown
from aesbench.report.statistics.gains import MASKED
from aesbench.report.statistics.overall import COLUMNS

UNBUDGETED = " (no budget)"

CAPTION = (
    "AUC and LogLoss on the test split: mean ± standard deviation over n seeds, and Student's 95 %"
    " interval of the mean AUC. P-R: parameters saved against UES-32, of the embedding and of the"
    " whole model. FLOPs per sample, a multiply-add counted once. Search: seconds before the"
    f" retraining. A method marked{UNBUDGETED} takes no budget and ran without one."
)

PACKED = f"{NO_COST.capitalize()} (n: seeds that have one)."
"""What is said where runs were retrained in packs."""

STACKS = (
    ("method", "n"),
    ("AUC", "95 % interval"),
    ("LogLoss", "AUC (true)"),
    ("emb. params", "FLOPs", "kept values", "index bytes"),
    ("P-R emb.", "P-R model"),
    ("search s", "retrain s"),
)
"""What shares a cell in the terminal, so that no number is broken at 80 columns."""


def overall_files(rows: pd.DataFrame) -> dict[str, str]:
    """Return ``{file: its text}`` of the comparison.

    Where runs were retrained in packs, ``retrain_n`` says how many seeds have a ``retrain_s``;
    where tables are masked, ``kept_values`` and ``index_bytes`` are what their masks keep and cost.
    """
    packed = ["retrain_n"] if rows["packed"].any() else []
    masked = ["kept_values", "index_bytes"] if rows["kept_values"].notna().any() else []
    whole = Table("overall", "Overall comparison", "", rows[[*COLUMNS, *packed, *masked]], _COUNTS)
    tables = overall_tables(rows)
    return {
        "overall.csv": as_csv(whole),
        "overall.md": "\n".join(map(as_markdown, tables)),
        "overall.tex": "\n".join(map(as_latex, tables)),
    }


def overall_tables(rows: pd.DataFrame) -> list[Table]:
    """Return a table per data set and backbone, who leads over common seeds in bold.

    Args:
        rows: of ``overall``.
    """
    return [
        _table(str(place), own.reset_index(drop=True))
        for place, own in rows.groupby("place", sort=False)
    ]


_COUNTS = dict.fromkeys(("n", "embedding_params", "flops", "kept_values", "index_bytes"), COUNT)


def _table(title: str, own: pd.DataFrame) -> Table:
    frame = own.rename(
        columns={
            "auc_mean": "AUC",
            "auc_low": "95 % interval",
            "true_auc": "AUC (true)",
            "logloss_mean": "LogLoss",
            "embedding_params": "emb. params",
            "kept_values": "kept values",
            "index_bytes": "index bytes",
            "param_reduction": "P-R emb.",
            "model_reduction": "P-R model",
            "flops": "FLOPs",
            "search_s": "search s",
            "retrain_s": "retrain s",
        }
    )
    masked = ["kept values", "index bytes"] if own["kept_values"].notna().any() else []
    truth = ["AUC (true)"] if own["true_auc"].notna().any() else []
    names = ["method", "n", "AUC", "95 % interval", *truth, "LogLoss", "emb. params", "P-R emb."]
    return Table(
        name="overall",
        title=title,
        caption=CAPTION
        + (f" {MASKED}" if masked else "")
        + (f" {PACKED}" if own["packed"].any() else ""),
        frame=frame[[*names, "P-R model", "FLOPs", "search s", "retrain s", *masked]],
        forms={
            **dict.fromkeys(("emb. params", *masked), COUNT),
            "P-R emb.": "{:.2%}",
            "P-R model": "{:.2%}",
            "FLOPs": COUNT,
            "search s": "{:.1f}",
        },
        texts={
            "method": [
                name + UNBUDGETED * takes_none
                for name, takes_none in zip(own["method"], own["unbudgeted"], strict=True)
            ],
            "n": list(map(runs_in_words, own["n"], own["failed"])),
            "AUC": _spreads(own["auc_mean"], own["auc_std"]),
            "95 % interval": [
                shown(low if is_missing(low) else f"[{low:.4f}, {high:.4f}]")
                for low, high in zip(own["auc_low"], own["auc_high"], strict=True)
            ],
            "AUC (true)": _spreads(own["true_auc"], own["true_auc_std"]),
            "LogLoss": _spreads(own["logloss_mean"], own["logloss_std"]),
            "retrain s": [
                shown(seconds, "{:.1f}") + (f" (n = {timed})" if 0 < timed < n else "")
                for seconds, timed, n in zip(
                    own["retrain_s"], own["retrain_n"], own["n"], strict=True
                )
            ],
        },
        bold={
            "AUC": list(own["leads_auc"]),
            "LogLoss": list(own["leads_logloss"]),
        },
    )


def _spreads(means: pd.Series, deviations: pd.Series) -> list[str]:
    return [
        shown(mean, AUC) + ("" if is_missing(std) else f" ± {std:.4f}")
        for mean, std in zip(means, deviations, strict=True)
    ]
