"""Loss by type of right in each period, with bounds."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from selvawatch.write.charts.drawing import COLOURS, HATCHES, say
from selvawatch.write.language.i18n import N_, Language
from selvawatch.write.language.sanitise import single_line
from selvawatch.write.language.vocabulary import word

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = N_("Forest loss by type of right and period")
TYPES_SHOWN = 10
"""Most types on a chart: those of most loss."""


def draw_types(figure: "Figure", rows: pd.DataFrame, titles: Mapping[str, str], lang: Language) -> None:
    """Put bars of hectares by type into a figure, one for each watched period, with their bounds.

    rows: `type`, `period`, `ha`, `ha_lo`, `ha_hi`, additive over zones; ha is NaN in a period that was not
    watched, which is left out. titles: of the periods, by name.
    """
    axes = figure.subplots()
    known = rows[rows["ha"].notna()]
    sums = known.groupby(["type", "period"], sort=False)[["ha", "ha_lo", "ha_hi"]].sum()
    kinds = sums.groupby(level="type")["ha"].sum()
    kinds = kinds[kinds > 0].sort_values(ascending=False, kind="stable").iloc[:TYPES_SHOWN]
    if kinds.empty:
        say(axes, lang.text(N_("No loss in the watched periods.")))
        return
    present = set(sums.index.get_level_values("period"))
    periods = [name for name in titles if name in present]
    periods += sorted(present - set(periods))
    height = 0.8 / len(periods)
    for number, period in enumerate(periods):
        part = sums.xs(period, level="period").reindex(kinds.index).fillna(0.0)
        at = np.arange(len(kinds)) - 0.4 + (number + 0.5) * height
        style: dict[str, Any] = {
            "color": COLOURS[number % len(COLOURS)],
            "hatch": HATCHES[number % len(HATCHES)],
        }
        label = single_line(titles.get(period, period.replace("_", " ")), 60)
        axes.barh(at, part["ha"], height=height * 0.92, edgecolor="white", label=label, **style)
        bounds = np.clip([part["ha"] - part["ha_lo"], part["ha_hi"] - part["ha"]], 0, None)
        axes.errorbar(part["ha"], at, xerr=bounds, fmt="none", ecolor="#222222", elinewidth=1, capsize=2)
    words = [_words(str(kind), lang) for kind in kinds.index]
    axes.set_yticks(range(len(kinds)), words, fontsize=9, parse_math=False)
    axes.invert_yaxis()
    axes.set_xlabel(lang.text(N_("ha; lines: confirmed pixels to rim, no error interval")), fontsize=8)
    axes.legend(fontsize=8, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)


def _words(kind: str, lang: Language) -> str:
    if kind == "outside":
        return lang.text(N_("no right is listed in the layers consulted"))
    return word(lang, "type", kind)
