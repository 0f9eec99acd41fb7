"""``aesbench verify``."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from aesbench.cli.options import load_settings, plugin_option
from aesbench.cli.preparation import load

NOT_REPRODUCED = 1


@click.command()
@click.argument("name")
@click.option("--backbone", default="deepfm", show_default=True, help="widedeep or deepfm.")
@click.option("--seed", type=int, default=0, show_default=True, help="The seed of the run.")
@click.option("--epochs", type=int, default=100, show_default=True, help="The most epochs.")
@click.option(
    "--threads", type=click.IntRange(min=1), help="Default: the cores, or OMP_NUM_THREADS."
)
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:1.")
@click.option(
    "--cache-dir",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="AESBENCH_CACHE",
    help="Where prepared data go.  [env: AESBENCH_CACHE]",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="AESBENCH_DATA",
    help="The folder that holds the split's folder.  [env: AESBENCH_DATA]",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the outcome as JSON in this folder's leaderboards/, with versions and hardware.",
)
@plugin_option
def verify(
    name: str,
    backbone: str,
    seed: int,
    epochs: int,
    threads: int | None,
    device: str,
    cache_dir: Path | None,
    data_dir: Path | None,
    results: Path | None,
    plugins: tuple[Path, ...],
) -> int:
    """Train a backbone on a split of the public leaderboard, with its settings, beside its numbers.

    The exit status is 0 if AUC and LogLoss agree within .001, and 1 if they do not or if the data
    only stand in for the split.
    """
    import torch

    from aesbench.core.processors import available_cpus
    from aesbench.harness.environment import describe_environment
    from aesbench.harness.stages import checked_device
    from aesbench.leaderboards.kept import keep
    from aesbench.leaderboards.verify import find_published
    from aesbench.leaderboards.verify import verify as train_and_test
    from aesbench.terminal.verification import show_verification

    settings = load_settings(plugins, ())
    find_published(name, backbone)
    checked_device(device)
    # What torch begins with honours OMP_NUM_THREADS, but no container's quota.
    torch.set_num_threads(threads or min(torch.get_num_threads(), available_cpus()))
    dataset = load(name, settings, data_dir=data_dir, cache_dir=cache_dir, on_bad_row=None)
    outcome = train_and_test(
        dataset,
        backbone,
        seed=seed,
        device=device,
        epochs=epochs,
        progress=lambda what, done, total: click.echo(f"{what} {done} is done", err=True),
    )
    show_verification(Console(), outcome)
    if results is not None:
        path = keep(outcome, results, describe_environment(torch.device(device)))
        click.echo(f"kept in {path}", err=True)
    return 0 if outcome.is_reproduced else NOT_REPRODUCED
