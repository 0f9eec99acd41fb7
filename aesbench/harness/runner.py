"""From ``RunSpec``s to ``RunRecord``s: one run after the other, or their retrainings in packs."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch

from aesbench.core.allocation import Allocation
from aesbench.core.record import RunRecord
from aesbench.core.spec import RunSpec
from aesbench.datasets.base import Dataset
from aesbench.harness.attempt import Attempt, PreparedCache
from aesbench.harness.packing import given_sizes, protocol_of, similar
from aesbench.harness.stages import checked_device, fresh_model
from aesbench.models.backbones import Backbone
from aesbench.models.packed.layers import NotPackableError
from aesbench.models.packed.training import fit_pack
from aesbench.models.randomness import global_generators, stage_seed
from aesbench.models.training import Progress


def run(
    spec: RunSpec,
    dataset: Dataset,
    *,
    device: str = "cpu",
    progress: Progress | None = None,
    cache: PreparedCache | None = None,
    test: bool = True,
) -> RunRecord:
    """Run one spec and return its record, which says so if the run failed.

    Args:
        spec: what to run.
        dataset: the prepared data set that the spec names.
        device: ``cpu`` or ``cuda``.
        progress: told the phase, the steps done and the steps in all.
        cache: shared by runs with the same prepared state.
        test: False leaves the test split alone, for the trials of a tuning.

    Raises:
        ConfigError: the spec is for other data or another protocol, or the device is missing.
    """
    attempt = Attempt(spec, dataset, checked_device(device), progress, test=test)
    cache = cache or PreparedCache()
    allocation = attempt.search(cache)
    if allocation is None:
        return attempt.record()
    if spec.inherit or not test:
        attempt.retrain(cache, allocation)
    elif allocation in cache.retrained:
        attempt.take_over(cache.retrained[allocation])
    else:
        attempt.retrain(cache, allocation)
        if (known := attempt.retrained()) is not None:
            cache.retrained[allocation] = known
    return attempt.record()


def run_packed(
    specs: Sequence[RunSpec],
    dataset: Dataset,
    pack: int,
    *,
    device: str = "cpu",
    progress: Callable[[RunSpec], Progress] | None = None,
    cache: PreparedCache | None = None,
    test: bool = True,
) -> Iterator[RunRecord]:
    """Search specs one after the other, retrain what was found in packs; yield records as they end.

    A run whose model fails or diverges leaves its own record and harms no other. Models that cannot
    be packed are trained one by one.

    Args:
        specs: what to run.
        dataset: the prepared data set that the specs name.
        pack: the most models that are trained as one.
        device: ``cpu`` or ``cuda``.
        progress: of each spec, told the phase, the steps done and the steps in all.
        cache: shared by runs with the same prepared state.
        test: False leaves the test split alone, for the trials of a tuning.

    Raises:
        ConfigError: a spec is for other data or another protocol, or the device is missing.
    """
    place, cache = checked_device(device), cache or PreparedCache()
    waiting: dict[tuple[str, int, int, bool], list[tuple[Attempt, Allocation]]] = defaultdict(list)
    alike: dict[tuple[str, Allocation], list[Attempt]] = {}
    for spec in specs:
        told = None if progress is None else progress(spec)
        attempt = Attempt(spec, dataset, place, told, test=test)
        allocation = attempt.search(cache)
        if allocation is None:
            yield attempt.record()
        elif spec.inherit:
            attempt.retrain(cache, allocation)
            yield attempt.record()
        elif (attempt.prepare_id, allocation) in alike:
            alike[attempt.prepare_id, allocation].append(attempt)
        else:
            alike[attempt.prepare_id, allocation] = []
            rows = len(attempt.dataset.train), len(attempt.dataset.validation)
            is_alone = bool(allocation.masks) or allocation.is_hashed  # Never part of a pack.
            waiting[protocol_of(spec), *rows, is_alone].append((attempt, allocation))
    for found in waiting.values():
        are_given = all(given_sizes(attempt.spec, attempt.dataset.fields) for attempt, _ in found)
        for members in similar(found, pack, are_given=are_given):
            for attempt, allocation in _trained(members, place, cache):
                yield attempt.record()
                known = attempt.retrained()
                for other in alike[attempt.prepare_id, allocation]:
                    if known is None:
                        other.retrain(cache, allocation)
                    else:
                        other.take_over(known)
                    yield other.record()


class _Built(NamedTuple):
    """A model that is ready to be trained: of which run, on which sizes, and what it draws from."""

    attempt: Attempt
    allocation: Allocation
    model: Backbone
    generator: torch.Generator
    dropout: torch.Generator


def _trained(
    members: Sequence[tuple[Attempt, Allocation]],
    device: torch.device,
    cache: PreparedCache,
) -> Iterator[tuple[Attempt, Allocation]]:
    """Retrain and test what was found, as one where that can be; yield each when it is done."""
    left = list(members)
    if len(left) > 1:
        built: list[_Built] = []
        for attempt, allocation in members:
            seed = stage_seed(attempt.spec.seed, "retrain/globals")  # As in ``stages.retrain``.
            model: Backbone | None = None
            with attempt.guarded("retrain"), global_generators(seed):
                context, model = fresh_model(
                    attempt.spec, attempt.dataset, allocation, device, attempt.progress
                )
                dropout = torch.Generator(device).manual_seed(seed)
                if device.type == "cpu":  # It goes on where a plugin's initialisation stopped.
                    dropout.set_state(torch.get_rng_state())
                built.append(_Built(attempt, allocation, model, context.generator, dropout))
            if model is None:
                left.remove((attempt, allocation))
                yield attempt, allocation
        try:
            for attempt, allocation in _trained_as_one(built, device):
                left.remove((attempt, allocation))
                yield attempt, allocation
        except NotPackableError:
            pass  # The usual: the backbone does not say that it can be packed.
        except Exception as error:  # Whoever caused it fails again alone, and the others do not.
            warnings.warn(
                f"a pack of {len(built)} models failed and {len(left)} of them are trained one by"
                f" one: {error}",
                RuntimeWarning,
                stacklevel=2,
            )
        built.clear()  # Whatever is trained alone is measured without them.
    for attempt, allocation in left:
        attempt.retrain(cache, allocation)
        yield attempt, allocation


def _trained_as_one(
    built: Sequence[_Built],
    device: torch.device,
) -> Iterator[tuple[Attempt, Allocation]]:
    """Train models as one, test each when it stops and yield it.

    Raises:
        NotPackableError: they cannot be trained as one.
    """
    if len(built) < 2:
        raise NotPackableError("a pack has several models")
    attempts, allocations, models, generators, dropout = map(list, zip(*built, strict=True))
    spec = attempts[0].spec

    training_still = list(attempts)

    def progress(what: str, done: int, total: int) -> None:
        for attempt in training_still:
            attempt.progress(what, done, total)

    progress("retrain", 0, 1)
    data = [(attempt.dataset.train, attempt.dataset.validation) for attempt in attempts]
    training = fit_pack(models, data, spec.train, generators, dropout, progress)
    for done in training:
        attempt = attempts[done.number]
        training_still.remove(attempt)
        attempt.environment = {"pack": {"models": len(models), "width": done.width}}
        if isinstance(done.result, Exception):
            attempt.watch.add("retrain", *done.seconds)
            attempt.fail(done.result)
        else:
            attempt.finish(models[done.number], done.result, done.seconds)
        yield attempt, allocations[done.number]
