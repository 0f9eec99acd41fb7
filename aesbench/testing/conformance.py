"""The plugin contract as checks that run on any method: ours, and third parties' on their own.

>>> from aesbench.testing import CHECKS
>>> for check in CHECKS:
...     check(MyMethod, "")

Every check takes a method class and one of its presets (``""`` is the plain defaults), trains on a
few hundred generated rows, and raises ``ContractError`` with what to change. Whatever else the
method raises passes through with its traceback.

A method whose settings take long may define a preset ``quick``: the checks lay its settings over
those of the preset under test.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from aesbench.core.allocation import Allocation
from aesbench.core.search_space import Range
from aesbench.core.settings import build_config
from aesbench.core.spec import REFERENCE_DIM
from aesbench.core.trace import Trace
from aesbench.errors import AesbenchError, ConfigError
from aesbench.models.backbones import Backbone
from aesbench.models.din import DIN, DINConfig
from aesbench.models.embedding import FieldEmbedding
from aesbench.models.randomness import global_generators, stage_generator
from aesbench.models.training import predict
from aesbench.plugins.method import Context, Method
from aesbench.testing.tiny_data import TINY_SHAPES, tiny_context

Check = Callable[[type[Method], str], None]
_BUDGETS = (0.75, 0.5)
"""Shares of UES-32's parameters that a method which honours budgets is asked for."""


class ContractError(AesbenchError):
    """A method breaks the plugin contract; the message says how and what to do."""


def check_config(method: type[Method], preset: str) -> None:
    """The preset names existing settings, and settings survive a record: frozen, plain values."""
    config = quick_config(method, preset)
    if not type(config).__dataclass_params__.frozen:
        raise ContractError(f"the Config of '{method.name}' is not frozen; settings never change")
    try:
        recorded = json.loads(json.dumps(dataclasses.asdict(config), allow_nan=False))
    except ValueError as error:
        raise ContractError(
            f"a setting of '{method.name}:{preset}' is not finite: {config}; use None for no limit"
        ) from error
    again: Any = build_config(method.Config, recorded, method.name)
    if again != config:
        raise ContractError(
            f"the settings of '{method.name}:{preset}' do not survive JSON: {config} came back as"
            f" {again}; use plain values with their types declared"
        )
    keys = [method(config).prepare_key(), method(again).prepare_key()]
    if hash(keys[0]) != hash(keys[1]) or repr(keys[0]) != repr(keys[1]):
        raise ContractError(
            f"prepare_key of '{method.name}' differs between equal settings: {keys[0]!r} and"
            f" {keys[1]!r}; build it from settings, not from objects"
        )


def check_unknown_setting(method: type[Method], preset: str) -> None:
    """A setting that does not exist is an error, not ignored."""
    unknown = {"no_such_setting": 1}
    builders: tuple[Callable[[], object], ...] = (
        lambda: build_config(method.Config, unknown, method.name),
        lambda: method.Config(**unknown),
    )
    for build in builders:
        try:
            build()
        except (ConfigError, TypeError):
            continue
        raise ContractError(
            f"the Config of '{method.name}' accepts {unknown}; let dataclass write its __init__,"
            " which refuses what it does not know"
        )


def check_space(method: type[Method], preset: str) -> None:
    """What may be tuned exists, holds its default, and gives valid settings at its ends."""
    for name, values in method.space.items():
        ends = (values.low, values.high) if isinstance(values, Range) else tuple(values)
        for value in ends:
            if type(value) not in (bool, int, float, str):
                raise ContractError(
                    f"space of '{method.name}': {name} may become {value!r}; values to tune are"
                    " numbers, texts, true or false"
                )
            build_config(method.Config, {name: value}, method.name)
        default = getattr(method.Config(), name)
        if default not in values:
            raise ContractError(
                f"space of '{method.name}': the default {name} = {default!r} is not in {values};"
                " tuning starts with it"
            )


def check_allocation(method: type[Method], preset: str) -> None:
    """The search returns an allocation of the data set's fields, on which the backbone works.

    Its masks, if any, have their values, and keep as many as they say.
    """
    _search_and_build(method, preset, tiny_context())


def check_constant_field(method: type[Method], preset: str) -> None:
    """A field whose only id is out of vocabulary does not stop the method."""
    _search_and_build(method, preset, tiny_context(shapes=(("one", 1, 1), *TINY_SHAPES)))


def check_multi_valued_field(method: type[Method], preset: str) -> None:
    """A field with several, partly padded id columns does not stop the method."""
    _search_and_build(method, preset, tiny_context(shapes=(*TINY_SHAPES, ("tags", 9, 3))))


def check_history(method: type[Method], preset: str) -> None:
    """A method that says it supports histories trains models that attend to one."""
    if not method.supports_histories:
        return
    context = tiny_context(history_of="item")

    def backbone(embedding: FieldEmbedding, generator: torch.Generator) -> Backbone:
        if not embedding.targets:
            raise ContractError(
                f"'{method.name}' says that it supports histories, and trains on an embedding"
                " without; hand context.histories on to what it is made of, or set"
                " supports_histories = False"
            )
        return DIN(context.fields, embedding, DINConfig(hidden=(8,), unit_hidden=(4,)), generator)

    _search_and_build(method, preset, replace(context, backbone=backbone))


def check_zero_candidate(method: type[Method], preset: str) -> None:
    """A method that says it can leave fields out works where 0 is a candidate."""
    if method.drops_fields:
        _search_and_build(method, preset, tiny_context(candidates=(0, 2, 8)))


def check_reproducible(method: type[Method], preset: str) -> None:
    """Equal seeds give equal allocations, whether prepared anew or searched a second time.

    The state of the global generators has no part in it.
    """
    results: list[Allocation] = []
    for global_seed in (1, 2):
        with global_generators(global_seed):
            trial = _Trial(method, preset, tiny_context())
            results += [trial.search(), trial.search()]
    for again in results[1:]:
        if again != results[0]:
            raise ContractError(
                f"'{method.name}' found {results[0].to_dict()} and then {again.to_dict()} from one"
                " seed; draw from context.generator only, and leave nothing behind in a search"
            )


def check_generators(method: type[Method], preset: str) -> None:
    """Nothing is drawn from the global generators of python, numpy and torch."""
    with global_generators(1):
        before = _global_states()
        _Trial(method, preset, tiny_context()).search()
        drawn = [name for name, state in _global_states().items() if state != before[name]]
    if drawn:
        raise ContractError(
            f"'{method.name}' draws from the global generator of {', '.join(drawn)};"
            " draw from context.generator"
        )


def check_budget(method: type[Method], preset: str) -> None:
    """A method that says it honours budgets keeps to them; others are never given one.

    Of masked tables a budget counts the kept values and the index.
    """
    if not method.honours_budget:
        return
    for share in _BUDGETS:
        context = tiny_context()
        budget = int(share * REFERENCE_DIM * sum(f.cardinality for f in context.fields))
        found = _Trial(method, preset, replace(context, budget=budget)).search()
        if found.memory_parameters > budget:
            raise ContractError(
                f"'{method.name}' returned {found.memory_parameters} embedding parameters for a"
                f" budget of {budget}{found.index_note}; keep to context.budget or set"
                " honours_budget = False"
            )


def check_inputs_unchanged(method: type[Method], preset: str) -> None:
    """Ids, labels and counts stay as they are, and a search leaves the prepared state alone.

    The state may gain entries (a cache); what is in it must keep its value.
    """
    context = tiny_context()
    data = {"fields": context.fields, "train": context.train, "validation": context.validation}
    before = dict(_contents(data, "context"))
    trial = _Trial(method, preset, context)
    prepared = dict(_contents(trial.prepared, "prepared"))
    trial.search()
    after = {**dict(_contents(data, "context")), **dict(_contents(trial.prepared, "prepared"))}
    changed = [name for name, value in (before | prepared).items() if after.get(name) != value]
    if changed:
        raise ContractError(f"'{method.name}' changes {', '.join(changed[:5])}; work on a copy")


def check_cpu(method: type[Method], preset: str) -> None:
    """On the device ``cpu`` nothing is put on a GPU, so that the method works without one."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    before = _cuda_peak_bytes()
    try:
        _Trial(method, preset, tiny_context()).search()
    except (AssertionError, RuntimeError) as error:
        if "CUDA" not in str(error) and "NVIDIA" not in str(error):
            raise
        raise ContractError(
            f"'{method.name}' needs a GPU: {error}; put tensors on context.device"
        ) from error
    if _cuda_peak_bytes() > before:
        raise ContractError(
            f"'{method.name}' puts tensors on the GPU when the context's device is the CPU;"
            " put them on context.device"
        )


def check_score(method: type[Method], preset: str) -> None:
    """A method that scores allocations gives finite metrics, and the same ones twice."""
    if method.score is Method.score:
        return
    trial = _Trial(method, preset, tiny_context())
    allocation = Allocation.uniform(trial.context.fields, trial.context.candidates[0])
    scores = [trial.method.score(trial.fresh(), trial.prepared, allocation) for _ in range(2)]
    values = dataclasses.astuple(scores[0])
    if scores[0] != scores[1] or not np.isfinite(values).all() or not 0 <= scores[0].auc <= 1:
        raise ContractError(
            f"'{method.name}' scored one allocation {scores[0]} and then {scores[1]}; a score is"
            " finite and depends on its arguments only"
        )


def check_inherit(method: type[Method], preset: str) -> None:
    """A method that hands its weights on changes the model, and hands on copies."""
    if method.inherit is Method.inherit:
        return
    trial = _Trial(method, preset, tiny_context())
    allocation = trial.search()
    context = trial.fresh()
    model = context.build_model(context.build_embedding(allocation))
    fresh = dict(_contents(model, "model"))
    prepared = dict(_contents(trial.prepared, "prepared"))
    trial.method.inherit(trial.fresh(), trial.prepared, allocation, model)
    if dict(_contents(model, "model")) == fresh:
        raise ContractError(f"'{method.name}.inherit' leaves the model as it was; copy weights")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    after = dict(_contents(trial.prepared, "prepared"))
    if any(after.get(name) != value for name, value in prepared.items()):
        raise ContractError(
            f"'{method.name}.inherit' shares tensors of the prepared state with the model, whose"
            " retraining would change them; copy values with tensor.copy_"
        )


CHECKS: tuple[Check, ...] = (
    check_config,
    check_unknown_setting,
    check_space,
    check_allocation,
    check_constant_field,
    check_multi_valued_field,
    check_history,
    check_zero_candidate,
    check_reproducible,
    check_generators,
    check_budget,
    check_inputs_unchanged,
    check_cpu,
    check_score,
    check_inherit,
)


@dataclass
class _Trial:
    """A method that has been prepared as the harness does it: without a budget."""

    method_class: type[Method]
    preset: str
    context: Context
    method: Method = field(init=False)
    prepared: Any = field(init=False)

    def __post_init__(self) -> None:
        self.method = self.method_class(quick_config(self.method_class, self.preset))
        context = replace(self._of_stage("prepare"), budget=None)
        self.prepared = self.method.prepare(context)

    def fresh(self) -> Context:
        """Return the context with the generator of a search, newly seeded."""
        return self._of_stage("search/0")

    def _of_stage(self, stage: str) -> Context:
        shape = (len(self.context.fields), len(self.context.candidates))
        return replace(self.context, generator=stage_generator(0, stage), trace=Trace(shape))

    def search(self) -> Allocation:
        """Search once and check what comes back.

        Raises:
            ContractError: it is no allocation of the context's fields.
        """
        found: object = self.method.search(self.fresh(), self.prepared)
        name = self.method_class.name
        if not isinstance(found, Allocation):
            raise ContractError(
                f"'{name}' returned {type(found).__name__}; return an aesbench.Allocation"
            )
        try:
            found.check_fits(self.context.fields)
        except AesbenchError as error:
            raise ContractError(f"'{name}' returned no valid allocation: {error}") from error
        if any(mask and mask.bits is None for mask in found.masks):
            raise ContractError(
                f"'{name}' returned masks without their values; make them with Mask.of"
            )
        return found


def quick_config(method: type[Method], preset: str) -> Any:
    """Return the settings of a preset, sped up where the method says how.

    Raises:
        ConfigError: the preset is unknown, or names settings that the method has not.
    """
    quick = method.presets.get("quick", {})
    return build_config(method.Config, {**method.preset(preset), **quick}, method.name)


def _search_and_build(method: type[Method], preset: str, context: Context) -> None:
    allocation = _Trial(method, preset, context).search()
    model = context.build_model(context.build_embedding(allocation))
    if not np.isfinite(predict(model, context.validation)).all():
        raise ContractError(f"a model with the allocation of '{method.name}' is not finite")


def _global_states() -> dict[str, object]:
    numpy_state = np.random.get_state(legacy=False)["state"]
    return {
        "python": random.getstate(),
        "numpy": (numpy_state["key"].tobytes(), numpy_state["pos"]),
        "torch": torch.get_rng_state().numpy().tobytes(),
    }


def _cuda_peak_bytes() -> int:
    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0


def _contents(value: Any, name: str, seen: set[int] | None = None) -> Iterator[tuple[str, object]]:
    """Yield the name and the value of every array, tensor and plain value inside an object."""
    seen = set() if seen is None else seen
    if isinstance(value, bool | int | float | complex | str | bytes):
        yield name, repr(value)
        return
    if id(value) in seen or isinstance(value, type) or inspect.isroutine(value):
        return
    seen.add(id(value))
    parts: Mapping[Any, Any] = {}
    if isinstance(value, torch.Tensor):
        dense = value.detach().to_dense() if value.is_sparse else value.detach()
        yield name, dense.cpu().numpy().tobytes()
    elif isinstance(value, np.ndarray):
        yield name, value.tobytes()
    elif isinstance(value, torch.Generator):
        yield name, value.get_state().numpy().tobytes()
    elif isinstance(value, set | frozenset):
        yield name, frozenset(map(repr, value))
    elif isinstance(value, Mapping):
        parts = value
    elif isinstance(value, list | tuple):
        parts = dict(enumerate(value))
    elif isinstance(value, nn.Module):
        # The mode is left out: a search may evaluate a model that preparation trained.
        own = {k: v for k, v in vars(value).items() if k[0] != "_" and k != "training"}
        parts = {
            **own,
            **dict(value.named_parameters(recurse=False)),
            **dict(value.named_buffers(recurse=False)),
            **dict(value.named_children()),
        }
    else:
        slots = {n: getattr(value, n) for n in getattr(value, "__slots__", ()) if hasattr(value, n)}
        parts = {**slots, **getattr(value, "__dict__", {})}
    for key, part in parts.items():
        yield from _contents(part, f"{name}.{key}", seen)
