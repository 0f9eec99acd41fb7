"""The file of winners: what tuning chose, and what it spent; ``aesbench run --tuned`` reads it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from aesbench.core.files import from_json, to_json, write_atomically
from aesbench.core.metrics import Metrics
from aesbench.core.settings import build_config
from aesbench.datasets.base import Dataset
from aesbench.errors import ConfigError
from aesbench.harness.grid import MethodChoice, Settings, choose_methods
from aesbench.harness.tuning.choices import tunables
from aesbench.harness.tuning.shared import given_settings
from aesbench.harness.tuning.study import Budget, Spent

SCHEMA = 3
"""2 had no finalists; 1 counted trials that repeated others, and tuned nothing of the protocol."""


@dataclass(frozen=True)
class Finalist:
    """Settings that were run again on the seeds of the finalists.

    Attributes:
        settings: those that were tuned, of the method and of the protocol.
        trial: the validation metrics of the trial that made them a finalist.
        aucs: {seed: the validation AUC there}, of the runs that succeeded.
    """

    settings: dict[str, Any]
    trial: Metrics
    aucs: dict[str, float]

    @property
    def mean(self) -> float:
        """The mean validation AUC over its seeds."""
        return sum(self.aucs.values()) / len(self.aucs)


@dataclass(frozen=True)
class Winner:
    """The best settings of one contender on one backbone.

    Attributes:
        method: registered name.
        label: what was tuned: ``name``, or ``name:preset``.
        unification: the one that was named, or None for the backbone's default.
        backbone: registered name.
        settings: those of the method that were tuned.
        config: all of the method's settings with them.
        validation: what they reached in their trial.
        spent: what finding them took.
        shared: those of the protocol that were tuned: ``train.l2``, ``backbone.dropout``.
        finalists: the settings that were run again on other seeds, the defaults among them; empty
            where none were.
    """

    method: str
    label: str
    unification: str | None
    backbone: str
    settings: dict[str, Any]
    config: dict[str, Any]
    validation: Metrics
    spent: Spent
    shared: dict[str, Any] = field(default_factory=dict)
    finalists: tuple[Finalist, ...] = ()


@dataclass(frozen=True)
class Winners:
    """All winners of a tuning, and what they are for.

    Attributes:
        dataset, data_hash: what they were tuned on.
        parameter_budget: ``--budget`` of the trials.
        seed: of the trials.
        finalist_seeds: on which the finalists were run again.
        budget: what every contender got.
        settings: what ``--set`` changed.
        winners: one per contender and backbone.
    """

    dataset: str
    data_hash: str
    parameter_budget: float | None
    seed: int
    budget: Budget
    settings: Settings
    winners: tuple[Winner, ...]
    finalist_seeds: tuple[int, ...] = ()

    def write(self, path: Path) -> None:
        """Write the file as JSON.

        Raises:
            RecordError: the folder cannot be written.
        """
        write_atomically(path, to_json({"schema": SCHEMA, **asdict(self)}) + "\n")

    @classmethod
    def read(cls, path: Path) -> Winners:
        """Read what ``write`` wrote.

        Raises:
            ConfigError: it is something else.
        """
        try:
            data = from_json(path.read_text(encoding="utf-8"))
            schema = data.pop("schema")
            if schema not in range(1, SCHEMA + 1):
                raise ConfigError(
                    f"schema {schema!r}, this version of aesbench reads 1 to {SCHEMA}"
                )
            winners = tuple(
                Winner(
                    **{
                        **winner,
                        "validation": Metrics(**winner["validation"]),
                        "spent": _spent(winner["spent"]),
                        "finalists": tuple(map(_finalist, winner.get("finalists", ()))),
                    }
                )
                for winner in data.pop("winners")
            )
            data["finalist_seeds"] = tuple(data.get("finalist_seeds", ()))
            return cls(**{**data, "budget": Budget(**data["budget"]), "winners": winners})
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
            raise ConfigError(
                f"{path} is no file of winners ({error}); aesbench tune writes one"
            ) from error

    def check_fits(self, dataset: Dataset, parameter_budget: float | None) -> None:
        """Check that these settings were tuned on these data under this budget.

        Raises:
            ConfigError: they were not.
        """
        if dataset.hash != self.data_hash:
            raise ConfigError(
                f"the winners were tuned on '{self.dataset}' with data {self.data_hash[:16]},"
                f" '{dataset.name}' has {dataset.hash[:16]}; run aesbench tune on these data"
            )
        if parameter_budget != self.parameter_budget:
            raise ConfigError(
                f"the winners were tuned for --budget {self.parameter_budget}, this run has"
                f" {parameter_budget}; run aesbench tune with the budget of the run"
            )

    def choose(self, text: str, settings: Settings | None = None) -> list[MethodChoice]:
        """Read a method's text as ``choose_methods`` does, with the settings that were tuned.

        Where nothing was tuned for it, it is read as if there were no winners.

        Raises:
            ConfigError: a name or a setting is unknown.
        """
        found = []
        tuned_any = False
        for tunable in tunables(text, settings):
            choice = tunable.choice
            winners = [
                winner
                for winner in self.winners
                if (winner.label, winner.unification) == (choice.label, choice.unification)
            ]
            own: dict[str, Any] = {
                winner.backbone: build_config(choice.method.Config, winner.config, winner.method)
                for winner in winners
            }
            tuned_any = tuned_any or bool(own)
            called = replace(choice.called, tuned=bool(own))
            shared = {winner.backbone: winner.shared for winner in winners}
            for backbone, names in shared.items():
                for given in given_settings(names, backbone, settings or {}):
                    raise ConfigError(
                        f"--set {given} gives what was tuned for '{choice.label}' on '{backbone}';"
                        " leave it out, or run without --tuned"
                    )
            found.append(replace(choice, called=called, tuned=own, protocol=shared))
        return found if tuned_any else choose_methods(text, settings)


def _finalist(data: dict[str, Any]) -> Finalist:
    return Finalist(**{**data, "trial": Metrics(**data["trial"])})


def _spent(data: dict[str, Any]) -> Spent:
    repeated = data.pop("repeated", 0)
    return Spent(**{**data, "trials": data["trials"] - repeated})
