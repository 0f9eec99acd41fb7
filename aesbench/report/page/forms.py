"""The three written forms of a table, and what each takes for markup: CSV, Markdown, LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

Line = Sequence[str]


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV, numbers in full precision; None is empty."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def markdown_table(header: Line, body: Iterable[Line]) -> str:
    """Return cells, escaped already, as a Markdown table; the first column names the rows."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def latex_table(header: Line, body: Iterable[Line]) -> str:
    """Return cells, escaped already, as a booktabs tabular; the first column names the rows."""
    first, *others = (" & ".join(line) + r" \\" for line in (header, *body))
    return (
        f"\\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}\n\\toprule\n{first}\n\\midrule\n"
        + "\n".join(others)
        + "\n\\bottomrule\n\\end{tabular}\n"
    )


def markdown_bold(text: str) -> str:
    """Return escaped Markdown in bold."""
    return f"**{text}**"


def latex_bold(text: str) -> str:
    """Return escaped LaTeX in bold."""
    return f"\\textbf{{{text}}}"


_MARKDOWN = {"<": "&lt;", "&": "&amp;", **{character: "\\" + character for character in "\\|*_`[]"}}


def markdown_escape(text: str) -> str:
    """Return plain text as Markdown that shows it; white space of any kind is a space."""
    return "".join(_MARKDOWN.get(character, character) for character in " ".join(text.split()))


_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    **{character: "\\" + character for character in "&%$#_{}"},
    # What the exhibits write beyond ASCII, for a LaTeX of any age.
    "−": "$-$",
    "±": r"$\pm$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "×": r"$\times$",
    "Δ": r"$\Delta$",
    "λ": r"$\lambda$",
    "τ": r"$\tau$",
    "✓": r"$\checkmark$",
    "✗": r"$\times$",
}


def latex_escape(text: str) -> str:
    """Return plain text as LaTeX that shows it; white space of any kind is a space."""
    return "".join(_LATEX.get(character, character) for character in " ".join(text.split()))
