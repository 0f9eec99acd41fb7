"""Measure how well supernets rank allocations: the paper's Table 4, and ablations of the supernet.

    python tests/benchmarks/supernet_consistency.py --out DIR [--dataset planted] [--jobs 2]
        [--backbone widedeep] [--allocations 100] [--seeds 2] [--supernets 3] [--rows table4]

Trains random allocations on their own, with several seeds, and compares their validation metrics
with those of the subnets of differently trained supernets (Kendall's tau-b). The ceiling is tau
between two halves of the stand-alone seeds: no supernet can be expected to rank better. Both kinds
of scores are kept in DIR, one JSON file each, so that the command continues where it stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import kendalltau

from aesbench import Dataset, load_dataset, plan
from aesbench.allocation import Allocation
from aesbench.runner import make_context
from aesbench.training import fit
from aesbench_methods.adass import AdaSS
from aesbench_methods.adass.config import AdaSSConfig

SETS = {
    "table4": {
        f"{scheme}, {sampling}": {"scheme": scheme, "sampling": sampling}
        for scheme in ("shared", "independent")
        for sampling in ("random", "vanilla", "weight", "adaptive")
    },
}
Job = tuple[str, str, str, dict[str, Any]]
"""Data set, backbone, what to do, and its arguments."""


@cache
def dataset_of(name: str) -> Dataset:
    return load_dataset(name, data_dir=os.environ.get("AESBENCH_DATA"))


def context_of(name: str, backbone: str, seed: int, stage: str) -> Any:
    """Return the context that a run of this seed and stage would get."""
    data = dataset_of(name)
    (spec,) = plan(data, ["ues:32"], backbones=[backbone], seeds=[seed])
    return make_context(spec, data, torch.device("cpu"), stage, lambda what, done, total: None)


def stand_alone(name: str, backbone: str, dims: list[int], seed: int) -> dict[str, float]:
    """Train one allocation as the harness retrains it and return its validation metrics."""
    context = context_of(name, backbone, seed, "retrain")
    model = context.build_model(
        context.build_embedding(Allocation.field_wise(context.fields, dims))
    )
    result = fit(
        model, context.train, context.validation, context.train_config, context.generator
    ).validation
    return {"auc": result.auc, "logloss": result.logloss}


def supernet(
    name: str, backbone: str, allocations: list[list[int]], seed: int, settings: dict[str, Any]
) -> dict[str, Any]:
    """Train a supernet and return the metrics of the subnets, and its seconds."""
    context = context_of(name, backbone, seed, "prepare")
    method = AdaSS(AdaSSConfig(**settings))
    start = time.perf_counter()
    prepared = method.prepare(context)
    seconds = time.perf_counter() - start
    scores = [
        method.score(context, prepared, Allocation.field_wise(context.fields, dims))
        for dims in allocations
    ]
    epochs = context.trace.series["mean validation AUC of fixed subnets"]
    return {
        "auc": [s.auc for s in scores],
        "logloss": [s.logloss for s in scores],
        "seconds": seconds,
        "epochs": len(epochs[0]),
        "best": max(epochs[1]),
    }


def work(job: Job) -> Any:
    """Do one job in a worker process."""
    torch.set_num_threads(1)
    name, backbone, kind, arguments = job
    task = stand_alone if kind == "stand_alone" else supernet
    return task(name, backbone, **arguments)


def do(path: Path, jobs: dict[str, Job], pool: ProcessPoolExecutor) -> dict[str, Any]:
    """Do the jobs whose results the file does not hold, and return all of them."""
    done = json.loads(path.read_text()) if path.exists() else {}
    waiting = {pool.submit(work, job): key for key, job in jobs.items() if key not in done}
    for count, future in enumerate(as_completed(waiting), 1):
        done[waiting[future]] = future.result()
        path.write_text(json.dumps(done))
        print(f"{path.stem} {count}/{len(waiting)}", file=sys.stderr, flush=True)
    return {key: done[key] for key in jobs}


def tau(first: Any, second: Any) -> float:
    return float(kendalltau(first, second).statistic)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--dataset", default="planted")
    parser.add_argument("--backbone", default="widedeep")
    parser.add_argument("--allocations", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--supernets", type=int, default=3)
    parser.add_argument("--rows", default="table4", help="a set of rows, or a JSON file of them")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    rows = SETS.get(options.rows) or json.loads(Path(options.rows).read_text())
    options.out.mkdir(parents=True, exist_ok=True)

    context = context_of(options.dataset, options.backbone, 0, "retrain")
    draw = np.random.default_rng(0)
    drawn = draw.choice(context.candidates, (options.allocations, len(context.fields))).tolist()
    where = (options.dataset, options.backbone)
    spawn = get_context("spawn")
    with ProcessPoolExecutor(options.jobs, mp_context=spawn) as pool:
        trained = do(
            options.out / f"stand-alone-{options.dataset}-{options.backbone}.json",
            {
                f"{'-'.join(map(str, dims))}/{seed}": (
                    *where,
                    "stand_alone",
                    {"dims": dims, "seed": seed},
                )
                for seed in range(options.seeds)
                for dims in drawn
            },
            pool,
        )
        nets = do(
            options.out / f"supernets-{options.dataset}-{options.backbone}.json",
            {
                json.dumps([settings, seed], sort_keys=True): (
                    *where,
                    "supernet",
                    {"allocations": drawn, "seed": seed, "settings": settings},
                )
                for seed in range(options.supernets)
                for settings in rows.values()
            },
            pool,
        )

    truth = {
        metric: np.array([v[metric] for v in trained.values()]).reshape(options.seeds, -1)
        for metric in ("auc", "logloss")
    }
    halves = {metric: (v[::2].mean(0), v[1::2].mean(0)) for metric, v in truth.items()}
    print(f"{'':40} tau AUC (SD)   tau LogLoss (SD)  epochs  seconds  n={options.supernets}")
    for title, settings in rows.items():
        own = [
            nets[json.dumps([settings, seed], sort_keys=True)] for seed in range(options.supernets)
        ]
        cells = []
        for metric in ("auc", "logloss"):
            taus = [tau(net[metric], truth[metric].mean(0)) for net in own]
            cells.append(f"{np.mean(taus):.3f} ({np.std(taus):.3f})")
        epochs, seconds = (np.mean([net[name] for net in own]) for name in ("epochs", "seconds"))
        print(f"{title:40} {cells[0]}  {cells[1]}     {epochs:5.1f}  {seconds:6.1f}")
    if options.seeds > 1:
        ceiling = [f"{tau(*halves[metric]):.3f}" for metric in ("auc", "logloss")]
        print(f"{'ceiling: two halves of the seeds':40} {ceiling[0]}          {ceiling[1]}")


if __name__ == "__main__":
    main()
