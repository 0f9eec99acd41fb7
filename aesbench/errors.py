"""The errors a user can cause, each shown without a traceback.

Everything else that escapes is a bug of aesbench or of a plugin and keeps its traceback.
This module imports nothing of the package, so that every other one may import it.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class AesbenchError(Exception):
    """A mistake the user can mend; it names the value, what was expected and the next step."""


class ConfigError(AesbenchError):
    """An unknown name, an unknown setting or a value out of range."""


class DataError(AesbenchError):
    """A data file is missing, malformed, or does not hold what the loader needs."""


class AllocationError(AesbenchError):
    """An allocation does not fit the fields it is meant for."""


class RecordError(AesbenchError):
    """A run record cannot be written, read or compared."""


class TraceError(AesbenchError):
    """A method traces what is no number, or numbers of another shape than before."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known name, or a full stop."""
    nearest = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean '{nearest[0]}'?" if nearest else "."
