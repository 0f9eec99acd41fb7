"""Cells of the kinds that several exhibits have."""

from __future__ import annotations

from aesbench.report.names import display_name
from aesbench.report.page.exhibit import Cell
from aesbench.report.statistics.paired import Comparison
from aesbench.report.statistics.summary import Summary

COMPARISON_HEADER = (
    *("pairs", "difference", "95 % low", "95 % high", "bootstrap low", "bootstrap high"),
    *("t-test p", "Holm p", "Wilcoxon p", "Holm Wilcoxon p", "effect size", "detectable"),
)

COMPARISON_CAPTION = (
    "Paired by seed; pairs: seeds that both have, several searches of a seed entering as their"
    " mean. Intervals of 95 %: Student's, and the bootstrap's (BCa, 9,999 resamples). p: paired"
    " two-sided t-test, and Wilcoxon's signed-rank test, which with 5 pairs cannot fall below"
    " .0625; each as it is and corrected by Holm over the {family} comparisons of this table."
    " Effect size: Cohen's d_z with Hedges' correction. Detectable: the least true difference that"
    " a t-test at .05, uncorrected, would have found with a power of 80 %; a smaller one that was"
    " not found says nothing."
)


def method(label: str, name: str | None = None) -> Cell:
    """Return the cell that names a method: its label as data, its name to read."""
    return Cell(label, name or display_name(label))


def count(value: float | None) -> Cell:
    """Return a count with thousands; a mean of counts is whole where it can be."""
    if value is not None and value == int(value):
        value = int(value)
    return Cell.number(value, ",.0f")


def seeds(n: int, failed: int) -> Cell:
    """Return how many seeds there are, and how many runs failed."""
    return Cell(n, f"{n} (+{failed} failed)" if failed else str(n))


def signed(value: float | None, form: str = "+.4f", *, bold: bool = False) -> Cell:
    """Return a number that may be below 0, with a true minus sign to read."""
    cell = Cell.number(value, form)
    return Cell(cell.value, cell.text.replace("-", "−"), bold)


def share(value: float | None) -> Cell:
    """Return a share, in per cent to read."""
    cell = Cell.number(value, ".1%")
    return Cell(cell.value, cell.text.replace("-", "−"))


def p_value(value: float | None) -> Cell:
    """Return a p-value, in three decimals to read."""
    if value is not None and value < 0.001:
        return Cell(value, "<.001")
    return Cell.number(value, ".3f")


def mean_and_spread(
    summary: Summary | None, form: str = ".4f", *, bold: bool = False
) -> list[Cell]:
    """Return three cells, or dashes: the mean, the standard deviation, half Student's interval."""
    if summary is None:
        return [Cell.number(None)] * 3
    return [
        signed(summary.mean, form, bold=bold),
        Cell.number(summary.std, form),
        half_interval(summary, form),
    ]


def half_interval(summary: Summary | None, form: str = ".4f") -> Cell:
    """Return half the width of Student's interval."""
    if summary is None or summary.high is None:
        return Cell.number(None)
    half = summary.high - summary.mean
    return Cell(half, f"±{half:{form}}")


def comparison(one: Comparison) -> list[Cell]:
    """Return the cells of ``COMPARISON_HEADER``."""
    found = one.difference
    mean, low, high = (found.mean, found.low, found.high) if found else (None, None, None)
    return [
        count(one.n),
        *(signed(value) for value in (mean, low, high, one.boot_low, one.boot_high)),
        *(p_value(value) for value in (one.p, one.p_holm, one.wilcoxon_p, one.wilcoxon_holm)),
        signed(one.effect, "+.2f"),
        Cell.number(one.detectable),
    ]
