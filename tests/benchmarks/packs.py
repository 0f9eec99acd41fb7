"""Model-steps per second: packs of models beside single ones, on two processes of one thread each.

Both processes do the same at the same time, as ``--jobs 2`` does: every round takes each contender
in turn, single models (``aesbench.models.training``) first, then packs of each number
(``aesbench.models.packed``), and ratios are taken within a round, because other work on the machine
changes its speed. Rows are generated (``shapes.py``). ``mixed`` gives every model sizes of its own,
drawn from 2, 8, 16, 32 and 64, so that all are padded; memory is what a process grows by.

    python tests/benchmarks/packs.py --shapes flights,ml1m,ml100k --sizes 2,8,32,mixed --rounds 7
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from statistics import median

import psutil
import torch
from machine import describe_machine
from shapes import SHAPES, draw_rows
from torch import Tensor

from aesbench.core.allocation import Allocation
from aesbench.core.spec import TrainConfig
from aesbench.datasets.base import Field, Split
from aesbench.models import training
from aesbench.models.backbones import Backbone, BackboneConfig
from aesbench.models.embedding import MixedEmbedding
from aesbench.models.optimizer import ModelAdam
from aesbench.models.packed.model import Pack
from aesbench.models.packed.optimizer import PackedAdam
from aesbench.models.training import make_step
from aesbench.plugins.registry import BACKBONES

PROCESSES = 2
CANDIDATES = (2, 8, 16, 32, 64)
CONFIG = TrainConfig()
STEPS = 96
"""Model-steps of a contender in a round, by each process."""


Batches = Iterator[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Case:
    """What is trained.

    Attributes:
        shape: a name of ``SHAPES``.
        size: of all fields, or ``mixed``.
        backbone: ``widedeep`` or ``deepfm``.
        packs: numbers of models trained as one.
        rounds: of all contenders in turn.
    """

    shape: str
    size: str
    backbone: str
    packs: tuple[int, ...]
    rounds: int


def build(
    case: Case, split: Split, number: int
) -> tuple[Backbone, Iterator[tuple[Tensor, Tensor]]]:
    """Return a model of a case, and its endless batches."""
    shape = SHAPES[case.shape]
    fields = [Field(f"field{n}", rows) for n, rows in enumerate(shape.cardinalities)]
    generator = torch.Generator().manual_seed(number)
    if case.size == "mixed":
        drawn = torch.randint(len(CANDIDATES), (len(fields),), generator=generator)
        sizes = [CANDIDATES[index] for index in drawn.tolist()]
    else:
        sizes = [int(case.size)] * len(fields)
    backbone = BACKBONES.get(case.backbone)
    embedding = MixedEmbedding(
        fields,
        Allocation.field_wise(fields, sizes),
        unification=backbone.default_unification,
        final_dim=32,
        table_std=CONFIG.table_std,
        generator=generator,
    )
    model = backbone(fields, embedding, BackboneConfig(hidden=shape.hidden), generator)
    return model.train(), batches(split, generator)


def batches(split: Split, generator: torch.Generator) -> Batches:
    """Yield shuffled batches, pass after pass."""
    while True:
        yield from split.batches(CONFIG.batch_size, shuffle=generator)


def single(case: Case, split: Split) -> Callable[[], None]:
    """Return what takes ``STEPS`` steps of one model."""
    model, rows = build(case, split, 0)
    optimizer = ModelAdam(model, learning_rate=CONFIG.learning_rate, l2=CONFIG.l2)

    def work() -> None:
        for _ in range(STEPS):
            training.step(model, optimizer, *next(rows))

    return work


def packed(case: Case, split: Split, models: int) -> Callable[[], None]:
    """Return what takes ``STEPS`` model-steps of a pack."""
    built = [build(case, split, number) for number in range(models)]
    pack = Pack([model for model, _ in built], CONFIG.batch_size, [torch.Generator()] * models)
    optimizer = PackedAdam(
        pack.embedding, pack.backbone, learning_rate=CONFIG.learning_rate, l2=CONFIG.l2
    )
    step = make_step(pack.train(), optimizer, torch.device("cpu"))

    def work() -> None:
        for _ in range(STEPS // models):
            ids, labels = zip(*(next(rows) for _, rows in built), strict=True)
            step(torch.stack(ids), torch.stack(labels))

    return work


def measure(case: Case, together: Barrier, pipe: Connection) -> None:
    """Time every contender in turn; send seconds by round and contender, and growth in bytes."""
    torch.set_num_threads(1)
    split = draw_rows(SHAPES[case.shape].cardinalities, 200 * CONFIG.batch_size)
    makers = [single, *(partial(packed, models=models) for models in case.packs)]
    contenders, growth = [], []
    for make in makers:
        before = psutil.Process().memory_info().rss
        contenders.append(make(case, split))
        contenders[-1]()  # The first steps set up what all later ones use.
        growth.append(psutil.Process().memory_info().rss - before)
    seconds = []
    for _ in range(case.rounds):
        seconds.append([])
        for work in contenders:
            together.wait()
            start_s = time.perf_counter()
            work()
            seconds[-1].append(time.perf_counter() - start_s)
    pipe.send((seconds, growth))


def show(case: Case) -> None:
    """Measure a case on all processes and print its rows."""
    context = get_context("spawn")
    together = context.Barrier(PROCESSES)
    pipes, workers = [], []
    for _ in range(PROCESSES):
        pipe, theirs = context.Pipe()
        worker = context.Process(target=measure, args=(case, together, theirs), daemon=True)
        worker.start()
        theirs.close()
        pipes.append(pipe)
        workers.append(worker)
    answers = [pipe.recv() for pipe in pipes]
    for worker in workers:
        worker.join()
    # Steps per second of a round: those of all processes.
    rates = [
        [
            sum(STEPS // models * models / seconds[turn][number] for seconds, _ in answers)
            for number, models in enumerate((1, *case.packs))
        ]
        for turn in range(case.rounds)
    ]
    for number, models in enumerate((1, *case.packs)):
        own = [turn[number] for turn in rates]
        ratios = [turn[number] / turn[0] for turn in rates]
        name = "single" if number == 0 else f"pack of {models}"
        memory = max(growth[number] for _, growth in answers) / 2**20
        print(
            f"| {case.shape} | {case.backbone} | {case.size} | {name} | {median(own):,.0f}"
            f" | {median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}) | {memory:,.0f} |",
            flush=True,
        )


def words(text: str) -> Sequence[str]:
    """Return the words of a list such as ``flights,ml1m``."""
    return text.split(",")


def main() -> None:
    """Measure every case and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", type=words, default="flights", help=", ".join(SHAPES))
    parser.add_argument("--sizes", type=words, default="2,8,32,mixed", help="numbers, or mixed")
    parser.add_argument("--backbones", type=words, default="widedeep", help="widedeep, deepfm")
    parser.add_argument("--packs", type=words, default="1,2,4,8,16", help="models in each")
    parser.add_argument("--rounds", type=int, default=7, help="all contenders in each")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"`python {' '.join(sys.argv)}`\n\n{describe_machine()}, {PROCESSES} processes\n")
    print("| shape | backbone | sizes | | model-steps/s | times single | memory MiB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    packs = tuple(map(int, arguments.packs))
    for shape, backbone, size in product(arguments.shapes, arguments.backbones, arguments.sizes):
        show(Case(shape, size, backbone, packs, arguments.rounds))


if __name__ == "__main__":
    main()
