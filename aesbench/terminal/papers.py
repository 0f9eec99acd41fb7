"""What papers bring: themselves, their studies and ours, and what builds exhibits."""

from __future__ import annotations

import inspect

from rich.console import Console

from aesbench.plugins.registry import EXHIBITS, PAPERS
from aesbench.terminal.table import make_table


def show_papers(console: Console) -> None:
    """Print the papers: name, title, citation, studies and provider."""
    header = ("name", "title", "citation", "studies", "provider")
    rows = []
    for name in PAPERS.names():
        paper = PAPERS.get(name)
        studies = ", ".join(study.name for study in paper.studies)
        rows.append((name, paper.title, paper.citation, studies, PAPERS.provider(name)))
    console.print(make_table(header, rows, texts=len(header), breaks=header))


def show_studies(console: Console) -> None:
    """Print the studies that can be reproduced: name, title, what a report draws, its size."""
    from aesbench.harness.studies import known_studies  # It loads torch.

    header = ("name", "title", "what a report draws", "backbones", "seeds")
    rows = [
        (name, study.title, study.exhibits, ", ".join(study.backbones), str(study.seeds))
        for name, study in known_studies().items()
    ]
    console.print(make_table(header, rows, texts=len(header) - 1, breaks=header[1:-1]))


def show_exhibits(console: Console) -> None:
    """Print what builds exhibits beside papers' own: name, what it does, provider."""
    header = ("name", "what it builds", "provider")
    rows = []
    for name in EXHIBITS.names():
        says = (inspect.getdoc(EXHIBITS.get(name)) or "").partition("\n")[0]
        rows.append((name, says, EXHIBITS.provider(name)))
    console.print(make_table(header, rows, texts=len(header), breaks=header))
