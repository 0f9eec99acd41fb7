"""A method whose runs stay in progress until a file exists, so that a test can act meanwhile."""

import time
from dataclasses import dataclass
from pathlib import Path

from aesbench import Allocation, Method

PATIENCE_S = 120


@dataclass(frozen=True)
class HeldConfig:
    """What it waits for."""

    gate: str = ""


class Held(Method):
    """Searches until its gate exists."""

    name = "held"
    title = "Held"
    Config = HeldConfig

    def search(self, context, prepared):
        context.progress("held", 0, 1)
        end = time.monotonic() + PATIENCE_S
        while not Path(self.config.gate).exists():
            if time.monotonic() > end:
                raise TimeoutError(f"no gate {self.config.gate!r} after {PATIENCE_S} s")
            time.sleep(0.05)
        return Allocation.uniform(context.fields, 2)
