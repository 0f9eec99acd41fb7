"""Measure one epoch of Wide&Deep with one uniform size on a prepared data set, time and memory.

The epoch is ``training.fit`` with the protocol's settings and one epoch, so it ends with an
evaluation on the validation split. Memory is the process's greatest resident set during the epoch,
beside what the model needs: its tables, twice their size for Adam's moments (untouched rows of
which the kernel never hands out), and the rest.

    python tests/benchmarks/click_log_training.py criteo --data-dir FOLDER --cache-dir CACHE
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch

from aesbench import Allocation, TrainConfig, fit, load_dataset
from aesbench.backbones import BackboneConfig, WideDeep
from aesbench.cost import peak_memory_bytes, reset_peak_memory
from aesbench.embedding import MixedEmbedding

CPU = torch.device("cpu")
HIDDEN = {"criteo": (256, 128)}
"""The paper's widths; 128-64 for every other data set."""


def main() -> None:
    """Train, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--cache-dir", type=Path)
    parser.add_argument("--dim", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    data = load_dataset(
        arguments.dataset, data_dir=arguments.data_dir, cache_dir=arguments.cache_dir
    )
    config = TrainConfig(epochs=1)
    generator = torch.Generator().manual_seed(0)
    embedding = MixedEmbedding(
        data.fields,
        Allocation.uniform(data.fields, arguments.dim),
        unification="plain",
        final_dim=arguments.dim,
        table_std=config.table_std,
        generator=generator,
    )
    hidden = HIDDEN.get(arguments.dataset, (128, 64))
    model = WideDeep(data.fields, embedding, BackboneConfig(hidden), generator)
    values = sum(field.cardinality for field in data.fields)
    tables = 4 * values * (arguments.dim + 1)

    reset_peak_memory(CPU)
    start_s = time.perf_counter()
    result = fit(model, data.train, data.validation, config, generator)
    took_s = time.perf_counter() - start_s
    peak = peak_memory_bytes(CPU)
    print(
        f"{data.name}, {len(data.train):,} train rows, {values:,} values, UES-{arguments.dim},"
        f" batches of {config.batch_size}, {arguments.threads} threads\n"
    )
    print("| epoch s | samples/s | peak GB | tables GB | moments GB | rest GB | AUC, LogLoss |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | --- |")
    print(
        f"| {took_s:.0f} | {len(data.train) / took_s:,.0f} | {peak / 1e9:.2f}"
        f" | {tables / 1e9:.2f} | {2 * tables / 1e9:.2f} | {(peak - 3 * tables) / 1e9:.2f}"
        f" | {result.validation.auc:.4f}, {result.validation.logloss:.4f} |"
    )


if __name__ == "__main__":
    main()
