"""Data sets on which no method may run yet (``Source.sealed``)."""

from __future__ import annotations

from aesbench.errors import ConfigError
from aesbench.plugins.registry import SOURCES


def refuse_sealed(name: str) -> None:
    """Check that methods may run on a data set, which may be one's own.

    Raises:
        ConfigError: it is sealed; the message says why and until when.
    """
    reason = SOURCES.get(name).sealed if name in SOURCES.names() else ""
    if reason:
        raise ConfigError(
            f"data set '{name}' is sealed: {reason}; 'aesbench data' prepares, shows and verifies"
            " it, and other data sets (aesbench list datasets) are open"
        )
