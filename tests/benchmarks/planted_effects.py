"""Show that the planted data set's effects stand clear of seed noise.

    python tests/benchmarks/planted_effects.py [--seeds 5] [--jobs 2] [--backbone widedeep]

Trains UES-16 and, from it, every change of one field's size to 2, 8 or 64, with several seeds, and
prints the mean change of the soft test AUC (scored against the true probability) in units of the
standard deviation of a UES-16 seed. Another table compares the uniform allocations with mixed
ones. With five seeds that is 195 trainings of about 12 seconds each; progress goes to stderr.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from aesbench.core import metrics
from aesbench.core.allocation import Allocation
from aesbench.core.spec import TrainConfig
from aesbench.datasets.base import Dataset
from aesbench.datasets.sources.planted import Planted
from aesbench.datasets.store import prepare
from aesbench.models.backbones import BackboneConfig, DeepFM, WideDeep
from aesbench.models.embedding import MixedEmbedding
from aesbench.models.randomness import stage_seed
from aesbench.models.training import fit, predict

CANDIDATES = (2, 8, 16, 32, 64)
BASE = 16
BACKBONES = {"widedeep": WideDeep, "deepfm": DeepFM}
Job = tuple[str, str, tuple[int, ...], int]
"""Cache folder, backbone, dimensions, seed."""


@cache
def load(cache_dir: str) -> Dataset:
    """Return the data set, prepared in the given folder."""
    return prepare(Planted(), cache_dir=Path(cache_dir))


def soft_test_auc(job: Job) -> float:
    """Train one allocation with one seed and return its soft test AUC."""
    torch.set_num_threads(1)
    cache_dir, backbone, dims, seed = job
    data, config = load(cache_dir), TrainConfig()
    generator = torch.Generator().manual_seed(stage_seed(seed, "planted_effects"))
    embedding = MixedEmbedding(
        data.fields,
        Allocation.field_wise(data.fields, dims),
        unification=BACKBONES[backbone].default_unification,
        final_dim=32,
        table_std=config.table_std,
        generator=generator,
    )
    model = BACKBONES[backbone](data.fields, embedding, BackboneConfig(), generator)
    fit(model, data.train, data.validation, config, generator)
    return metrics.auc(data.probabilities["test"], predict(model, data.test))


def mixed_dims(data: Dataset, dim: int) -> tuple[int, ...]:
    """Give the fields of a planted pair ``dim`` and all others the smallest candidate."""
    truth = data.truth or {}
    paired = {name for pair in truth["pairs"] for name in pair["fields"]}
    return tuple(dim if field.name in paired else CANDIDATES[0] for field in data.fields)


def main() -> None:
    """Train everything and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--backbone", choices=list(BACKBONES), default="widedeep")
    parser.add_argument("--changes", type=int, nargs="*", default=[2, 8, 64])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache_dir:
        report(arguments, cache_dir)


def report(arguments: argparse.Namespace, cache_dir: str) -> None:
    """Train what the arguments ask for and print it."""
    data = load(cache_dir)
    names = [field.name for field in data.fields]
    uniform = {f"UES-{dim}": (dim,) * len(names) for dim in CANDIDATES}
    base = uniform[f"UES-{BASE}"]
    changed = {
        (number, dim): base[:number] + (dim,) + base[number + 1 :]
        for number in range(len(names))
        for dim in arguments.changes
    }
    mixed = {f"{dim} in pairs, else 2": mixed_dims(data, dim) for dim in (8, 16, 32, 64)}
    whole = {**uniform, **mixed}
    wanted = list(dict.fromkeys([base, *whole.values(), *changed.values()]))
    jobs = [
        (cache_dir, arguments.backbone, dims, seed)
        for dims in wanted
        for seed in range(arguments.seeds)
    ]
    with ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as pool:
        done = []
        for job, score in zip(jobs, pool.map(soft_test_auc, jobs), strict=True):
            done.append(score)
            print(f"{len(done)}/{len(jobs)} {job[2]} {score:.4f}", file=sys.stderr, flush=True)
    scores = np.array(done).reshape(len(wanted), -1)
    auc: dict[tuple[int, ...], NDArray[np.float64]] = dict(zip(wanted, scores, strict=True))

    truth = data.truth or {}
    seed_sd = auc[base].std(ddof=1)
    print(f"{arguments.backbone}, {arguments.seeds} seeds, data {data.hash[:12]}")
    print(f"Bayes AUC {truth['bayes_auc']['test']:.4f}; seed SD of UES-{BASE} {seed_sd:.4f}\n")
    print(f"{'allocation':24s} {'AUC':>7s} {'SD':>7s} {'parameters':>11s}")
    for label, dims in whole.items():
        parameters = Allocation.field_wise(data.fields, dims).parameters
        row = auc[dims]
        print(f"{label:24s} {row.mean():7.4f} {row.std(ddof=1):7.4f} {parameters:11,d}")
    print(f"\nUES-{BASE} with one field changed: mean change of the AUC (in seed SDs)")
    print(f"{'field':14s} {'values':>6s} {'rank':>4s}", *(f"{d:>17d}" for d in arguments.changes))
    for number, field in enumerate(data.fields):
        cells = []
        for dim in arguments.changes:
            change = (auc[changed[number, dim]] - auc[base]).mean()
            cells.append(f"{change:+9.4f} ({change / seed_sd:+5.1f})")
        rank = truth["fields"][field.name]["rank"]
        print(f"{field.name:14s} {field.cardinality:6d} {rank:4d}", *cells)


if __name__ == "__main__":
    main()
