"""How soon loss was found: the share of alerts first seen within so many days of its beginning."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from selvawatch.write.charts.drawing import COLOURS, HATCHES, say
from selvawatch.write.language.i18n import N_, Language

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = N_("How soon loss was found")
WITHIN = (15, 30, 60)
"""Days from the beginning of a loss to its first detection."""


def found_within(alerts: pd.DataFrame, weights: np.ndarray) -> list[tuple[float, float]]:
    """Least and most share (0-1) of the weight of alerts first seen within each of `WITHIN` days.

    alerts: ALERTS. A loss began between two observations: the least share takes the earlier, and counts
    one as late where that is not known; the most takes the later one.
    """
    seen = alerts["first_detected"]
    longest = (seen - alerts["onset_earliest"]).dt.days.to_numpy(float)
    latest = alerts["onset_latest"].fillna(alerts["onset"])
    shortest = (seen - latest).dt.days.to_numpy(float)
    total = weights.sum()
    if not total:
        return [(0.0, 0.0) for _ in WITHIN]
    return [
        (float(weights[longest <= days].sum() / total), float(weights[shortest <= days].sum() / total))
        for days in WITHIN
    ]


def draw_promptness(figure: "Figure", alerts: pd.DataFrame, lang: Language) -> None:
    """Put bars of the shares found into a figure, of alerts and of hectares, each with its least and most.

    alerts: ALERTS; withdrawn ones are left out.
    """
    axes = figure.subplots()
    kept = alerts[alerts["status"] != "withdrawn"]
    if kept.empty:
        say(axes, lang.text(N_("No alert to date.")))
        return
    series = (
        (lang.text(N_("of alerts")), np.ones(len(kept))),
        (lang.text(N_("of hectares")), kept["ha"].to_numpy(float)),
    )
    for number, (label, weights) in enumerate(series):
        shares = 100 * np.array(found_within(kept, weights))
        at = np.arange(len(WITHIN)) + (number - 0.5) * 0.36
        style: dict[str, Any] = {"color": COLOURS[number], "hatch": HATCHES[number], "edgecolor": "white"}
        axes.bar(at, shares[:, 0], width=0.34, label=label, **style)
        reach = np.stack([np.zeros(len(WITHIN)), shares[:, 1] - shares[:, 0]]).clip(min=0)
        axes.errorbar(at, shares[:, 0], yerr=reach, fmt="none", ecolor="#222222", elinewidth=1, capsize=3)
    days = [lang.text(N_("within %(days)s days")) % {"days": days} for days in WITHIN]
    axes.set_xticks(range(len(WITHIN)), days)
    axes.set_ylim(0, 105)
    axes.set_ylabel("%")
    note = N_(
        "%(number)s alerts; bar: since the last observation without loss; line: up to the first that shows it"
    )
    axes.set_xlabel(lang.text(note) % {"number": lang.number(len(kept))}, fontsize=8)
    axes.legend(fontsize=8, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
