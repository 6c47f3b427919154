"""Loss by month of each area, with the legal periods behind it."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from selvawatch.write.charts.drawing import COLOURS, say
from selvawatch.write.language.i18n import N_, Language
from selvawatch.write.language.sanitise import single_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = N_("Forest loss by month and area")
AREAS_SHOWN = 6
"""Most areas on a chart: those of most loss."""
_SHADES = ("#eef1ec", "#dfe5dc")


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalPeriod:
    """A span of days with a name."""

    title: str
    start: dt.date
    end: dt.date | None
    """First day after; None while it lasts."""


def draw_months(
    figure: "Figure", months: pd.DataFrame, periods: Sequence[LegalPeriod], lang: Language
) -> None:
    """Put one panel for each area into a figure: bars of hectares with their bounds, periods behind.

    months: `area`, `period` (`YYYY-MM`), `ha`, `ha_lo`, `ha_hi`; ha is NaN in a month that was not
    watched, which is hatched.
    """
    known = months[months["ha"].notna()]
    totals = known.groupby("area")["ha"].sum().sort_values(ascending=False, kind="stable")
    shown = list(totals.index[:AREAS_SHOWN])
    if not shown:
        say(figure.subplots(), lang.text(N_("No month was watched.")))
        return
    panels = np.atleast_1d(figure.subplots(len(shown), 1, sharex=True))
    starts = sorted(months["period"].unique())
    for number, (axes, area) in enumerate(zip(panels, shown, strict=True)):
        rows = months[months["area"] == area].set_index("period").reindex(starts)
        _panel(axes, rows, starts, periods, named=number == 0)
        axes.set_title(single_line(str(area), 60), loc="right", fontsize=9, parse_math=False)
        axes.set_ylabel("ha")
    every = max(1, len(starts) // 12)
    panels[-1].set_xticks(range(0, len(starts), every), starts[::every], rotation=45, ha="right", fontsize=8)
    bounds = lang.text(N_("lines: confirmed pixels to rim, no error interval; hatched: not watched"))
    panels[-1].set_xlabel(bounds, fontsize=8, loc="left")


def _panel(
    axes: "Axes", rows: pd.DataFrame, starts: Sequence[str], periods: Sequence[LegalPeriod], *, named: bool
) -> None:
    at, ha = np.arange(len(starts)), rows["ha"].to_numpy(float)
    seen = np.isfinite(ha)
    top = (
        max(float(np.nanmax(np.where(seen, rows["ha_hi"].to_numpy(float), np.nan), initial=0.0)), 0.1) * 1.15
    )
    axes.set_xlim(-0.5, len(starts) - 0.5)
    axes.set_ylim(0, top)
    for number, period in enumerate(periods):
        left, right = _position(starts, period.start), _position(starts, period.end)
        left, right = max(left, -0.5), min(right, len(starts) - 0.5)
        if left >= right:
            continue
        axes.axvspan(left, right, color=_SHADES[number % 2], zorder=0, linewidth=0)
        if named:
            label = single_line(period.title, 50)
            where = ((left + right) / 2, top * 0.98)
            axes.annotate(label, where, ha="center", va="top", fontsize=7, color="#333333", parse_math=False)
    low = np.clip(ha - rows["ha_lo"].to_numpy(float), 0, None)[seen]
    high = np.clip(rows["ha_hi"].to_numpy(float) - ha, 0, None)[seen]
    axes.bar(at[seen], ha[seen], color=COLOURS[0], width=0.75, zorder=2)
    bounds: dict[str, Any] = {"ecolor": "#222222", "elinewidth": 1, "capsize": 2, "zorder": 3}
    axes.errorbar(at[seen], ha[seen], yerr=[low, high], fmt="none", **bounds)
    axes.bar(at[~seen], np.full((~seen).sum(), top), color="none", edgecolor="#b5b5b0", hatch="///", zorder=1)
    axes.spines[["top", "right"]].set_visible(False)


def _position(starts: Sequence[str], day: dt.date | None) -> float:
    """Where a day lies on the axis of months."""
    if day is None:
        return float(len(starts))
    first = dt.date.fromisoformat(f"{starts[0]}-01")
    whole = (day.year - first.year) * 12 + day.month - first.month
    return whole - 0.5 + (day.day - 1) / 31
