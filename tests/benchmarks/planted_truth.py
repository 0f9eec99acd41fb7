"""Compare the sizes that methods found on ``planted`` with the planted truth, and with chance.

    aesbench run --methods autodim,autoemb,esapn,sseds --dataset planted --seeds 5 --results DIR
    python tests/benchmarks/planted_truth.py --results DIR --methods autodim,autoemb,esapn,sseds
        [--seeds 5] [--jobs 2] [--out FILE]

For each method and seed the records in DIR give its sizes. They are scored by Spearman's
correlation of size with planted rank over the fields (0 if all sizes are equal), and by the share
of noise fields that got the smallest size of the allocation. Chance is a random allocation of the
same number of parameters (kept values, where tables are masked): its expected scores are the mean
over 1000 of them, and one of them per seed, drawn by the method ``random``, is retrained for its
AUC against the true probabilities; those records go to DIR/controls. Prints a Markdown table of
means over the seeds and of the differences from chance, with Student's 95 % intervals of the paired
differences.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from scipy.stats import spearmanr

from aesbench import Dataset, RunRecord, RunSpec, execute, load_dataset, plan, read_records
from aesbench.core.allocation import Allocation
from aesbench.harness.stages import make_context
from aesbench.report.statistics.summary import Summary, summarise
from aesbench_baselines.random_allocation import RandomAllocation

CHANCE_ALLOCATIONS = 1000


def agreement(ranks: Sequence[int], dims: Sequence[int]) -> float:
    """Return Spearman's correlation of the fields' sizes with their planted ranks."""
    if len(set(dims)) == 1:
        return 0.0
    return float(spearmanr(ranks, dims).statistic)


def thrift(ranks: Sequence[int], dims: Sequence[int]) -> float:
    """Return the share of noise fields that have the smallest size of the allocation."""
    noise = [dim for rank, dim in zip(ranks, dims, strict=True) if rank == 0]
    return sum(dim == min(dims) for dim in noise) / len(noise)


def sizes_of(allocation: Allocation) -> tuple[float, ...]:
    """Return one size per field: where sizes differ inside it, the mean that its rows keep."""
    pairs = zip(allocation.field_parameters, allocation.field_rows, strict=True)
    return tuple(parameters / rows for parameters, rows in pairs)


def control_of(data: Dataset, record: RunRecord) -> RunSpec:
    """Return the run of random sizes with the parameters of a record.

    Where these are fewer than the smallest size has, fields may be left out.
    """
    budget, candidates = record.allocation.parameters, record.spec.candidates
    if budget < candidates[0] * record.allocation.rows:
        candidates = (0, *candidates)
    (spec,) = plan(
        data,
        ["random"],
        backbones=[record.spec.backbone],
        seeds=[record.spec.seed],
        candidates=candidates,
    )
    # To within the slack below a count that the allocation itself reaches.
    return replace(spec, budget=budget, label=f"random-as-{record.spec.label}")


def chance_scores(data: Dataset, spec: RunSpec, ranks: Sequence[int]) -> tuple[float, float]:
    """Return the expected agreement and thrift of random allocations within a spec's budget."""
    method = RandomAllocation()
    scores = []
    for number in range(CHANCE_ALLOCATIONS):
        context = make_context(spec, data, torch.device("cpu"), f"chance/{number}", lambda *_: None)
        dims = method.search(context, None).dims
        scores.append((agreement(ranks, dims), thrift(ranks, dims)))
    agreements, thrifts = zip(*scores, strict=True)
    return sum(agreements) / len(scores), sum(thrifts) / len(scores)


def shown(summary: Summary, form: str) -> str:
    """Return a mean with its interval."""
    if summary.low is None:
        return f"{summary.mean:{form}}"
    return f"{summary.mean:{form}} [{summary.low:{form}}, {summary.high:{form}}]"


def main() -> None:
    """Score every method and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--methods", required=True, help="labels, comma-separated")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, help="a file for the table")
    options = parser.parse_args()

    data = load_dataset("planted", cache_dir=os.environ.get("AESBENCH_CACHE"))
    planted = (data.truth or {})["fields"]
    ranks = [planted[field.name]["rank"] for field in data.fields]
    wanted = options.methods.split(",")
    found = {
        (record.spec.label, record.spec.seed): record
        for record in read_records(options.results)
        if record.spec.dataset == "planted" and record.spec.backbone == "widedeep" and record.ok
    }
    lines = [
        "| method | n | emb. params | Spearman | − chance | noise smallest | − chance |"
        " AUC (true) | − chance |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for label in wanted:
        records = [found[label, seed] for seed in range(options.seeds)]
        controls = [control_of(data, record) for record in records]
        ran = execute(controls, data, options.results / "controls", workers=options.jobs)
        rows = []
        for record, control in zip(records, ran.records, strict=True):
            dims = sizes_of(record.allocation)
            chance = chance_scores(data, control.spec, ranks)
            own = (agreement(ranks, dims), thrift(ranks, dims))
            auc = record.metrics["test_expected"]["auc"]
            by_chance = control.metrics["test_expected"]["auc"]
            rows.append(
                (record.allocation.parameters, own[0], own[0] - chance[0], own[1])
                + (own[1] - chance[1], auc, auc - by_chance)
            )
        parameters, *scores = (summarise(column) for column in zip(*rows, strict=True))
        forms = ("+.2f", "+.2f", ".2f", "+.2f", ".4f", "+.4f")
        cells = [shown(score, form) for score, form in zip(scores, forms, strict=True)]
        cells[0], cells[2], cells[4] = (text.split(" ")[0] for text in cells[::2])
        lines.append(
            f"| {label} | {options.seeds} | {parameters.mean:,.0f} | " + " | ".join(cells) + " |"
        )
    table = "\n".join(lines) + "\n"
    print(table)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(table)


if __name__ == "__main__":
    main()
