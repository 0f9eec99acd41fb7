"""What a column's name says of its values."""

from __future__ import annotations

import re
from collections.abc import Sequence

TIMES = ("time", "date", "datetime", "timestamp", "stamp", "when", "day", "hour", "moment",
         "created", "at", "ts")  # fmt: skip
BIRTHS = ("birth", "birthday", "birthdate", "dob", "born")
IDS = ("id", "ids", "nbr", "num", "number", "no", "code", "key", "uuid", "hash", "zip", "ip")
PERSONS = ("patient", "customer", "client", "subject", "person", "household", "member",
           "borrower", "employee", "student")  # fmt: skip
USERS = ("user", "uid", "visitor", "session", "account", "cookie", "device", "viewer", "reader",
         "learner")  # fmt: skip
ITEMS = ("item", "movie", "product", "ad", "song", "track", "artist", "article", "book", "game",
         "app", "video", "news", "campaign", "creative", "sku", "advertiser")  # fmt: skip
LABELS = ("label", "click", "clicked", "target", "y", "class", "outcome", "rating", "stars",
          "score", "converted", "conversion", "purchased", "bought", "liked", "like", "churn",
          "default", "delay", "response")  # fmt: skip
THINGS = (*IDS, *PERSONS, *USERS, *ITEMS)
"""Words for what is counted by name and not by size, whatever number its name is."""

_LEAST_SUFFIX = 4


def named_like(name: str, words: Sequence[str]) -> bool:
    """Whether one of the words is in a name, or a long one ends it: user_id, userId, pickuptime."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower()
    parts = {part.rstrip("0123456789") for part in re.split(r"[\W_]+", spaced)}
    return any(
        word in parts or (len(word) >= _LEAST_SUFFIX and spaced.endswith(word)) for word in words
    )
