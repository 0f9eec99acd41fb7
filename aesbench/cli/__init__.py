"""The command line: turns flags into specs and hands them on; nothing else. A file per command."""

from __future__ import annotations

import os
import sys

import click
from rich.console import Console

from aesbench._version import __version__
from aesbench.cli.check import check
from aesbench.cli.compare import compare
from aesbench.cli.data import data
from aesbench.cli.export import export
from aesbench.cli.list import list_plugins
from aesbench.cli.merge import merge
from aesbench.cli.new_method import new_method
from aesbench.cli.records import records
from aesbench.cli.report import report
from aesbench.cli.reproduce import reproduce
from aesbench.cli.run import run
from aesbench.cli.search import search
from aesbench.cli.tabular import tabular
from aesbench.cli.tune import tune
from aesbench.cli.verify import verify
from aesbench.errors import AesbenchError
from aesbench.harness.openmp import wait_briefly

USER_ERROR = 2
INTERRUPTED = 130


def main() -> None:
    """Run the command line; a user's mistake prints one message and never a traceback."""
    wait_briefly()  # Also in commands that train in this process, none of which has torch yet.
    console = Console(stderr=True)
    try:
        sys.exit(cli.main(standalone_mode=False) or 0)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as mistake:
        mistake.show()
        sys.exit(USER_ERROR)
    except AesbenchError as mistake:
        console.print(f"[bold red]error:[/] {_plain(str(mistake))}", highlight=False)
        sys.exit(USER_ERROR)
    except (KeyboardInterrupt, click.Abort):
        console.print("interrupted; what was finished is kept: run the same command to go on")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader, `head` for one, has seen enough. Python would complain again on exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _plain(text: str) -> str:
    """Escape what rich would read as markup."""
    return text.replace("[", r"\[")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="aesbench %(version)s")
def cli() -> None:
    """Compare methods for automatic embedding-size search in deep recommender models."""


COMMANDS = (
    run,
    search,
    export,
    reproduce,
    tune,
    merge,
    compare,
    records,
    report,
    list_plugins,
    data,
    tabular,
    verify,
    new_method,
    check,
)
for command in COMMANDS:
    cli.add_command(command)
