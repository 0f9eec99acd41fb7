"""The plugin contract: what a method is given and what it hands back.

A method *must* define ``name``, ``title``, ``Config`` and ``search``. It *may* define

- ``prepare`` (and ``prepare_key``): what is trained once and searched many times;
- ``score``: metrics of an allocation with inherited weights, for one-shot methods;
- ``given``: the sizes, where the settings are the sizes;
- ``inherit``: gives the model to be retrained the weights of the search, for ``--inherit``;
- ``honours_budget = True``: ``search`` then keeps to ``context.budget``, which counts
  ``allocation.memory_parameters``;
- ``supports_histories = True``: it may then run on data sets with histories;
- ``drops_fields = True``: 0 may then be among ``context.candidates``;
- ``presets`` and ``default_presets``, or ``preset``: named settings, as in ``ues:32``;
- ``space``: which settings ``aesbench tune`` may change, and to what;
- ``family`` and ``titles``: the kind of method, and what tables call its presets.

Every run has an instance of its own: ``search`` may keep what it trained on ``self`` for
``inherit``, as long as a second search finds the same. What ``prepare`` returns is shared by runs,
and comes from another instance: it must hold all that later stages need.

There is no test split in a ``Context``: a method cannot leak it.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch

from aesbench.core.allocation import Allocation
from aesbench.core.metrics import Metrics
from aesbench.core.search_space import Space
from aesbench.core.settings import require
from aesbench.core.spec import REFERENCE_DIM, TrainConfig
from aesbench.core.trace import Trace
from aesbench.datasets.base import Field, Split
from aesbench.errors import ConfigError, did_you_mean
from aesbench.models.backbones import Backbone
from aesbench.models.embedding import FieldEmbedding, MixedEmbedding
from aesbench.models.training import Progress, fit

FAMILIES = ("given", "heuristic", "pruning", "search", "one-shot", "control", "other")
"""Kinds of methods: sizes given by hand, a rule without training, pruning of a trained model, a
search whose weights are its own, one whose supernet is searched apart, a control."""


@dataclass(frozen=True)
class Evaluation(Metrics):
    """What an allocation scored on validation.

    Attributes:
        source: ``trained``, ``looked up`` or ``predicted``: by a training alone, by the table of a
            place of the tabular benchmark, or by that place's surrogate.
        seconds: what it cost; where nothing was trained, what its training had cost.
    """

    source: str
    seconds: float


@dataclass
class Spent:
    """What a search has spent on evaluations: how many, and their seconds."""

    evaluations: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Context:
    """Everything a method may use.

    On the tabular benchmark there are no rows and no models: whatever asks for them is told so, and
    a method that asks for evaluations alone runs there unchanged.

    Attributes:
        fields: with their cardinalities and train frequencies. Each has a size in an allocation.
        train, validation: the rows to search with.
        candidates: the sizes to choose from, ascending (the paper's D); 0, to leave a field out,
            only for methods that say ``drops_fields``.
        final_dim: the width that the transform maps to (the paper's d_f).
        unification: how mixed sizes enter the backbone when the allocation is retrained.
        budget: the most embedding parameters, the index of masked tables with them at 4 bytes a
            parameter (``Allocation.memory_parameters``); or None.
        train_config: the protocol of the retraining; a search may train otherwise.
        device: where to compute.
        generator: a CPU generator, seeded for this stage of this run; draw from nothing else.
        backbone: builds the run's backbone on an embedding; call ``build_model`` instead.
        progress: tell it what is being done, the steps done and the steps in all.
        trace: tell it the values worth seeing later, a few hundred steps at most; the harness
            keeps them beside the record and ``aesbench report --run`` draws them.
        evaluator: answers ``evaluate`` in place of a training, given the allocation.
        spent: what ``evaluate`` has cost so far.
        histories: what users did before each row; their id columns come after those of the fields,
            and their vectors are those of the field that each shares. Only for a method that
            ``supports_histories``; it hands them on to the embeddings that it builds.
    """

    fields: tuple[Field, ...]
    train: Split
    validation: Split
    candidates: tuple[int, ...]
    final_dim: int
    unification: str
    budget: int | None
    train_config: TrainConfig
    device: torch.device
    generator: torch.Generator
    backbone: Callable[[FieldEmbedding, torch.Generator], Backbone]
    progress: Progress
    trace: Trace = field(default_factory=Trace)
    evaluator: Callable[[Allocation], Evaluation] | None = None
    spent: Spent = field(default_factory=Spent)
    histories: tuple[Field, ...] = ()

    def build_model(self, embedding: FieldEmbedding) -> Backbone:
        """Return the run's backbone on an embedding, freshly initialised, on the run's device."""
        return self.backbone(embedding, self.generator).to(self.device)

    def build_embedding(self, allocation: Allocation) -> MixedEmbedding:
        """Return the embedding with which an allocation is retrained, freshly initialised."""
        return MixedEmbedding(
            self.fields,
            allocation,
            unification=self.unification,
            final_dim=self.final_dim,
            table_std=self.train_config.table_std,
            generator=self.generator,
            histories=self.histories,
        )

    def budget_or(self, share: float) -> int:
        """Return the budget, or without one a share of the parameters of uniform size 32."""
        if self.budget is not None:
            return self.budget
        return int(share * REFERENCE_DIM * sum(field.cardinality for field in self.fields))

    def evaluate(
        self, allocation: Allocation, *, fraction: float = 1.0, seed: int = 0
    ) -> Evaluation:
        """Return what an allocation scores on validation when it is trained alone; charge its cost.

        Args:
            allocation: the sizes.
            fraction: of the protocol's epochs, at least one epoch. The tabular benchmark answers
                for whole trainings, whatever the fraction.
            seed: of the initialisation and of the order of the rows; of equal seeds allocations
                differ by their sizes. The tabular benchmark answers with means over its seeds.
        """
        if self.evaluator is not None:
            found = self.evaluator(allocation)
        else:
            start = time.perf_counter()
            epochs = max(1, round(fraction * self.train_config.epochs))
            own = replace(self, generator=torch.Generator().manual_seed(seed))
            model = own.build_model(own.build_embedding(allocation))
            short = replace(self.train_config, epochs=epochs)
            scored = fit(model, self.train, self.validation, short, own.generator).validation
            seconds = time.perf_counter() - start
            found = Evaluation(scored.auc, scored.logloss, "trained", seconds)
        self.spent.evaluations += 1
        self.spent.seconds += found.seconds
        return found


class Method(ABC):
    """The base class of every AES method, ours and third parties' alike.

    Attributes:
        name: what the command line and the records call it.
        title: its name in tables and figures.
        family: what kind of method it is, one of ``FAMILIES``.
        titles: {preset: its name there}; else the title with the preset in brackets.
        Config: a frozen dataclass of its settings, every default with its source.
        honours_budget: whether ``search`` keeps to ``context.budget``.
        supports_histories: whether the models that it trains give a backbone the ``sequences`` of a
            history, as those of ``context.evaluate`` and ``context.build_embedding`` do.
        drops_fields: whether 0 may be among the candidates: size 0 leaves a field out. A method
            that has a table for each candidate cannot; one that looks at none need not care.
        trains: whether ``prepare`` or ``search`` trains anything. Where they don't, the runs of
            several seeds may be retrained as one (``--pack``): what was found before a run ends is
            lost with it, which must not be hours of search.
        presets: {preset: settings}; ``name:preset`` on the command line.
        own_share: {preset: the share of UES-32's parameters that it keeps to by itself}, for
            presets that are another one at that share: under a budget they would be that one once
            more, and the study of matched budgets leaves them out.
        default_presets: what the bare name stands for; the empty preset is the plain defaults.
        space: {setting: values to choose from, or a ``Range``}; it holds the default.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    family: ClassVar[str] = "other"
    titles: ClassVar[Mapping[str, str]] = {}
    Config: ClassVar[type]
    honours_budget: ClassVar[bool] = False
    supports_histories: ClassVar[bool] = False
    drops_fields: ClassVar[bool] = False
    trains: ClassVar[bool] = True
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    own_share: ClassVar[Mapping[str, float]] = {}
    default_presets: ClassVar[tuple[str, ...]] = ("",)
    space: ClassVar[Space] = {}

    def __init__(self, config: Any = None) -> None:
        self.config = self.Config() if config is None else config

    @classmethod
    def preset(cls, text: str) -> Mapping[str, Any]:
        """Return the settings that ``name:text`` stands for.

        Raises:
            ConfigError: there is no such preset.
        """
        if text in cls.presets:
            return cls.presets[text]
        require(text == "", f"preset of '{cls.name}'", text, _presets_known(cls, text))
        return {}

    @classmethod
    def title_of(cls, preset: str) -> str:
        """Return what tables call the method with a preset."""
        return cls.titles.get(preset, f"{cls.title} ({preset})" if preset else cls.title)

    def prepare_key(self) -> Hashable:
        """Return what ``prepare`` depends on; two methods with equal keys share its result."""
        return repr(self.config)

    def prepare(self, context: Context) -> Any:
        """Train what many searches share; ``context.budget`` is None here. Default: nothing."""
        return None

    def given(self, fields: Sequence[Field]) -> Allocation | None:
        """Return the sizes where the settings are the sizes, and None where they must be found.

        Runs with given sizes may be retrained as one (``--pack``), whatever the sizes are.

        Raises:
            ConfigError: the settings do not fit the fields.
        """
        return None

    @abstractmethod
    def search(self, context: Context, prepared: Any) -> Allocation:
        """Return sizes for the fields. Must not change ``prepared`` or the context's data."""

    def score(self, context: Context, prepared: Any, allocation: Allocation) -> Metrics:
        """Return an allocation's validation metrics with inherited weights.

        Raises:
            ConfigError: the method has no shared weights to inherit.
        """
        raise ConfigError(f"method '{self.name}' cannot score an allocation without training it")

    def inherit(
        self, context: Context, prepared: Any, allocation: Allocation, model: Backbone
    ) -> None:
        """Copy the weights that the search trained into the model that will be retrained.

        Called after ``search`` on the same instance, and only if the run asks for it. Copy values
        (``tensor.copy_``), never tensors: retraining must not change ``prepared``.

        Args:
            context: of the retraining.
            prepared: what ``prepare`` returned.
            allocation: what ``search`` returned.
            model: freshly initialised, on ``context.build_embedding(allocation)``.

        Raises:
            ConfigError: the method has no weights to inherit.
        """
        raise ConfigError(f"method '{self.name}' has no weights to inherit; run without --inherit")


def _presets_known(method: type[Method], text: str) -> str:
    known = [preset for preset in method.presets if preset]
    return (", ".join(known) or "no preset") + did_you_mean(text, known)
