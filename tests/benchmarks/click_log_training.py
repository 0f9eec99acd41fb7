"""Measure one epoch of Wide&Deep with one uniform size on a prepared data set, time and memory.

The epoch is ``training.fit`` with the protocol's settings and one epoch, so it ends with an
evaluation on the validation split. What it may hold is stated beside what it held: the tables
(first-order weights included), twice their size for Adam's moments, half a gigabyte, and 40 bytes
for each validation row, whose scores are sorted as a whole.

    python tests/benchmarks/click_log_training.py criteo --data-dir FOLDER --cache-dir CACHE

Then every peer that is installed trains on a slice that it can hold, and so do we: the first
``--peer-rows`` train rows in memory, the same batch size, sizes, hidden layers and threads, one
pass without an evaluation. Dense Adam moves every row of every table in every step, so the slice's
ids are renumbered to those that occur in it, which is to the peers' advantage.

Everything measured has a process of its own, and takes turns within every round. Memory is its
greatest resident set during the pass, and what of it no file backs.

    pip install aesbench[peers]
    python tests/benchmarks/click_log_training.py criteo --data-dir FOLDER --peer-rows 1000000
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from contenders import MAKERS, PACKAGES, Task, installed_peers
from machine import describe_machine
from resident import Resident

from aesbench import Allocation, Dataset, TrainConfig, fit, load_dataset
from aesbench.core import metrics
from aesbench.datasets.base import Split
from aesbench.datasets.store import open_dataset
from aesbench.models.backbones import BackboneConfig, WideDeep
from aesbench.models.embedding import MixedEmbedding

T = TypeVar("T")

HIDDEN = {"criteo": (256, 128)}
"""The paper's widths; 128-64 for every other data set."""
REST_BYTES, ROW_BYTES = 512 * 2**20, 40
"""What training may hold beyond tables and moments: at all, and for each validation row."""


@dataclass(frozen=True)
class Pass:
    """One pass over some rows.

    Attributes:
        seconds: of wall time.
        rows: trained on.
        values: rows of the tables.
        peak_bytes, own_bytes, start_bytes: as ``Resident`` has them.
        auc, logloss: after the pass, of the validation split or of the slice's own rows.
    """

    seconds: float
    rows: int
    values: int
    peak_bytes: int
    own_bytes: int
    start_bytes: int
    auc: float
    logloss: float


def train_whole(folder: Path, dim: int, threads: int) -> Pass:
    """Train on the whole split, by the protocol."""
    torch.set_num_threads(threads)
    data = open_dataset(folder)
    config = TrainConfig(epochs=1)
    with Resident() as resident:
        generator = torch.Generator().manual_seed(0)
        embedding = MixedEmbedding(
            data.fields,
            Allocation.uniform(data.fields, dim),
            unification="plain",
            final_dim=dim,
            table_std=config.table_std,
            generator=generator,
        )
        model = WideDeep(data.fields, embedding, BackboneConfig(hidden_of(data)), generator)
        start_s = time.perf_counter()
        result = fit(model, data.train, data.validation, config, generator)
        took_s = time.perf_counter() - start_s
    return Pass(
        took_s,
        len(data.train),
        sum(field.cardinality for field in data.fields),
        resident.peak_bytes,
        resident.own_bytes,
        resident.start_bytes,
        result.validation.auc,
        result.validation.logloss,
    )


def train_slice(name: str, folder: Path, rows: int, dim: int, threads: int) -> Pass:
    """Let a contender train once on the first train rows."""
    torch.set_num_threads(threads)
    data = open_dataset(folder)
    split, cardinalities = renumbered(data.train, rows)
    with Resident() as resident:
        task = Task(split, cardinalities, dim, TrainConfig().batch_size, hidden_of(data))
        contender = MAKERS[name](task)
        start_s = time.perf_counter()
        contender.train()
        took_s = time.perf_counter() - start_s
    score = metrics.score(split.labels, contender.predict())
    return Pass(
        took_s,
        len(split),
        sum(cardinalities),
        resident.peak_bytes,
        resident.own_bytes,
        resident.start_bytes,
        score.auc,
        score.logloss,
    )


def renumbered(split: Split, rows: int) -> tuple[Split, tuple[int, ...]]:
    """Return the first rows in memory, each field's ids those that occur, and how many do."""
    ids = np.empty((min(rows, len(split)), split.ids.shape[1]), np.int32)
    cardinalities = []
    for column in range(ids.shape[1]):
        found, ids[:, column] = np.unique(split.ids[: len(ids), column], return_inverse=True)
        cardinalities.append(len(found))
    return Split(ids, np.array(split.labels[: len(ids)])), tuple(cardinalities)


def hidden_of(data: Dataset) -> tuple[int, ...]:
    """Return the widths of the MLP on a data set."""
    return HIDDEN.get(data.name, (128, 64))


def alone(work: Callable[..., T], *arguments: object) -> T:
    """Return what a call returns in a new process, which has nothing else in its memory."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def show_whole(data: Dataset, taken: Pass, dim: int) -> None:
    """Print what the epoch took, and whether it kept to its bound."""
    tables = 4 * taken.values * (dim + 1)
    rest = REST_BYTES + ROW_BYTES * len(data.validation)
    bound = 3 * tables + rest
    print(
        f"{data.name} {data.hash[:16]}, {taken.rows:,} train rows, {taken.values:,} values,"
        f" UES-{dim}, hidden layers {'-'.join(map(str, hidden_of(data)))},"
        f" batches of {TrainConfig().batch_size}\n"
    )
    print("| epoch s | samples/s | peak GB | its own GB | before GB | validation AUC, LogLoss |")
    print("| ---: | ---: | ---: | ---: | ---: | --- |")
    print(
        f"| {taken.seconds:.0f} | {taken.rows / taken.seconds:,.0f} | {taken.peak_bytes / 1e9:.2f}"
        f" | {taken.own_bytes / 1e9:.2f} | {taken.start_bytes / 1e9:.2f}"
        f" | {taken.auc:.4f}, {taken.logloss:.4f} |"
    )
    print(
        f"\nTables {tables / 1e9:.2f} GB + moments {2 * tables / 1e9:.2f} GB +"
        f" {rest / 1e9:.2f} GB = {bound / 1e9:.2f} GB is the bound;"
        f" its own memory was {'within' if taken.own_bytes <= bound else 'OVER'} it."
        f" The other {(taken.peak_bytes - taken.own_bytes) / 1e9:.2f} GB of the peak are mapped"
        " files, which the kernel takes back where it needs memory.\n"
    )


def show_slice(rounds: list[dict[str, Pass]], dim: int) -> None:
    """Print every contender's best round, and ratios within each."""
    first = next(iter(rounds[0].values()))
    print(
        f"The first {first.rows:,} train rows, {first.values:,} values, UES-{dim}; best of"
        f" {len(rounds)} rounds, ratios of each\n"
    )
    print(
        "| | s | samples/s | ours / theirs, samples/s | peak GB | own GB | AUC, LogLoss, its rows |"
    )
    print("| --- | ---: | ---: | --- | ---: | ---: | --- |")
    for name in rounds[0]:
        passes = [taken[name] for taken in rounds]
        best = min(passes, key=lambda one: one.seconds)
        ratios = [taken[name].seconds / taken["aesbench"].seconds for taken in rounds]
        print(
            f"| {name} | {best.seconds:.1f} | {best.rows / best.seconds:,.0f}"
            f" | {'' if name == 'aesbench' else ', '.join(f'{ratio:.1f}' for ratio in ratios)}"
            f" | {max(one.peak_bytes for one in passes) / 1e9:.2f}"
            f" | {max(one.own_bytes for one in passes) / 1e9:.2f}"
            f" | {best.auc:.4f}, {best.logloss:.4f} |"
        )


def main() -> None:
    """Train, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--cache-dir", type=Path)
    parser.add_argument("--dim", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peer-rows", type=int, default=1_000_000, help="0 leaves the peers out")
    parser.add_argument("--rounds", type=int, default=1, help="of the slice")
    parser.add_argument("--slice-only", action="store_true", help="leave out the whole epoch")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    dim, threads = arguments.dim, arguments.threads
    data = load_dataset(
        arguments.dataset, data_dir=arguments.data_dir, cache_dir=arguments.cache_dir
    )
    peers = installed_peers() if arguments.peer_rows else []
    print(f"{describe_machine([PACKAGES[name] for name in peers])}\n", flush=True)
    if not arguments.slice_only:
        show_whole(data, alone(train_whole, data.folder, dim, threads), dim)
        sys.stdout.flush()
    if peers:
        rounds = [
            {
                name: alone(train_slice, name, data.folder, arguments.peer_rows, dim, threads)
                for name in ("aesbench", *peers)
            }
            for _ in range(arguments.rounds)
        ]
        show_slice(rounds, dim)
    elif arguments.peer_rows:
        print("No peer is installed. Run pip install aesbench[peers]")


if __name__ == "__main__":
    main()
