"""The training loop of a pack: ``aesbench.models.training.fit`` for many models at once."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aesbench.core import metrics
from aesbench.core.spec import TrainConfig
from aesbench.datasets.base import Split
from aesbench.errors import AesbenchError
from aesbench.models.backbones import Backbone
from aesbench.models.packed.model import Pack
from aesbench.models.packed.optimizer import PackedAdam
from aesbench.models.training import (
    EVALUATION_BATCH,
    Course,
    FitResult,
    Progress,
    make_step,
)


@dataclass
class Member:
    """A model in a pack, and how it fares.

    Attributes:
        number: among the models that were given.
        model: its own modules; they get its weights in the end.
        train: the rows to learn from.
        validation: the rows that decide when to stop.
        generator: of the order of its rows.
        course: of its training.
    """

    number: int
    model: Backbone
    train: Split
    validation: Split
    generator: torch.Generator
    course: Course


@dataclass(frozen=True)
class Done:
    """A member that was trained; its model holds the weights of its best epoch, in eval mode.

    Attributes:
        number: among the models that were given.
        result: what its training left behind, or why it has none.
        seconds: its share of the wall and processor seconds, as one of those in the pack.
        width: of the row of all vectors, padding included.
    """

    number: int
    result: FitResult | AesbenchError
    seconds: tuple[float, float]
    width: int


def fit_pack(
    models: Sequence[Backbone],
    data: Sequence[tuple[Split, Split]],
    config: TrainConfig,
    generators: Sequence[torch.Generator],
    dropout: Sequence[torch.Generator],
    progress: Progress | None = None,
) -> Generator[Done, None, None]:
    """Train models as one and yield each when it stops; it then leaves the pack.

    Args:
        models: backbones of one kind and settings.
        data: of each model, the rows to learn from and those that decide when to stop; as many of
            each as any other model's, be they the same or another draw of the split.
        config: the protocol.
        generators: of each model, a CPU generator for the order of its rows.
        dropout: of each model, on its device, for dropout.
        progress: told after every epoch.

    Raises:
        NotPackableError: the backbone or the embedding does not say that it can be packed.
    """
    pack = Pack(models, config.batch_size, dropout)
    optimizer = PackedAdam(
        pack.embedding, pack.backbone, learning_rate=config.learning_rate, l2=config.l2
    )
    device = next(pack.parameters()).device
    members = [
        Member(number, model, *rows, generator, Course(config))
        for number, (model, rows, generator) in enumerate(
            zip(models, data, generators, strict=True)
        )
    ]
    take_step = make_step(pack, optimizer, device)
    share = [0.0, 0.0]
    for epoch in range(1, config.epochs + 1):
        clocks = time.perf_counter(), time.process_time()
        pack.train()
        for ids, labels in _batches(members, config.batch_size, device):
            take_step(ids, labels)
        if progress is not None:
            progress("epoch", epoch, config.epochs)
        logits = predict(pack, [member.validation for member in members], device)
        for number, clock in enumerate((time.perf_counter(), time.process_time())):
            share[number] += (clock - clocks[number]) / len(members)
        seconds, staying = (share[0], share[1]), []
        for place, member in enumerate(members):
            try:
                current = metrics.score(member.validation.labels, logits[place])
            except AesbenchError as error:
                yield Done(member.number, error, seconds, pack.width)
                continue
            if member.course.note(current):
                pack.write(place, member.model)
            if not member.course.is_over:
                staying.append(place)
                continue
            member.model.eval()
            yield Done(member.number, member.course.result(), seconds, pack.width)
        if not staying:
            return
        if len(staying) < len(members):
            pack.keep(staying)
            optimizer.keep(torch.tensor(staying, device=device))
            members = [members[place] for place in staying]
            take_step = make_step(pack, optimizer, device)


@torch.no_grad()
def predict(pack: Pack, splits: Sequence[Split], device: torch.device) -> NDArray[np.float32]:
    """Return each model's logits ``(models, rows)`` of its split, in file order, in eval mode."""
    pack.eval()
    batch = max(1, EVALUATION_BATCH // len(splits))  # As much at a time as of one model.
    each = [split.batches(batch, device=device) for split in splits]
    logits = [pack(torch.stack([ids for ids, _ in own])) for own in zip(*each, strict=True)]
    joined: NDArray[np.float32] = torch.cat(logits, 1).cpu().numpy()
    return joined


def _batches(
    members: Sequence[Member], batch_size: int, device: torch.device
) -> Generator[tuple[Tensor, Tensor], None, None]:
    """Yield each member's own batches of an epoch, side by side."""
    each = [
        member.train.batches(batch_size, device=device, shuffle=member.generator)
        for member in members
    ]
    for batches in zip(*each, strict=True):
        ids, labels = zip(*batches, strict=True)
        yield torch.stack(ids), torch.stack(labels)
