"""The settings that all click logs share."""

from __future__ import annotations

from typing import Any

from aesbench.core.settings import require
from aesbench.datasets.encode import check_min_count
from aesbench.datasets.splits import SplitRule

MIN_COUNT = 2
"""The default: a value that the train split has once can be remembered, but nothing is learned
of it that holds elsewhere. The paper does not say what it used."""

ON_BAD_ROW = ("stop", "skip")


def check_log_config(config: Any, ordered: str) -> SplitRule:
    """Check a click log's ``split``, ``split_seed``, ``min_count`` and ``on_bad_row``.

    Args:
        config: has these four.
        ordered: what the split in the order of the file is called.

    Returns:
        the split rule.

    Raises:
        ConfigError: one of them is out of range.
    """
    names = (ordered, "random")
    require(config.split in names, "split", config.split, " or ".join(names))
    require(
        config.on_bad_row in ON_BAD_ROW, "on_bad_row", config.on_bad_row, " or ".join(ON_BAD_ROW)
    )
    check_min_count(config.min_count)
    return SplitRule("random" if config.split == "random" else "order", config.split_seed)
