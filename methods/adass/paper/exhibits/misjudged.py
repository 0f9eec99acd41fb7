"""Which sizes of which fields a supernet takes for better or worse than stand-alone training finds.

Goes with Table 4, whose taus say how well a supernet ranks and not where it fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aesbench.core.phrasing import many
from aesbench.plugins.exhibit import COUNT, SIGNED, Figure, Look, Table, p_value, shown
from aesbench.report.draw.legend import look_keys, outside_legend
from aesbench.report.draw.lines import draw_given
from aesbench.report.draw.panels import panel_axes, rows_of
from aesbench.report.draw.theme import BLACK, BLUE, LABEL, SMALL, VERMILION
from aesbench.report.statistics.effects import fit_effects, worth
from aesbench.report.statistics.paired import ALPHA, holm
from aesbench.report.statistics.scores import by_method
from aesbench_methods.adass.paper.supernets import Consistency

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

LOOKS = {
    "alone": Look(BLACK, "o"),
    "Shared, Adaptive": Look(BLUE, "s"),
    "Indep, Adaptive": Look(VERMILION, "s"),
}
"""Stand-alone training, and the supernets that are held against it: ours and the paper's."""

_INTERVAL = ["mean", "low", "high"]
_PANELS_PER_ROW = 5
_UNIT = 1e-3
"""Effects of size on AUC are thousandths."""


def judge_effects(found: Consistency) -> tuple[list[Table], list[Figure], list[str]]:
    """Hold the effects of sizes in supernets against those of training alone.

    Supernets that scored fewer allocations than another are left out.

    Returns:
        What there is to show and to say; nothing where there is nothing to judge.
    """
    known = {name: own.auc for name, own in found.kinds.items() if name in LOOKS and own.taus}
    most = max(map(len, known.values()), default=0)
    parts, findings = [], []
    for name, auc in known.items():
        effects = _effects(name, auc, found.alone.sizes.loc[auc.index])
        slope = worth(auc["inherited"], auc["alone"])
        if len(auc) == most and effects is not None and slope is not None:
            parts.append(effects)
            findings.append(_finding(found.title, name, effects, slope))
    if not parts:
        return [], [], []
    table = _table(found, pd.concat(parts, axis=1))
    return [table], [_figure(table, most, findings)], findings


def _effects(name: str, auc: pd.DataFrame, sizes: pd.DataFrame) -> pd.DataFrame | None:
    """Return what each size of each field adds to AUC, alone and in supernets of this name."""
    scores = (auc["alone"], auc["inherited"], auc["inherited"] - auc["alone"])
    alone, inherited, gap = (fit_effects(own, sizes) for own in scores)
    if alone is None or inherited is None or gap is None:
        return None
    frame = alone.effects[_INTERVAL].set_axis(["alone", "alone: low", "alone: high"], axis=1)
    frame[name] = inherited.effects["mean"]
    frame[[f"{name}: {text}" for text in ("gap", "gap low", "gap high")]] = gap.effects[_INTERVAL]
    frame[f"{name}: Holm p"] = holm([None if np.isnan(p) else p for p in gap.effects["p"]])
    return frame


def _table(found: Consistency, effects: pd.DataFrame) -> Table:
    frame = effects.loc[:, ~effects.columns.duplicated()].reset_index()
    forms = {name: p_value if name.endswith(" p") else SIGNED for name in frame.columns[2:]}
    return Table(
        name=f"table4-effects-{found.name}",
        title=f"What each field's size adds to AUC: {found.title}",
        caption=(
            "Effects on validation AUC above the mean over the field's sizes: least squares over"
            f" the same allocations, stand-alone (mean of {many(found.alone.seeds, 'seed')}) and"
            " with inherited weights (mean over supernets). Gap: inherited less stand-alone. Low"
            " and high: Student's 95 % interval; p corrected by Holm over a supernet's effects."
        ),
        frame=frame,
        forms={**forms, "size": COUNT},
        detail=True,
    )


def _finding(title: str, name: str, effects: pd.DataFrame, slope: pd.Series) -> str:
    """Return how many effects a supernet misjudges, and what its differences are worth."""
    clear = effects[effects[f"{name}: Holm p"].astype(float) < ALPHA]
    text = f"{title}: '{name}' misjudges {len(clear)} of the {len(effects)} effects of a field's"
    text += " size on AUC beyond chance"
    if len(clear):
        worst = clear.reset_index().iloc[int(clear[f"{name}: gap"].abs().argmax())]
        inherited, alone = (shown(worst[column], SIGNED) for column in (name, "alone"))
        text += ", most of all" if len(clear) > 1 else ","
        text += f" size {worst['size']} of {worst['field']} ({inherited} where training alone has"
        text += f" {alone})"
    mean, low, high = (shown(_UNIT * slope[part], "{:.5f}") for part in _INTERVAL)
    return (
        f"{text}; a difference of {_UNIT:.5f} that it sees is one of {mean} [{low}, {high}] when"
        " trained alone."
    )


def _figure(data: Table, allocations: int, findings: list[str]) -> Figure:
    """Return a panel per field: its sizes' effects, alone and in the supernets."""
    looks = {name: look for name, look in LOOKS.items() if name in data.frame}
    drawn = ["field", "at", "value", "low", "high"]
    parts = [
        data.frame.reindex(columns=["field", "size", name, f"{name}: low", f"{name}: high"])
        .set_axis(drawn, axis=1)
        .assign(name=name)
        for name in looks
    ]
    effects = pd.concat(parts)
    effects[drawn[2:]] /= _UNIT
    return Figure(
        name=data.name,
        title=data.title,
        caption=(
            "Effect of a field's size (horizontal) on validation AUC, in thousandths above the mean"
            " over its sizes (vertical, one scale for all fields); black: stand-alone training,"
            f" with Student's 95 % interval, n = {allocations} allocations; colours: supernets."
        ),
        alternative=" ".join(findings),
        data=data,
        draw=partial(_draw, effects=effects, looks=looks),
        size=(9.0, 1.2 + 1.9 * rows_of(data.frame["field"].nunique(), _PANELS_PER_ROW)),
    )


def _draw(figure: Canvas, effects: pd.DataFrame, looks: Mapping[str, Look]) -> None:
    fields = by_method(effects, "field")
    axes = panel_axes(figure, len(fields), _PANELS_PER_ROW, sharey=True)
    for axis, (field, own) in zip(axes, fields.items(), strict=True):
        draw_given(axis, own, list(own["at"].unique()), looks)
        axis.set_title(field, fontsize=LABEL)
        axis.set_xlabel("size", fontsize=SMALL)
    for axis in axes[::_PANELS_PER_ROW]:
        axis.set_ylabel("effect (.001 AUC)", fontsize=SMALL)
    outside_legend(figure, look_keys(looks), "below")
