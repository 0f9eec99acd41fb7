"""Methods that misbehave, each in its own way; the harness must lose nothing but their runs."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

from aesbench import Allocation, Method


@dataclass(frozen=True)
class NoConfig:
    """No settings."""


class Raising(Method):
    """Raises in its search."""

    name = "raising"
    title = "Raising"
    Config = NoConfig

    def search(self, context, prepared):
        raise ValueError("a bug in the plugin")


class Nonsense(Method):
    """Returns something that is no allocation."""

    name = "nonsense"
    title = "Nonsense"
    Config = NoConfig

    def search(self, context, prepared):
        return {"user": 8}


class OverBudget(Method):
    """Says that it honours budgets and does not."""

    name = "overbudget"
    title = "Over budget"
    Config = NoConfig
    honours_budget = True

    def search(self, context, prepared):
        return Allocation.uniform(context.fields, 64)


class Dying(Method):
    """Takes its process down, as running out of memory would."""

    name = "dying"
    title = "Dying"
    Config = NoConfig

    def search(self, context, prepared):
        os.kill(os.getpid(), signal.SIGKILL)


class Hanging(Method):
    """Never comes back, with a process of its own beside it, and tells progress all the while."""

    name = "hanging"
    title = "Hanging"
    Config = NoConfig

    def search(self, context, prepared):
        code = "import time; time.sleep(60)"
        subprocess.Popen([sys.executable, "-c", code, "left by a method that hangs"])
        step = 0
        while True:
            step += 1
            context.progress("hanging", step, 10**9)
            time.sleep(0.01)


class Eating(Method):
    """Takes memory without end, 64 MiB at a time."""

    name = "eating"
    title = "Eating"
    Config = NoConfig

    def search(self, context, prepared):
        eaten = []
        while True:
            eaten.append(b"x" * 2**26)
            time.sleep(0.02)


class SharesState(Method):
    """Prepares once and searches many times; its state is a draw of its generator."""

    name = "sharing"
    title = "Sharing"
    Config = NoConfig

    def prepare(self, context):
        return int(context.generator.initial_seed())

    def search(self, context, prepared):
        assert prepared is not None
        return Allocation.uniform(context.fields, context.candidates[0])


class Orphaning(Method):
    """Takes down the process that looks after its own, as the loss of a machine would."""

    name = "orphaning"
    title = "Orphaning"
    Config = NoConfig

    def search(self, context, prepared):
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
